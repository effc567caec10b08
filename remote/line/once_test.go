package line

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
)

// TestOnce: a marked call is made once and ends soon, whether the remote fails or hangs; listings too.
func TestOnce(t *testing.T) {
	const limit = 3 * time.Second
	calls := map[string]func(ctx context.Context, s remote.Store) error{
		"stat": func(ctx context.Context, s remote.Store) error { _, err := s.Stat(ctx, crypto.BlobName{}); return err },
		"get":  func(ctx context.Context, s remote.Store) error { _, err := s.Get(ctx, crypto.BlobName{}); return err },
		"list": func(ctx context.Context, s remote.Store) (err error) {
			for _, e := range s.List(ctx) {
				err = e
			}
			return err
		},
	}
	for what, call := range calls {
		for fault, took := range map[faulty.Fault]time.Duration{faulty.Fail: 0, faulty.Hang: limit} {
			synctest.Test(t, func(t *testing.T) {
				for _, d := range []remote.Deadlines{{}, {Reply: -1}} {
					tries := 0
					s := Over(faulty.New(mem.New(), func(faulty.Call) faulty.Fault { tries++; return fault }, faulty.Options{}), d,
						Options{})
					start := time.Now()
					if err := call(asking(t.Context(), limit), s); !errors.Is(err, remote.ErrUnavailable) {
						t.Errorf("%s: %v", what, err)
					}
					if tries != 1 || time.Since(start) != took {
						t.Errorf("%s: %d tries took %v, not %v", what, tries, time.Since(start), took)
					}
				}
			})
		}
	}
}

// TestOnceIsShort: the mark shortens the limit of a try, and never lengthens it.
func TestOnceIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Over(faulty.New(mem.New(), faulty.Always(faulty.Hang), faulty.Options{}), remote.Deadlines{Reply: time.Second},
			Options{})
		start := time.Now()
		if _, err := s.Stat(asking(t.Context(), time.Hour), crypto.BlobName{}); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
