package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"postern/remote"
)

// errnos says of which kind an error of the system is. What is not listed is ErrUnavailable: a disk that answers with an
// I/O error (EIO), a stale network share or too many open files may be well again when the user has looked after it,
// and nothing was proved to be lost.
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

// fail makes a *remote.Error of an error of the system; what is one already stays as it is.
func (s *Store) fail(op string, on fmt.Stringer, err error) error {
	if e, ok := errors.AsType[*remote.Error](err); ok {
		return e
	}
	if s.outside != nil && errors.Is(err, s.outside) {
		return remote.Fail(op, on, remote.ErrRefused, fmt.Errorf("a link in the store leads outside of it: %w", err))
	}
	return remote.Fail(op, on, kindOf(err), err)
}

// orGone returns err, or the better reason for it: the whole store isn't there any more, see missing.
func (s *Store) orGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) && s.isGone() {
		return s.gone()
	}
	return err
}
