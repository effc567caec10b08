// Package retry asks a remote again when it was not reachable. All other errors are answers and pass at once.
//
// It keeps the contract: a Swap whose reply was lost is settled by looking, and a listing is begun anew only as long as
// nothing of it was handed out, so that no blob comes twice.
package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/crypto"
	"postern/remote"
)

// The defaults of Options.
const (
	// DefaultAttempts spans about ten seconds with the default delays: long enough for a server that restarts or a
	// network that changes, short enough that somebody who waits for a file is told. The committer, which has time, tries
	// again by itself.
	DefaultAttempts = 6
	// DefaultDelay comes after the first failure, DefaultMaxDelay bounds what it doubles to; each is varied by half to
	// either side, or all gateways would come back at once.
	DefaultDelay    = 250 * time.Millisecond
	DefaultMaxDelay = 8 * time.Second
	// DefaultReply is how long a call without many bytes may take, and a listing until its next blob.
	DefaultReply = 30 * time.Second
	// DefaultTransfer is how long a call with a blob's bytes may take: a full blob at 50 kB/s.
	DefaultTransfer = 2 * time.Minute
)

// jitter is the part of a delay that it may be shorter or longer by.
const jitter = 0.5

// Options are the choices of New. The zero value takes the defaults above.
type Options struct {
	Attempts int                                              // most times that one call is tried
	Delay    time.Duration                                    // after the first failure; doubles
	MaxDelay time.Duration                                    // most between two tries
	Reply    time.Duration                                    // for one try of a small call; below 0: no limit
	Transfer time.Duration                                    // for one try of a call with a blob's bytes; below 0: no limit
	Sleep    func(ctx context.Context, d time.Duration) error // waits between tries; nil: on the system's clock
	Log      *slog.Logger                                     // told of every further try; nil: silent
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	o.Attempts = max(cmp.Or(o.Attempts, DefaultAttempts), 1)
	o.Delay = cmp.Or(o.Delay, DefaultDelay)
	o.MaxDelay = cmp.Or(o.MaxDelay, DefaultMaxDelay)
	o.Reply = cmp.Or(o.Reply, DefaultReply)
	o.Transfer = cmp.Or(o.Transfer, DefaultTransfer)
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// store is the wrapper.
type store struct {
	inner remote.Store
	o     Options
}

// New returns inner with further tries.
func New(inner remote.Store, o Options) remote.Store {
	return &store{inner: inner, o: o.withDefaults()}
}

// run tries until a try succeeds, fails for good, the tries are used up or the context ends. limit bounds each try.
func (s *store) run(ctx context.Context, op string, on fmt.Stringer, limit time.Duration, try func(context.Context) error) error {
	delays := s.delays()
	attempts, limit := s.patience(ctx, limit)
	for n := 1; ; n++ {
		err := s.once(ctx, op, on, limit, try)
		if final, ok := errors.AsType[*backoff.PermanentError](err); ok {
			return final.Err
		}
		if remote.KindOf(err) != remote.ErrUnavailable {
			return err
		}
		if ended := remote.Alive(ctx, op, on); ended != nil {
			return ended
		}
		if n >= attempts {
			return err
		}
		d := delays.NextBackOff()
		s.o.Log.Info("the remote was not reachable, trying again", "op", op, "try", n, "in", d, "err", err)
		if err := s.o.Sleep(ctx, d); err != nil {
			return remote.Fail(op, on, remote.ErrUnavailable, err)
		}
	}
}

// once makes one try under its own deadline. That it ran out means no more than that the remote was not reachable.
func (s *store) once(ctx context.Context, op string, on fmt.Stringer, limit time.Duration, try func(context.Context) error) error {
	if limit < 0 {
		return try(ctx)
	}
	attempt, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := try(attempt)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil && remote.KindOf(err) == nil {
		return remote.Fail(op, on, remote.ErrUnavailable, err)
	}
	return err
}

// delays returns a fresh sequence of delays.
func (s *store) delays() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     s.o.Delay,
		RandomizationFactor: jitter,
		Multiplier:          2,
		MaxInterval:         s.o.MaxDelay,
	}
	b.Reset()
	return b
}

// Put implements remote.Blobs. Each try opens the body anew.
func (s *store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	return s.run(ctx, remote.OpPut, name, s.o.Transfer, func(ctx context.Context) error {
		return s.inner.Put(ctx, name, body)
	})
}

// Get implements remote.Blobs.
func (s *store) Get(ctx context.Context, name crypto.BlobName) (data []byte, err error) {
	err = s.run(ctx, remote.OpGet, name, s.o.Transfer, func(ctx context.Context) (err error) {
		data, err = s.inner.Get(ctx, name)
		return err
	})
	return data, err
}

// GetRange implements remote.Blobs.
func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	return s.run(ctx, remote.OpGetRange, name, s.o.Transfer, func(ctx context.Context) error {
		return s.inner.GetRange(ctx, name, off, p)
	})
}

// Stat implements remote.Blobs.
func (s *store) Stat(ctx context.Context, name crypto.BlobName) (size int64, err error) {
	err = s.run(ctx, remote.OpStat, name, s.o.Reply, func(ctx context.Context) (err error) {
		size, err = s.inner.Stat(ctx, name)
		return err
	})
	return size, err
}

// Delete implements remote.Blobs.
func (s *store) Delete(ctx context.Context, name crypto.BlobName) error {
	return s.run(ctx, remote.OpDelete, name, s.o.Reply, func(ctx context.Context) error {
		return s.inner.Delete(ctx, name)
	})
}

// Load implements remote.Pointers.
func (s *store) Load(ctx context.Context, id crypto.PointerID) (p crypto.Pointer, err error) {
	err = s.run(ctx, remote.OpLoad, id, s.o.Reply, func(ctx context.Context) (err error) {
		p, err = s.inner.Load(ctx, id)
		return err
	})
	return p, err
}

// Space implements remote.Store.
func (s *store) Space(ctx context.Context) (space remote.Space, err error) {
	err = s.run(ctx, remote.OpSpace, place{}, s.o.Reply, func(ctx context.Context) (err error) {
		space, err = s.inner.Space(ctx)
		return err
	})
	return space, err
}

// Close closes the remote.
func (s *store) Close() error { return s.inner.Close() }

// place names the remote in errors that arise here.
type place struct{}

// String implements fmt.Stringer.
func (place) String() string { return "the remote" }

// List implements remote.Blobs.
func (s *store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		handedOut := false
		err := s.run(ctx, remote.OpList, place{}, -1, func(ctx context.Context) error {
			for info, err := range s.unhurried(ctx) {
				if err != nil && handedOut {
					return backoff.Permanent(err)
				}
				if err != nil {
					return err
				}
				handedOut = true
				if !yield(info, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(remote.BlobInfo{}, err)
		}
	}
}
