package home

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/staging"
)

// Defaults are used where neither a flag nor the environment nor config.toml says otherwise.
func Defaults() Settings {
	return Settings{
		Addr: "127.0.0.1:8090", // loopback only: the drive is plain HTTP by default
		Sync: SyncBack,
		Log:  "info",
		MDNS: SwitchOff, // nothing is announced in public unasked
		TLS:  TLSSettings{Mode: SwitchOff},
		Staging: StagingSettings{
			Limit:    staging.DefaultLimit,
			Patience: Span(remote.Shipped.Full),
		},
		Cache: CacheSettings{
			Memory: 64 << 20, // a fraction of what a small machine has, and some thousand segments
			Disk:   4 << 30,  // ciphertext of what was read lately
		},
		History: HistorySettings{All: 24 * Span(time.Hour), Hourly: 7 * 24 * Span(time.Hour),
			Daily: 31 * 24 * Span(time.Hour)},
		GC: GCSettings{Auto: SwitchOn, Grace: 7 * 24 * Span(time.Hour)}, // a laptop may be away for a week's journey
	}
}

// The values of Settings.Sync.
const (
	SyncBack    = "back"    // a PUT is answered when it is durable here; the remote follows
	SyncThrough = "through" // a PUT is answered when the remote has it
)

// The values of settings that are switches: GCSettings.Auto, TLSSettings.Mode, Settings.MDNS,
// PrivacySettings.Cover.
const (
	SwitchOn  = "on"
	SwitchOff = "off"
)

// leastGrace is the shortest grace period that may be configured: a gateway that is suspended for a night must not have
// to look whether all that it refers to is still there.
const leastGrace = Span(time.Hour)

// logLevels are the values of Settings.Log.
var logLevels = []string{"error", "warn", "info", "debug"}

// Or fills what s doesn't choose from lower.
func (s Settings) Or(lower Settings) Settings {
	pick(&s.Addr, lower.Addr)
	pick(&s.Remote.URL, lower.Remote.URL)
	pick(&s.Remote.Upload, lower.Remote.Upload)
	pick(&s.Remote.Download, lower.Remote.Download)
	pick(&s.Sync, lower.Sync)
	pick(&s.Log, lower.Log)
	pick(&s.MDNS, lower.MDNS)
	pick(&s.TLS.Mode, lower.TLS.Mode)
	if s.TLS.Cert == "" && s.TLS.Key == "" { // they belong together
		s.TLS.Cert, s.TLS.Key = lower.TLS.Cert, lower.TLS.Key
	}
	pick(&s.Staging.Limit, lower.Staging.Limit)
	pick(&s.Staging.Patience, lower.Staging.Patience)
	pick(&s.History.All, lower.History.All)
	pick(&s.History.Hourly, lower.History.Hourly)
	pick(&s.History.Daily, lower.History.Daily)
	pick(&s.GC.Auto, lower.GC.Auto)
	pick(&s.GC.Grace, lower.GC.Grace)
	pick(&s.Cache.Memory, lower.Cache.Memory)
	pick(&s.Cache.Disk, lower.Cache.Disk)
	pick(&s.Device.Name, lower.Device.Name)
	pick(&s.Links.Addr, lower.Links.Addr)
	pick(&s.Links.URL, lower.Links.URL)
	pick(&s.Privacy.Cover, lower.Privacy.Cover)
	if len(s.Hosts) == 0 {
		s.Hosts = lower.Hosts
	}
	return s
}

func pick[T comparable](value *T, lower T) {
	var zero T
	if *value == zero {
		*value = lower
	}
}

