package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
)

// TestAuthentic checks, for each kind of failure, how often the bytes are read and which error is returned.
func TestAuthentic(t *testing.T) {
	other := errors.New("too many open files")
	for _, c := range []struct {
		err   error
		reads int
		want  error
	}{
		{nil, 1, nil},
		{crypto.ErrOpen, 2, vfs.ErrCorrupt},
		{crypto.ErrFormat, 2, vfs.ErrCorrupt},
		{crypto.ErrSignature, 2, vfs.ErrCorrupt},
		{remote.ErrCorrupt, 2, vfs.ErrCorrupt},
		{remote.ErrNotFound, 1, vfs.ErrCorrupt},
		{remote.ErrRefused, 1, vfs.ErrCorrupt},
		{remote.ErrUnavailable, 1, vfs.ErrUnavailable},
		{vfs.ErrUnavailable, 1, vfs.ErrUnavailable},
		{other, 1, other},
	} {
		reads := 0
		read := func(context.Context) error {
			reads++
			if c.err == nil {
				return nil
			}
			return fmt.Errorf("read: %w", c.err)
		}
		if err := vfs.Authentic(t.Context(), read); !errors.Is(err, c.want) || !errors.Is(err, c.err) || reads != c.reads {
			t.Errorf("%v: %d reads, error %v; want %d, %v", c.err, reads, err, c.reads, c.want)
		}
	}
}

// TestAuthenticPastCaches checks that only the second read bypasses caches, and that its success counts.
func TestAuthenticPastCaches(t *testing.T) {
	var past []bool
	read := func(ctx context.Context) error {
		past = append(past, remote.IsPastCaches(ctx))
		if len(past) == 1 {
			return crypto.ErrOpen
		}
		return nil
	}
	if err := vfs.Authentic(t.Context(), read); err != nil || len(past) != 2 || past[0] || !past[1] {
		t.Errorf("reads went past caches: %v; error %v", past, err)
	}
	past = nil
	if err := vfs.Authentic(remote.PastCaches(t.Context()), read); !errors.Is(err, vfs.ErrCorrupt) || len(past) != 1 {
		t.Errorf("a context past caches was used %d times; error %v", len(past), err)
	}
}

// TestAuthenticEnds checks that a context that ends during the first read prevents the second.
func TestAuthenticEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	err := vfs.Authentic(ctx, func(context.Context) error {
		reads++
		cancel()
		return crypto.ErrOpen
	})
	if !errors.Is(err, context.Canceled) || reads != 1 {
		t.Errorf("%d reads, error %v", reads, err)
	}
}
