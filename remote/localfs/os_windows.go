package localfs

import (
	"errors"
	"io/fs"
	"syscall"
)

const dirsCanSync = false

// There are no such flags here.
const (
	noFollow    = 0
	nonBlocking = 0
)

// alone can't be told from what Stat returns here.
func alone(fs.FileInfo) bool { return true }

// The two codes by which Windows says that a disk is full (winerror.h).
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
)

func isFullHere(err error) bool {
	return errors.Is(err, errorHandleDiskFull) || errors.Is(err, errorDiskFull)
}