// FromEnvironment reads the POSTERN_… variables. Errors name the variable.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	s := Settings{
		Addr:   getenv("POSTERN_ADDR"),
		Remote: RemoteSettings{URL: getenv("POSTERN_REMOTE")},
		Sync:   getenv("POSTERN_SYNC"),
		Log:    getenv("POSTERN_LOG"),
		MDNS:   getenv("POSTERN_MDNS"),
		TLS:    TLSSettings{Mode: getenv("POSTERN_TLS"), Cert: getenv("POSTERN_TLS_CERT"), Key: getenv("POSTERN_TLS_KEY")},
		Device: DeviceSettings{Name: getenv("POSTERN_DEVICE_NAME")},
		Links:  LinkSettings{Addr: getenv("POSTERN_LINKS_ADDR"), URL: getenv("POSTERN_LINKS_URL")},
	}
	if hosts := getenv("POSTERN_HOSTS"); hosts != "" {
		s.Hosts = strings.Split(hosts, ",")
	}
	for name, size := range map[string]*Size{
		"POSTERN_STAGING_LIMIT": &s.Staging.Limit,
		"POSTERN_CACHE_MEMORY":  &s.Cache.Memory,
		"POSTERN_CACHE_DISK":    &s.Cache.Disk,
	} {
		if text := getenv(name); text != "" {
			if err := size.UnmarshalText([]byte(text)); err != nil {
				return Settings{}, fmt.Errorf("$%s: %w", name, err)
			}
		}
	}
	for name, rates := range map[string]*Rates{
		"POSTERN_REMOTE_UPLOAD":   &s.Remote.Upload,
		"POSTERN_REMOTE_DOWNLOAD": &s.Remote.Download,
	} {
		if text := getenv(name); text != "" {
			if err := rates.UnmarshalText([]byte(text)); err != nil {
				return Settings{}, fmt.Errorf("$%s: %w", name, err)
			}
		}
	}
	s.GC.Auto, s.Privacy.Cover = getenv("POSTERN_GC_AUTO"), getenv("POSTERN_PRIVACY_COVER")
	for name, span := range map[string]*Span{
		"POSTERN_STAGING_PATIENCE": &s.Staging.Patience,
		"POSTERN_HISTORY_ALL":      &s.History.All,
		"POSTERN_HISTORY_HOURLY":   &s.History.Hourly,
		"POSTERN_HISTORY_DAILY":    &s.History.Daily,
		"POSTERN_GC_GRACE":         &s.GC.Grace,
	} {
		if text := getenv(name); text != "" {
			if err := span.UnmarshalText([]byte(text)); err != nil {
				return Settings{}, fmt.Errorf("$%s: %w", name, err)
			}
		}
	}
	if err := s.Check(); err != nil {
		return Settings{}, fmt.Errorf("the environment's POSTERN_ settings: %w", err)
	}
	return s, nil
}

// Check looks at every value that is set. It says which setting is wrong and what it may be.
func (s Settings) Check() error {
	for name, addr := range map[string]string{"addr": s.Addr, "links.addr": s.Links.Addr} {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			return fmt.Errorf("%s %q is not HOST:PORT, such as 127.0.0.1:8090", name, addr)
		}
	}
	if s.Links.URL != "" {
		if _, err := (crypto.Link{}).URL(s.Links.URL); err != nil {
			return fmt.Errorf("links.url: %w, such as https://drive.example.org", err)
		}
	}
	if s.Sync != "" && s.Sync != SyncBack && s.Sync != SyncThrough {
		return fmt.Errorf("sync %q is neither %q nor %q", s.Sync, SyncBack, SyncThrough)
	}
	if s.Log != "" && !slices.Contains(logLevels, s.Log) {
		return fmt.Errorf("log %q is none of %s", s.Log, strings.Join(logLevels, ", "))
	}
	if s.Staging.Limit < 0 {
		return fmt.Errorf("staging.limit can't be off: it is what the drive keeps until the remote has it")
	}
	for name, value := range map[string]string{"gc.auto": s.GC.Auto, "tls.mode": s.TLS.Mode, "mdns": s.MDNS,
		"privacy.cover": s.Privacy.Cover} {
		if value != "" && value != SwitchOn && value != SwitchOff {
			return fmt.Errorf("%s %q is neither %q nor %q", name, value, SwitchOn, SwitchOff)
		}
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		return fmt.Errorf("tls.cert and tls.key go together: name the certificate and its key, or neither")
	}
	if s.GC.Grace != 0 && s.GC.Grace < leastGrace {
		return fmt.Errorf("gc.grace %v is too short: other devices' commits under way could lose what they refer to; use "+
			"an hour or more", s.GC.Grace)
	}
	if h := s.History; h.All > 0 && h.Hourly > 0 && h.All > h.Hourly || h.Hourly > 0 && h.Daily > 0 && h.Hourly > h.Daily {
		return fmt.Errorf("history.all, hourly and daily (%v, %v, %v) must not fall: each is counted from now", h.All,
			h.Hourly, h.Daily)
	}
	if s.Device.Name != "" && DeviceName(func() (string, error) { return s.Device.Name, nil }) != s.Device.Name {
		return fmt.Errorf("device.name %q must be up to %d letters, digits, - and _", s.Device.Name, maxDeviceName)
	}
	return nil
}
