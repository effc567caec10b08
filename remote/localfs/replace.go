package localfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// tempSuffix is what Replace adds to the name of a file that is not whole yet. One that a crash left is written over by the next.
const tempSuffix = ".tmp"

// Replace gives a file new contents, or makes it, durably and in one step that no crash divides: the file has the old contents or the
// new, whole. After an error it has the old ones, unless what failed is the last step, the sync of the directory: then the new ones
// are seen, and a power loss may bring back the old. One call at a time for a path. Errors are the system's.
func Replace(f FS, path string, contents []byte) error {
	temp := path + tempSuffix
	if err := f.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.Create(temp)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(contents, 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.Rename(temp, path)
	}
	if err != nil {
		_ = f.Remove(temp) // the next call does, if this fails
		return err
	}
	return f.SyncDir(filepath.Dir(path))
}

// Read reads a whole file. Errors are the system's.
func Read(f FS, path string) ([]byte, error) {
	file, err := f.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p := make([]byte, size)
	if n, err := file.ReadAt(p, 0); n < len(p) {
		return nil, errors.Join(err, file.Close())
	}
	return p, file.Close()
}
