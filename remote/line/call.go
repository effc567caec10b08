package line

import (
	"context"
	"errors"
	"fmt"

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
	clock  // startTrial is its first timer
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
		c.ctx = pace.Resting(c.ctx, c.rest)
	}
	b.calls[c] = struct{}{}
	c.run(b.d.Suspect, c.startTrial)
	if limit := b.d.Limit(on.Send + on.Receive); limit >= 0 {
		c.run(limit, func() { c.cancel(errLong) })
	}
	return c, nil
}

// startTrial starts a trial. A timer calls it, repeatedly, while a call has been under way for longer than Suspect.
func (c *call) startTrial() {
	if c.again() {
		c.b.look()
	}
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
