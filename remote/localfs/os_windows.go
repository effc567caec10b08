package localfs

import (
	"errors"
	"io/fs"
	"syscall"
)

const dirsCanSync = false

// Windows has no such flags.
const (
	noFollow    = 0
	nonBlocking = 0
)

// alone returns true: Stat returns no number of names on Windows.
func alone(fs.FileInfo) bool { return true }

// The two error codes of Windows for a full disk (winerror.h).
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
)

func isFullHere(err error) bool {
	return errors.Is(err, errorHandleDiskFull) || errors.Is(err, errorDiskFull)
}
