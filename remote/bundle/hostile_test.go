//go:build unix

package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/remote/bundle"
)

// TestExportFileIsNotLedElsewhere: an export does not follow, wait for or write to a foreign object in place of the
// bundle or its unfinished part.
func TestExportFileIsNotLedElsewhere(t *testing.T) {
	s, names := store(t, 2)
	for _, suffix := range []string{"", ".part"} {
		for what, put := range map[string]func(path, precious string) error{
			"a link":        func(path, precious string) error { return os.Symlink(precious, path) },
			"a link to new": func(path, precious string) error { return os.Symlink(precious+"-new", path) },
			"a pipe":        func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
			"a folder":      func(path, _ string) error { return os.Mkdir(path, 0o700) },
			"a second name": func(path, precious string) error { return os.Link(precious, path) },
		} {
			t.Run(what+suffix, func(t *testing.T) {
				dir := t.TempDir()
				precious, path := filepath.Join(t.TempDir(), "thesis.odt"), filepath.Join(dir, "drive.bundle")
				if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := put(path+suffix, precious); err != nil {
					t.Fatal(err)
				}
				_, err := bundle.ExportFile(t.Context(), s, path, at(state(5, 0)), each(names), bundle.ExportOptions{})
				replaced := what == "a second name" && suffix == "" // by a new file; the other name keeps the old one
				if (err == nil) != replaced || err != nil && !strings.Contains(err.Error(), "name another file") {
					t.Errorf("export: %v", err)
				}
				if kept, err := os.ReadFile(precious); err != nil || string(kept) != "precious" {
					t.Errorf("the file elsewhere holds %q, %v", kept, err)
				}
				if _, err := os.Lstat(precious + "-new"); err == nil {
					t.Error("a file was made elsewhere")
				}
			})
		}
	}
}
