package localfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// tempSuffix is what Replace adds to the name of an unfinished file. The next call overwrites one that a crash left
// behind.
const tempSuffix = ".tmp"

// Replace writes new contents of a file, or creates it, durably and atomically: after a crash the file has either the
// old or the new contents. After an error it has the old ones, unless the last step failed, the sync of the directory:
// then it has the new ones, and a power loss may bring back the old. Calls for the same path must not overlap. Errors
// are the system's.
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
		_ = f.Remove(temp) // if this fails, the next call overwrites it
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
