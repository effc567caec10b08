package disk

import (
	"errors"
	"io/fs"
	"os"

	"postern/remote/localfs"
)

// System is how a store makes durable what it wrote. Tests put something in between: to see what was synced when, to fail, to be
// another filesystem, to lose the power.
type System interface {
	// SyncFile makes the bytes of an open file durable.
	SyncFile(f *os.File) error
	// SyncDir makes the names in a folder durable.
	SyncDir(path string) error
	// Link gives a file a second name, without replacing anything; as os.Link.
	Link(from, to string) error
}

// local is the system that we run on.
type local struct{ localfs.OS }

// SyncFile implements System.
func (local) SyncFile(f *os.File) error { return f.Sync() }

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
