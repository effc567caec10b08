package home

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// Defaults are used where neither a flag nor the environment nor config.toml says otherwise.
func Defaults() Settings {
	return Settings{
		Addr:    "127.0.0.1:8090", // loopback only: the drive is plain HTTP
		Sync:    SyncBack,
		Log:     "info",
		Staging: StagingSettings{Limit: 16 << 30}, // room for some films while the remote is away
		Cache: CacheSettings{
			Memory: 64 << 20, // a fraction of what a small machine has, and some thousand segments
			Disk:   4 << 30,  // ciphertext of what was read lately
		},
	}
}

// The values of Settings.Sync.
const (
	SyncBack    = "back"    // a PUT is answered when it is durable here; the remote follows
	SyncThrough = "through" // a PUT is answered when the remote has it
)

// logLevels are the values of Settings.Log.
var logLevels = []string{"error", "warn", "info", "debug"}

// Or fills what s doesn't choose from lower.
func (s Settings) Or(lower Settings) Settings {
	pick(&s.Addr, lower.Addr)
	pick(&s.Remote, lower.Remote)
	pick(&s.Sync, lower.Sync)
	pick(&s.Log, lower.Log)
	pick(&s.Staging.Limit, lower.Staging.Limit)
	pick(&s.Cache.Memory, lower.Cache.Memory)
	pick(&s.Cache.Disk, lower.Cache.Disk)
	pick(&s.Device.Name, lower.Device.Name)
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
		Remote: getenv("POSTERN_REMOTE"),
		Sync:   getenv("POSTERN_SYNC"),
		Log:    getenv("POSTERN_LOG"),
		Device: DeviceSettings{Name: getenv("POSTERN_DEVICE_NAME")},
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
	if err := s.Check(); err != nil {
		return Settings{}, fmt.Errorf("the environment's POSTERN_ settings: %w", err)
	}
	return s, nil
}

// Check looks at every value that is set. It says which setting is wrong and what it may be.
func (s Settings) Check() error {
	if s.Addr != "" {
		if _, _, err := net.SplitHostPort(s.Addr); err != nil {
			return fmt.Errorf("addr %q is not HOST:PORT, such as 127.0.0.1:8090", s.Addr)
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
	if s.Device.Name != "" && DeviceName(func() (string, error) { return s.Device.Name, nil }) != s.Device.Name {
		return fmt.Errorf("device.name %q must be up to %d letters, digits, - and _", s.Device.Name, maxDeviceName)
	}
	return nil
}
