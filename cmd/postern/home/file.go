package home

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"postern/remote/localfs"
)

// writeFile replaces path by data, for its owner only, in one step that a power cut can't divide.
func writeFile(path string, data []byte) error {
	if err := localfs.Replace(localfs.OS{}, path, data); err != nil {
		return cause(err)
	}
	return nil
}

// readFile reads a regular file. It follows links, since a user may keep a file of the home elsewhere. It refuses a
// pipe or a device.
func readFile(path string) ([]byte, error) {
	f, err := localfs.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return io.ReadAll(f)
}

// checkPlain returns an error if something other than a regular file is at path, where the program is about to
// write to a file of its own. Writing through a link would change a file elsewhere, and opening a pipe would block.
func checkPlain(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: remove it, so that it is made anew", localfs.ErrNotRegular)
	}
	return err
}

// sharedFolder reports whether users other than the owner can write to a folder. On Windows a user's profile is closed
// to others.
func sharedFolder(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0
}

// private reports whether only the owner can read a file. Windows has no such bits; a user's profile is closed there.
func private(info fs.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0
}
