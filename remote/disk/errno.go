package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"postern/remote"
)

// errnos maps errors of the system to kinds. Errors that are not listed are ErrUnavailable: the user may be able to
// mend an I/O error (EIO), a stale network share or too many open files, and none of them proves a loss.
var errnos = []struct {
	is   error
	kind error
}{
	{syscall.ENOSPC, remote.ErrFull},
	{syscall.EDQUOT, remote.ErrFull},
	{syscall.EFBIG, remote.ErrFull},
	{fs.ErrPermission, remote.ErrRefused}, // EACCES, EPERM
	{syscall.EROFS, remote.ErrRefused},
	{syscall.ENOTDIR, remote.ErrRefused},
	{syscall.EISDIR, remote.ErrRefused},
	{syscall.ENAMETOOLONG, remote.ErrRefused},
	{syscall.ELOOP, remote.ErrRefused},
	{fs.ErrInvalid, remote.ErrRefused},
}

// kindOf classifies an error of the system.
func kindOf(err error) error {
	for _, e := range errnos {
		if errors.Is(err, e.is) {
			return e.kind
		}
	}
	return remote.ErrUnavailable
}

// fail turns an error of the system into a *remote.Error, and returns a *remote.Error unchanged.
func (s *Store) fail(op string, on fmt.Stringer, err error) error {
	if e, ok := errors.AsType[*remote.Error](err); ok {
		return e
	}
	if s.outside != nil && errors.Is(err, s.outside) {
		return remote.Fail(op, on, remote.ErrRefused, fmt.Errorf("a link in the store leads outside of it: %w", err))
	}
	return remote.Fail(op, on, kindOf(err), err)
}

// orGone returns err, or the error of gone if the whole store is missing.
func (s *Store) orGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) && s.isGone() {
		return s.gone()
	}
	return err
}
