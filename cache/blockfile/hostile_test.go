//go:build unix

package blockfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"postern/cache/tier"
)

// TestFilesAreNotLedElsewhere: the tier neither writes through a link nor waits for a pipe in place of a block.
func TestFilesAreNotLedElsewhere(t *testing.T) {
	dir := t.TempDir()
	precious, path := filepath.Join(dir, "thesis.odt"), filepath.Join(dir, "block")
	for what, put := range map[string]func() error{
		"a link":        func() error { return os.Symlink(precious, path) },
		"a second name": func() error { return os.Link(precious, path) },
		"a pipe":        func() error { return unix.Mkfifo(path, 0o600) },
	} {
		if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		for _, flags := range []int{os.O_RDONLY, os.O_WRONLY} {
			if f, err := openFile(path, flags); err == nil {
				f.Close()
				t.Errorf("%s was opened", what)
			}
		}
		f, err := create(path)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := errors.Join(writeBlock(f, 0, tier.Entry{Block: tier.Block{Data: []byte("x"), Size: 1}}),
			f.Close()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if kept, err := os.ReadFile(precious); err != nil || string(kept) != "precious" {
			t.Errorf("%s: the file elsewhere holds %q, %v", what, kept, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
