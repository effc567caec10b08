package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/remote"
)

// Away is the cause in errors of calls that failed because the remote is known to be away.
type Away struct {
	Since time.Time
	Err   error // what the first trial met
}

// Error says since when, and why.
func (a *Away) Error() string {
	return fmt.Sprintf("the remote has been away since %s: %v", a.Since.Format(time.DateTime), a.Err)
}

// Unwrap gives errors.Is the cause.
func (a *Away) Unwrap() error { return a.Err }

var (
	errSilent = errors.New("it does not answer")
	errLong   = errors.New("it took too long")
)

// call is one call under way.
type call struct {
	s       *Store
	op      string
	on      fmt.Stringer
	caller  context.Context
	ctx     context.Context
	cancel  context.CancelCauseFunc
	suspect *time.Timer
	bound   *time.Timer // nil: none
	limit   time.Duration
}

// begin lets a call through, or fails it at once. n is the bytes that it moves. What it lets through must end.
func (s *Store) begin(ctx context.Context, op string, on fmt.Stringer, n int64) (*call, error) {
	if err := remote.Alive(ctx, op, on); err != nil {
		return nil, err
	}
	c := &call{s: s, op: op, on: on, caller: ctx}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, remote.Fail(op, on, remote.ErrClosed, nil)
	}
	if s.away != nil {
		s.state.Failed++
		return nil, remote.Fail(op, on, remote.ErrUnavailable, s.away)
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	s.calls[c] = struct{}{}
	c.suspect = time.AfterFunc(s.o.Suspect, c.wonder)
	if s.o.Bound > 0 {
		c.limit = s.o.Bound + time.Duration(n)*time.Second/time.Duration(s.o.Rate)
		c.bound = time.AfterFunc(c.limit, func() { c.cancel(errLong) })
	}
	return c, nil
}

// wonder is called when a call has been under way for long, again and again.
func (c *call) wonder() {
	c.s.mu.Lock()
	if _, on := c.s.calls[c]; on {
		c.suspect.Reset(c.s.o.Suspect)
	}
	c.s.mu.Unlock()
	c.s.look()
}

// rest stops the clocks while the remote isn't waited for.
func (c *call) rest() {
	c.suspect.Stop()
	if c.bound != nil {
		c.bound.Stop()
	}
}

// resume sets them going again.
func (c *call) resume() {
	c.suspect.Reset(c.s.o.Suspect)
	if c.bound != nil {
		c.bound.Reset(c.limit)
	}
}

// finish ends a call and gives what it ended with.
func (c *call) finish(err error) error {
	c.s.mu.Lock()
	delete(c.s.calls, c)
	if remote.KindOf(err) != remote.ErrUnavailable && c.ctx.Err() == nil {
		c.s.answers++
	}
	c.rest()
	c.s.mu.Unlock()
	cause := context.Cause(c.ctx)
	c.cancel(nil)
	if err == nil || c.caller.Err() != nil {
		return err // the caller gave up, which says nothing about the remote
	}
	var away *Away
	if errors.As(cause, &away) || errors.Is(cause, errLong) {
		if kind := remote.KindOf(err); kind == nil || kind == remote.ErrUnavailable {
			err = remote.Fail(c.op, c.on, remote.ErrUnavailable, cause)
		}
	}
	if remote.KindOf(err) != remote.ErrUnavailable {
		return err
	}
	c.s.look()
	return timeless(c.op, c.on, err)
}

// timeless keeps from the caller the errors of contexts that aren't the caller's: it would take them for its own.
func timeless(op string, on fmt.Stringer, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return remote.Fail(op, on, remote.ErrUnavailable, errors.New(err.Error()))
	}
	return err
}
