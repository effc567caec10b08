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
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

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
	remote.Store // with further tries of every call but Swap, whose lost reply is settled by looking
	inner        remote.Store
	o            Options
}

// New returns inner with further tries.
func New(inner remote.Store, o Options) remote.Store {
	s := &store{inner: inner, o: o.withDefaults()}
	s.Store = remote.Wrap(inner, s.around)
	return s
}

// around tries a call. Each try of a Put opens the body anew; a listing is begun anew only before its first item.
func (s *store) around(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	switch {
	case c.Stream != nil:
		return s.run(ctx, c.Op, c.On, noLimit, func(ctx context.Context) error {
			err := s.unhurried(ctx, c, do)
			if err != nil && c.Stream.Begun {
				return backoff.Permanent(err)
			}
			return err
		})
	case c.Transfers():
		return s.run(ctx, c.Op, c.On, s.o.Transfer, do)
	}
	return s.run(ctx, c.Op, c.On, s.o.Reply, do)
}

// noLimit is the deadline of a try that has none.
const noLimit = -1

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
