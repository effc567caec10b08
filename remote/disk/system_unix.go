//go:build unix

package disk

import (
	"io/fs"
	"os"
	"syscall"
)

// openPlain opens a regular file for reading and nothing else: whoever can write to the store's folder shall not make the
// gateway wait on a pipe, or follow a link to somewhere else.
func openPlain(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return plain(f)
}

// named tells whether an open file still has a name in some folder.
func named(info fs.FileInfo) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	return !ok || sys.Nlink > 0
}
