package space

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
)

// source reads blobs where they lie: in staging while they wait for their commit, at the remote afterwards.
type source struct{ s *Space }

// GetRange implements tree.Source and content.Source.
func (r source) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if a := r.s.area; a != nil && a.Has(name) {
		err := a.GetRange(ctx, name, off, p)
		if !errors.Is(err, remote.ErrNotFound) { // released meanwhile: it has landed
			return err
		}
	}
	return r.s.store.GetRange(ctx, name, off, p)
}

// failed maps remote errors to vfs errors.
func failed(op, path string, err error) error {
	var known *vfs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	kind := vfs.ErrUnavailable
	switch {
	case errors.Is(err, remote.ErrFull), errors.Is(err, vfs.ErrFull):
		kind = vfs.ErrFull
	case errors.Is(err, remote.ErrCorrupt), errors.Is(err, remote.ErrNotFound), errors.Is(err, remote.ErrRollback), errors.Is(err, remote.ErrFork):
		kind = vfs.ErrCorrupt
	case errors.Is(err, vfs.ErrTooLarge):
		kind = vfs.ErrTooLarge
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &vfs.Error{Op: op, Path: path, Kind: kind, Err: err}
}
