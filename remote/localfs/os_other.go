//go:build !windows && !js

package localfs

import (
	"io/fs"
	"syscall"
)

const dirsCanSync = true

// The flags of OpenRegular: it fails on a symbolic link and does not wait for the other end of a pipe.
const (
	noFollow    = syscall.O_NOFOLLOW
	nonBlocking = syscall.O_NONBLOCK
)

// alone reports whether a file has no other name.
func alone(info fs.FileInfo) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	return !ok || sys.Nlink <= 1
}

func isFullHere(error) bool { return false }
