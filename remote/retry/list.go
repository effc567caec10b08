package retry

import (
	"context"
	"errors"
	"time"

	"postern/remote"
)

// errSlow is the cause of a listing that was given up.
var errSlow = errors.New("the next blob of the listing did not come in time")

// unhurried lists once. The whole may take as long as it likes, but each item has to come within Options.Reply. The time
// that the consumer takes does not count.
func (s *store) unhurried(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	if s.o.Reply < 0 {
		return do(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(s.o.Reply, func() { cancel(errSlow) })
	defer timer.Stop()
	c.Stream.Rest = func() { timer.Stop() }
	c.Stream.Next = func() error { timer.Reset(s.o.Reply); return nil }
	err := do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		return remote.Fail(c.Op, c.On, remote.ErrUnavailable, errSlow)
	}
	return err
}
