package line

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/remote"
	"postern/remote/pace"
)

var (
	errSilent = errors.New("it does not answer")
	errLong   = errors.New("it took too long")
)

// call is one call of a breaker under way.
type call struct {
	b      *breaker
	on     *remote.Call
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration

	mu      sync.Mutex // guards what follows
	suspect *time.Timer
	bound   *time.Timer // nil: none
	resting int         // how many wait for something else than the remote; the timers run when it is 0
	over    bool
}

// begin lets a call through, or fails it at once. The caller must finish a call that begin let through.
func (b *breaker) begin(ctx context.Context, on *remote.Call) (*call, error) {
	if err := remote.Alive(ctx, on.Op, on.On); err != nil {
		return nil, err
	}
	c := &call{b: b, on: on, caller: ctx}
	b.listen()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refusal(on); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	if on.Transfers() {
		c.ctx = pace.Resting(c.ctx, func() (goOn func()) { c.rest(); return c.resume })
	}
	b.calls[c] = struct{}{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspect = time.AfterFunc(b.d.Suspect, c.startTrial)
	if c.limit = b.d.Limit(on.Send + on.Receive); c.limit >= 0 {
		c.bound = time.AfterFunc(c.limit, func() { c.cancel(errLong) })
	}
	return c, nil
}

// startTrial starts a trial. A timer calls it, repeatedly, while a call has been under way for longer than Suspect.
func (c *call) startTrial() {
	c.mu.Lock()
	if c.resting > 0 || c.over {
		c.mu.Unlock()
		return // it had fired already
	}
	c.suspect.Reset(c.b.d.Suspect)
	c.mu.Unlock()
	c.b.look()
}

// rest stops the timers while the call does not wait for the remote.
func (c *call) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting++
	c.stop()
}

// stop stops the timers. The caller holds mu.
func (c *call) stop() {
	c.suspect.Stop()
	if c.bound != nil {
		c.bound.Stop()
	}
}

// resume ends a rest. After the last one it restarts the timers, unless the call has ended.
func (c *call) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting--; c.resting > 0 || c.over {
		return
	}
	c.suspect.Reset(c.b.d.Suspect)
	if c.bound != nil {
		c.bound.Reset(c.limit)
	}
}

// end stops the timers for good.
func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.stop()
}

// finish ends a call and returns its error.
func (c *call) finish(err error) error {
	c.b.mu.Lock()
	delete(c.b.calls, c)
	if remote.Answered(err) && c.ctx.Err() == nil {
		c.b.answers.Add(1)
	}
	c.b.mu.Unlock()
	c.end()
	cause := context.Cause(c.ctx)
	c.cancel(nil)
	if err == nil || c.caller.Err() != nil {
		return err // the caller has cancelled, which proves nothing about the remote
	}
	var away *Away
	if errors.As(cause, &away) || errors.Is(cause, errLong) && !remote.Answered(err) {
		if kind := remote.KindOf(err); kind == nil || kind == remote.ErrUnavailable {
			err = remote.Fail(c.on.Op, c.on.On, remote.ErrUnavailable, cause)
		}
	}
	if remote.KindOf(err) != remote.ErrUnavailable {
		return err
	}
	if !remote.Answered(err) {
		c.b.look()
	}
	return timeless(c.on.Op, c.on.On, err)
}

// timeless hides the errors of contexts that are not the caller's, which the caller would take for its own.
func timeless(op string, on fmt.Stringer, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return remote.Fail(op, on, remote.ErrUnavailable, errors.New(err.Error()))
	}
	return err
}
