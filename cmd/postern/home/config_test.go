package home

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/crypto/alloctest"
)

func TestConfig(t *testing.T) {
	h := made(t)
	if s, err := h.ReadConfig(); err != nil || !reflect.DeepEqual(s, Settings{}) {
		t.Fatalf("no file: %+v, %v", s, err)
	}
	text := `
addr = "127.0.0.1:9000"   # another port
remote = "disk:/mnt/x"
sync = "through"
log = "debug"
hosts = ["drive.local"]
[staging]
limit = "2GiB"
[cache]
memory = 1048576
disk = "off"
[device]
name = "laptop"
`
	if err := os.WriteFile(h.Config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := h.ReadConfig()
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{Addr: "127.0.0.1:9000", Remote: RemoteSettings{URL: "disk:/mnt/x"}, Sync: "through", Log: "debug",
		Hosts:   []string{"drive.local"},
		Staging: StagingSettings{Limit: 2 << 30}, Cache: CacheSettings{1 << 20, Off}, Device: DeviceSettings{"laptop"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	want.MDNS, want.TLS = SwitchOff, TLSSettings{Mode: SwitchOff}
	want.Staging.Patience, want.History, want.GC = Defaults().Staging.Patience, Defaults().History, Defaults().GC
	if got := got.Or(Defaults()); !reflect.DeepEqual(got, want) {
		t.Errorf("defaults changed what was chosen: %+v", got)
	}
}

func TestConfigDamaged(t *testing.T) {
	h := made(t)
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"unknown key":        {"addr = \"127.0.0.1:1\"\nadr = 1\n", []string{"line 2", `"adr"`}},
		"unknown table":      {"\n[cash]\nmemory = 1\n", []string{"cash"}},
		"unknown in a table": {"[cache]\nmemry = \"1MiB\"\n", []string{"line 2", `"cache.memry"`}},
		"wrong type":         {"addr = 7\n", []string{"line 1", "addr", "in quotes is wanted"}},
		// A duration needs a unit: this is not seven nanoseconds.
		"bare time":   {"[history]\nall = 7\n", []string{"line 2", "history.all", "in quotes is wanted"}},
		"no list":     {"hosts = \"a\"\n", []string{"line 1", "hosts", `["one", "two"]`}},
		"no section":  {"cache = \"1MiB\"\n", []string{"line 1", "cache", "section"}},
		"no value":    {"addr =\n", []string{"line 1"}},
		"no TOML":     {"\x00\x00\x00", []string{"line 1"}},
		"cut short":   {"addr = \"127.0", []string{"line 1"}},
		"bad size":    {"[staging]\nlimit = \"many\"\n", []string{"line 2", "many", "64MiB"}},
		"bad sync":    {"sync = \"sometimes\"\n", []string{"sync", "sometimes", "through"}},
		"bad address": {"addr = \"8090\"\n", []string{"addr", "HOST:PORT"}},
		"bad page":    {"[links]\naddr = \"8099\"\n", []string{"links.addr", "HOST:PORT"}},
		"bad place":   {"[links]\nurl = \"drive.example.org\"\n", []string{"links.url", "https://"}},
		"bad level":   {"log = \"loud\"\n", []string{"log", "loud", "debug"}},
		"no staging":  {"[staging]\nlimit = \"off\"\n", []string{"staging.limit"}},
		"bad device":  {"[device]\nname = \"a/b\"\n", []string{"device.name"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(h.Config(), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := h.ReadConfig()
			sentenceWith(t, err, append(c.says, h.Config())...)
		})
	}
}

func TestPrecedence(t *testing.T) {
	env, err := FromEnvironment(environment("POSTERN_ADDR", "127.0.0.1:2", "POSTERN_SYNC", "through",
		"POSTERN_CACHE_DISK", "off", "POSTERN_STAGING_LIMIT", "1MiB", "POSTERN_HOSTS", "a,b", "POSTERN_TLS", "on",
		"POSTERN_TLS_CERT", "/c", "POSTERN_TLS_KEY", "/k"))
	if err != nil {
		t.Fatal(err)
	}
	flags := Settings{Addr: "127.0.0.1:1"}
	config := Settings{MDNS: "on", TLS: TLSSettings{Mode: "off", Cert: "/other", Key: "/other"}, Addr: "127.0.0.1:3",
		Sync: "back", Log: "warn", Cache: CacheSettings{Disk: 5}, Hosts: []string{"c"}}
	got := flags.Or(env).Or(config).Or(Defaults())
	want := Settings{MDNS: "on", TLS: TLSSettings{Mode: "on", Cert: "/c", Key: "/k"}, Addr: "127.0.0.1:1", Sync: "through",
		Log: "warn", Hosts: []string{"a", "b"},
		Staging: StagingSettings{Limit: 1 << 20, Patience: Defaults().Staging.Patience},
		Cache:   CacheSettings{Memory: Defaults().Cache.Memory, Disk: Off},
		History: Defaults().History, GC: Defaults().GC}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for name, value := range map[string]string{"POSTERN_SYNC": "maybe", "POSTERN_CACHE_MEMORY": "-1", "POSTERN_LOG": "x",
		"POSTERN_GC_AUTO": "yes", "POSTERN_TLS": "true", "POSTERN_TLS_KEY": "/k", "POSTERN_MDNS": "local", "POSTERN_PRIVACY_COVER": "1",
		"POSTERN_GC_GRACE": "5m", "POSTERN_HISTORY_ALL": "ever", "POSTERN_STAGING_PATIENCE": "long"} {
		_, err := FromEnvironment(environment(name, value))
		sentenceWith(t, err, "POSTERN_")
	}
}

// TestChecked covers settings that are wrong only in combination.
func TestChecked(t *testing.T) {
	nine := Settings{History: HistorySettings{All: 9 * 7 * 24 * Span(time.Hour)}}
	sentenceWith(t, nine.Or(Defaults()).Check(), "history.all")
	none := HistorySettings{All: NoTime, Hourly: NoTime, Daily: NoTime}
	if err := (Settings{History: none}).Or(Defaults()).Check(); err != nil {
		t.Error(err)
	}
}

func TestDefaultsAreRight(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(Defaults().Addr, "127.0.0.1:") {
		t.Error("the drive is not for the network unless asked")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"1": 1, "4096": 4096, "64MiB": 64 << 20, "1.5 GiB": 3 << 29, "500 MB": 500_000_000, "2TiB": 2 << 40, "7B": 7,
		" 8 KiB ": 8 << 10,
		"off":     Off, "0": Off,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "-5MiB", "1e9", "0x10", "NaN", "Inf", "1 PiB", "9999999TiB", "MiB", "0.1",
		"1MiB2"} {
		var got Size
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken for %d", bad, got)
		}
	}
	for size, want := range map[Size]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 5 << 30: "5 GiB",
		3 << 50: "3072 TiB", Off: "off"} {
		if got := size.String(); got != want {
			t.Errorf("%d: %q, want %q", int64(size), got, want)
		}
	}
}

func TestSizeNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Size
		if err := s.UnmarshalText([]byte(rapid.String().Draw(t, "text"))); err == nil && s != Off && s < 1 {
			t.Fatalf("a size of %d", int64(s))
		}
	})
}

// FuzzConfig: a text is rejected in one line that names the file, or results in valid settings.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("addr = \"127.0.0.1:1\"\nhosts = [\"a\"]\n[staging]\nlimit = \"2GiB\"\npatience = \"1m\"\n"))
	f.Add([]byte("[history]\nall = 7\n"))
	f.Add([]byte("[cache]\nmemory = \"off\"\ndisk = 1048576\n[tls]\nmode = \"on\"\ncert = \"c\"\nkey = \"k\"\n"))
	f.Add([]byte("a.b.c.d = [[[[{x = 1979-05-27}]]]]\n\"\\uD800\" = nan"))
	f.Fuzz(func(t *testing.T, text []byte) {
		alloctest.Check(t, len(text), func() {
			h := made(t)
			if err := os.WriteFile(h.Config(), text, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := h.ReadConfig()
			if err != nil {
				sentenceWith(t, err, h.Config())
				return
			}
			if err := s.Or(Defaults()).Check(); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		})
	})
}
