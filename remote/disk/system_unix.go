//go:build unix

package disk

import (
	"io/fs"
	"syscall"
)

// The flags with which files of the store are opened, beside those that they are opened for.
const (
	nonBlocking = syscall.O_NONBLOCK  // don't wait for the other end of a pipe
	onlyFolder  = syscall.O_DIRECTORY // fail on anything but a folder
)

// named reports whether an open file still has a name in some folder.
func named(info fs.FileInfo) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	return !ok || sys.Nlink > 0
}
