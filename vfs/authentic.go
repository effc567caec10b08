package vfs

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// Authentic calls read, which fetches and opens sealed bytes. When the bytes are not authentic, it calls read once more
// with a context that bypasses all caches, so that a damaged cache is not mistaken for a lying remote. If ctx bypasses
// caches already, it calls read only once.
//
// Errors: ErrCorrupt for bytes that are still not authentic, or that the remote does not have or refuses to return;
// ErrUnavailable; the error of a context that has ended. It returns any other error unchanged.
func Authentic(ctx context.Context, read func(context.Context) error) error {
	err := read(ctx)
	if unauthentic(err) && ctx.Err() == nil && !remote.IsPastCaches(ctx) {
		err = read(remote.PastCaches(ctx))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, remote.ErrUnavailable):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case unauthentic(err), errors.Is(err, remote.ErrNotFound), errors.Is(err, remote.ErrRefused):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// unauthentic reports whether an error means that the received bytes are not those that were sealed.
func unauthentic(err error) bool {
	return errors.Is(err, crypto.ErrOpen) || errors.Is(err, crypto.ErrFormat) || errors.Is(err, crypto.ErrSignature) ||
		errors.Is(err, remote.ErrCorrupt)
}
