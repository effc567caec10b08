package line

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/remote"
	"postern/remote/pace"
)

// jitter is the fraction of a pause by which it varies, so that gateways do not all return at once.
const jitter = 0.5

// throttledTries is how many times more often a call is tried whose remote asks for fewer requests.
const throttledTries = 5

// retrier retries a call when the remote was unreachable. All other errors are answers, and are returned at once.
//
// It keeps the contract: after a lost reply to a Swap it loads the pointer to see the outcome, and it restarts a
// listing only before the first item was yielded, so that no blob comes twice.
type retrier struct {
	inner   remote.Store // without retries, to load a pointer once a reply to a Swap was lost
	d       remote.Deadlines
	o       Options
	limited bool // each try has a deadline
	retries atomic.Uint64
}

// newRetrier returns the retrier of inner. A try has a deadline of its own, unless a breaker bounds the whole call.
func newRetrier(inner remote.Store, d remote.Deadlines, o Options) *retrier {
	return &retrier{inner: inner, d: d, o: o, limited: d.Reply >= 0 && !o.Breaker && !o.Local}
}

// around tries a call. Each try of a Put opens the body anew; a listing restarts only before its first item.
func (r *retrier) around(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	switch {
	case c.Op == remote.OpSwap:
		return r.swap(ctx, c, do)
	case c.Stream == nil:
		return r.run(ctx, c, do)
	}
	return r.run(ctx, c, func(ctx context.Context) error {
		err := r.list(ctx, c, do)
		if err != nil && c.Stream.Begun {
			return backoff.Permanent(err)
		}
		return err
	})
}

// run tries until a try succeeds, fails for good, the tries are used up or the context ends.
func (r *retrier) run(ctx context.Context, c *remote.Call, try func(context.Context) error) error {
	attempts, limit := r.patience(ctx, c)
	var pauses *backoff.ExponentialBackOff
	for n := 1; ; n++ {
		err := once(ctx, c, limit, try)
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[*backoff.PermanentError](err); ok {
			return final.Err
		}
		if remote.KindOf(err) != remote.ErrUnavailable {
			return err
		}
		if ended := remote.Alive(ctx, c.Op, c.On); ended != nil {
			return ended
		}
		busy, throttled := errors.AsType[*remote.Throttled](err)
		if throttled && attempts > 1 {
			attempts = r.d.Attempts * throttledTries
		}
		if n >= attempts {
			return err
		}
		if pauses == nil {
			pauses = r.pauses()
		}
		d := pauses.NextBackOff()
		r.retries.Add(1)
		if throttled {
			d = max(d, busy.After)
		}
		r.o.Log.Info("the remote was not reachable, trying again", "op", c.Op, "try", n, "in", d, "err", err)
		if ended := r.o.Sleep(ctx, d); ended != nil {
			if throttled {
				ended = &remote.Throttled{Err: fmt.Errorf("%w; before, %w", ended, busy)}
			}
			return remote.Fail(c.Op, c.On, remote.ErrUnavailable, ended)
		}
	}
}

// once makes one try under its own deadline. A try that times out counts as an unreachable remote.
func once(ctx context.Context, c *remote.Call, limit time.Duration, try func(context.Context) error) error {
	if limit < 0 {
		return try(ctx)
	}
	attempt, rest, end := withBound(ctx, limit)
	defer end()
	if c.Transfers() {
		attempt = pace.Resting(attempt, rest)
	}
	err := try(attempt)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil && remote.KindOf(err) == nil {
		return remote.Fail(c.Op, c.On, remote.ErrUnavailable, err)
	}
	return err
}

// pauses returns a fresh sequence of pauses.
func (r *retrier) pauses() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     r.d.Pause,
		RandomizationFactor: jitter,
		Multiplier:          2,
		MaxInterval:         r.d.MaxPause,
	}
	b.Reset()
	return b
}
