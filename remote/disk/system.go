package disk

import (
	"errors"
	"io/fs"
	"os"
)

// system is what tests put something in between of: to see what was synced when, to fail, and to be another filesystem.
type system interface {
	syncFile(f *os.File) error
	syncFolder(path string) error
	link(from, to string) error // as os.Link
}

// local asks the system that we run on.
type local struct{}

// syncFile syncs the bytes of an open file.
func (local) syncFile(f *os.File) error { return f.Sync() }

// link gives a file a second name, without replacing anything.
func (local) link(from, to string) error { return os.Link(from, to) }

// plain closes and refuses what is no regular file.
func plain(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
