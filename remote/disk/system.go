package disk

import (
	"errors"
	"io/fs"
	"os"
)

// syncer makes files and folders durable. Tests put one in between to see what was synced when, and to fail.
type syncer interface {
	file(f *os.File) error
	folder(path string) error
}

// osSync asks the system.
type osSync struct{}

// file syncs the bytes of an open file.
func (osSync) file(f *os.File) error { return f.Sync() }

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
