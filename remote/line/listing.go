package line

import (
	"context"
	"errors"
	"time"

	"postern/remote"
)

// errSlow is the cause of a listing that timed out.
var errSlow = errors.New("the next blob of the listing did not come in time")

// list makes one try of a listing. The whole listing may take any time, but each item must arrive within
// Deadlines.Reply. The time of the consumer does not count.
func (r *retrier) list(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	if !r.limited {
		return do(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(r.d.Reply, func() { cancel(errSlow) })
	defer timer.Stop()
	c.Stream.Rest = func() { timer.Stop() }
	c.Stream.Next = func() error { timer.Reset(r.d.Reply); return nil }
	err := do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		return remote.Fail(c.Op, c.On, remote.ErrUnavailable, errSlow)
	}
	return err
}
