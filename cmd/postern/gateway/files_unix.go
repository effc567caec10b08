//go:build unix

package gateway

import (
	"math"
	"syscall"
)

// openFiles returns how many files this process may have open. Go has raised the limit at the start as far as the
// system allows.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed on FreeBSD
}
