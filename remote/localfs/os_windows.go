package localfs

import (
	"errors"
	"syscall"
)

const dirsCanSync = false

// The two codes by which Windows says that a disk is full (winerror.h).
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
)

func isFullHere(err error) bool {
	return errors.Is(err, errorHandleDiskFull) || errors.Is(err, errorDiskFull)
}
