package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// partSuffix is added to the name of a bundle while it is being written.
const partSuffix = ".part"

// WriteFile writes a bundle by write and gives it its name when it is whole and synced, so that a cut export never looks
// like a bundle; what it leaves behind after a crash is replaced by the next. A file that is there is replaced only then.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	part := path + partSuffix
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer func() {
		if err != nil {
			if gone := os.Remove(part); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a name durable where the system can do that; a stick with FAT under Windows can't, and has no need to.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}
