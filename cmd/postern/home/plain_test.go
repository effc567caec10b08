//go:build unix

package home

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/remote/localfs"
)

// TestOwnFilesArePlain: the home's own files are not written through links, and nothing blocks on a pipe in their
// place.
func TestOwnFilesArePlain(t *testing.T) {
	for name, open := range map[string]func(Home) error{
		"lock":    func(h Home) error { _, err := h.Lock(); return err },
		"state":   func(h Home) error { _, err := h.OpenState(); return err },
		"uploads": func(h Home) error { _, err := h.OpenUploads(); return err },
	} {
		for what, put := range map[string]func(path, precious string) error{
			"a link":         func(path, precious string) error { return os.Symlink(precious, path) },
			"a link to none": func(path, precious string) error { return os.Symlink(precious+"-new", path) },
			"a pipe":         func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
			"a folder":       func(path, _ string) error { return os.Mkdir(path, 0o700) },
		} {
			h := Home(t.TempDir())
			precious := filepath.Join(t.TempDir(), "thesis.odt")
			if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := map[string]string{"lock": h.lockFile(), "state": h.State(), "uploads": h.Uploads()}[name]
			if err := put(path, precious); err != nil {
				t.Fatal(err)
			}
			if err := open(h); !errors.Is(err, localfs.ErrNotRegular) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s as %s: %v", name, what, err)
			}
			if kept, err := os.ReadFile(precious); err != nil || string(kept) != "precious" {
				t.Errorf("%s as %s: the file elsewhere holds %q, %v", name, what, kept, err)
			}
			if _, err := os.Lstat(precious + "-new"); err == nil {
				t.Errorf("%s as %s: a file was made elsewhere", name, what)
			}
		}
	}
}

// TestReadFilesArePlain: a pipe in place of a file that is read is an error. A link is followed: a user may keep a
// secret elsewhere.
func TestReadFilesArePlain(t *testing.T) {
	for name, read := range map[string]func(Home) error{
		"account":      func(h Home) error { _, err := h.ReadAccount(); return err },
		"dav-password": func(h Home) error { _, err := h.ReadPassword(rand.Reader); return err },
		"config.toml":  func(h Home) error { _, err := h.ReadConfig(); return err },
		"exports.json": func(h Home) error { _, err := h.ReadExports(); return err },
	} {
		h := Home(t.TempDir())
		if err := syscall.Mkfifo(filepath.Join(h.String(), name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(h); !errors.Is(err, localfs.ErrNotRegular) {
			t.Errorf("%s as a pipe: %v", name, err)
		}
	}
	h := Home(t.TempDir())
	elsewhere := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(elsewhere, []byte("word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, h.Password()); err != nil {
		t.Fatal(err)
	}
	if word, err := h.ReadPassword(rand.Reader); err != nil || word != "word" {
		t.Errorf("a password that is kept elsewhere: %q, %v", word, err)
	}
}
