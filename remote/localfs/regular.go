package localfs

import (
	"errors"
	"io/fs"
	"os"
)

// refusal is the error for a file that is not opened. It matches fs.ErrInvalid.
type refusal string

func (r refusal) Error() string { return string(r) }

// Is reports whether target is fs.ErrInvalid.
func (refusal) Is(target error) bool { return target == fs.ErrInvalid }

// ErrNotRegular is the error of OpenRegular and OpenOwn for a pipe, a device, a folder or anything else but a regular
// file.
var ErrNotRegular error = refusal("it is not a regular file")

// ErrShared is the error of OpenOwn for a file that has a second name.
var ErrShared error = refusal("it has a second name (a hard link), so writing to it would change another file as well")

// OpenRegular opens a regular file that the user named, for reading. It follows links. It rejects everything but a
// regular file before opening it: a pipe would block, and opening a device may have effects.
func OpenRegular(path string) (*os.File, error) {
	return openIf(path, os.O_RDONLY, os.Stat)
}

// OpenOwn opens a regular file that the program named itself, with a flag of package os. It fails if the path itself is
// a link, and with O_RDWR or O_WRONLY it rejects a file that has a second name.
func OpenOwn(path string, flag int) (*os.File, error) {
	f, err := openIf(path, flag|noFollow, os.Lstat)
	if err != nil || flag&(os.O_RDWR|os.O_WRONLY) == 0 {
		return f, err
	}
	info, err := f.Stat()
	if err == nil && !alone(info) {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrShared}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openIf opens a path if stat shows a regular file, or shows no file and flag creates it.
func openIf(path string, flag int, stat func(string) (fs.FileInfo, error)) (*os.File, error) {
	refused := &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	info, err := stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, refused
	case err != nil && (flag&os.O_CREATE == 0 || !errors.Is(err, fs.ErrNotExist)):
		return nil, err
	}
	f, err := os.OpenFile(path, flag|nonBlocking, 0o600)
	if err != nil {
		return nil, err
	}
	// Another process may have replaced it meanwhile.
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = refused
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
