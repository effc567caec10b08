package home

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// environment makes a getenv of pairs.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// made is a fresh home.
func made(t *testing.T) Home {
	t.Helper()
	h := Home(filepath.Join(t.TempDir(), "home"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	return h
}

// sentenceWith fails unless err is one line that holds every part.
func sentenceWith(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %q", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q lacks %q", err, part)
		}
	}
}

func TestLocate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of Unix")
	}
	for _, c := range []struct {
		name, flag string
		env        []string
		want       Home
	}{
		{"flag over environment", "/a", []string{"POSTERN_HOME", "/b"}, "/a"},
		{"environment", "", []string{"POSTERN_HOME", "/b", "HOME", "/u"}, "/b"},
		{"a path is cleaned", "/a/../c/", nil, "/c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Locate(c.flag, environment(c.env...))
			if err != nil || got != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
	if _, err := Locate("", environment("HOME", "relative")); runtime.GOOS != "windows" {
		sentenceWith(t, err, "--home", "$POSTERN_HOME")
	}
}

func TestDataFolder(t *testing.T) {
	for _, c := range []struct {
		goos string
		env  []string
		want string
	}{
		{"linux", []string{"HOME", "/home/u"}, "/home/u/.local/share"},
		{"linux", []string{"HOME", "/home/u", "XDG_DATA_HOME", "/data"}, "/data"},
		{"linux", []string{"HOME", "/home/u", "XDG_DATA_HOME", "data"}, "/home/u/.local/share"},
		{"darwin", []string{"HOME", "/Users/u", "XDG_DATA_HOME", "/data"}, "/Users/u/Library/Application Support"},
		{"windows", []string{"LocalAppData", `C:\Users\u\AppData\Local`}, `C:\Users\u\AppData\Local`},
	} {
		if got := filepath.ToSlash(dataFolder(c.goos, environment(c.env...))); got != c.want &&
			got != filepath.ToSlash(c.want) {
			t.Errorf("%s %v: %q, want %q", c.goos, c.env, got, c.want)
		}
	}
}

func TestMake(t *testing.T) {
	h := made(t)
	if err := h.Make(); err != nil {
		t.Fatalf("making it twice: %v", err)
	}
	info, err := os.Stat(string(h))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the home is open to others: %v", info.Mode())
	}
	file := Home(filepath.Join(string(h), "file"))
	if err := os.WriteFile(string(file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sentenceWith(t, file.Make(), string(file), "--home")
	sentenceWith(t, Home(filepath.Join(string(file), "below")).Make(), "--home")
}

func TestLock(t *testing.T) {
	h := made(t)
	first, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Lock()
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("the second lock: %v", err)
	}
	sentenceWith(t, err, h.String(), "in use", "stop that gateway")
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := h.Lock()
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockWithoutNumber(t *testing.T) {
	h := made(t)
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	if err := os.WriteFile(h.lockFile(), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = h.Lock()
	sentenceWith(t, err, "another process")
}

func TestPassword(t *testing.T) {
	h := made(t)
	first, err := h.ReadPassword(bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	if first != strings.Repeat("a", 26) {
		t.Errorf("sixteen zeros make %q", first)
	}
	if info, err := os.Stat(h.Password()); err != nil || !private(info) {
		t.Errorf("the password is open to others: %v %v", info, err)
	}
	second, err := h.ReadPassword(nil) // nil: nothing is drawn again
	if err != nil || second != first {
		t.Errorf("read back: %q, %v", second, err)
	}
	for _, bad := range []string{"", "\n", "two\nlines\n", "\x00"} {
		if err := os.WriteFile(h.Password(), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := h.ReadPassword(nil)
		sentenceWith(t, err, h.Password(), "one line")
	}
	if err := os.WriteFile(h.Password(), []byte("own choice\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := h.ReadPassword(nil); err != nil || got != "own choice" {
		t.Errorf("a password of the user's: %q, %v", got, err)
	}
	if _, err := made(t).ReadPassword(bytes.NewReader(nil)); err == nil {
		t.Error("a password without randomness")
	}
}

func TestDeviceName(t *testing.T) {
	for host, want := range map[string]string{
		"laptop": "laptop", "Laptop.fritz.box": "Laptop", "bob's mac/book": "bobsmacbook", "": "device", "...": "device",
		"größe-1_b": "größe-1_b", strings.Repeat("ü", 40): strings.Repeat("ü", 32),
	} {
		if got := DeviceName(func() (string, error) { return host, nil }); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
	if got := DeviceName(func() (string, error) { return "x", errors.New("no name") }); got != "device" {
		t.Errorf("without a host name: %q", got)
	}
}
