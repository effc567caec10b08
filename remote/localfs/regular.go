package localfs

import (
	"errors"
	"io/fs"
	"os"
)

// refusal is why a file is not opened. errors.Is takes it for fs.ErrInvalid.
type refusal string

func (r refusal) Error() string { return string(r) }

// Is reports whether target is fs.ErrInvalid.
func (refusal) Is(target error) bool { return target == fs.ErrInvalid }

// ErrNotRegular is why OpenRegular and OpenOwn do not open a pipe, a device, a folder or whatever else is not a regular file.
var ErrNotRegular error = refusal("it is not a regular file")

// ErrShared is why OpenOwn does not open a file that has a second name.
var ErrShared error = refusal("it has a second name (a hard link), so writing to it would change another file as well")

// OpenRegular opens a regular file that the user named, for reading. It follows links. Everything that is not a regular file is
// refused before it is opened: a pipe would block, and opening a device may have effects.
func OpenRegular(path string) (*os.File, error) {
	return openIf(path, os.O_RDONLY, os.Stat)
}

// OpenOwn opens a regular file that the program named itself, with a flag of package os. It does not follow a link at the end of
// the path, and with O_RDWR or O_WRONLY it refuses a file that has a second name.
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

// openIf opens a path if what stat shows is a regular file, or nothing and flag has it made.
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
	// Somebody else may have put something there since.
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = refused
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
