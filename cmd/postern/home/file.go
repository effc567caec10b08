package home

import (
	"io/fs"
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

// sharedFolder reports whether users other than the owner can write to a folder. On Windows a user's profile is closed to others.
func sharedFolder(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0
}

// private tells whether only the owner can read a file. Windows has no such bits; a user's profile is closed there.
func private(info fs.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0
}
