//go:build unix

package localfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"postern/remote/localfs"
)

// TestOnlyRegularFilesAreOpened: a pipe does not block, a link is followed only where the user named it.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe, second := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir,
		"pipe"), filepath.Join(dir, "second")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	must(t, os.Symlink(file, link))
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, c := range []struct {
		path         string
		regular, own error
	}{{file, nil, nil}, {link, nil, localfs.ErrNotRegular}, {pipe, localfs.ErrNotRegular, localfs.ErrNotRegular},
		{dir, localfs.ErrNotRegular, localfs.ErrNotRegular}} {
		f, err := localfs.OpenRegular(c.path)
		if !errors.Is(err, c.regular) || err == nil && f.Close() != nil {
			t.Errorf("OpenRegular %s: %v", c.path, err)
		}
		f, err = localfs.OpenOwn(c.path, os.O_RDWR)
		if !errors.Is(err, c.own) || err == nil && f.Close() != nil {
			t.Errorf("OpenOwn %s: %v", c.path, err)
		}
		opened, err := localfs.OS{}.Open(c.path)
		if !errors.Is(err, c.own) || err == nil && opened.Close() != nil {
			t.Errorf("OS.Open %s: %v", c.path, err)
		}
	}
	must(t, os.Link(file, second))
	if _, err := localfs.OpenOwn(file, os.O_RDWR); !errors.Is(err, localfs.ErrShared) {
		t.Errorf("OpenOwn of a file with a second name: %v", err)
	}
}
