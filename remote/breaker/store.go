package breaker

import (
	"context"

	"postern/remote"
)

// around runs a call unless the remote is away. A swap that is ended because the remote is away has an unknown outcome, as
// ErrUnavailable says. The time that the consumer of a listing takes with an item does not count.
func (s *Store) around(ctx context.Context, on *remote.Call, do func(context.Context) error) error {
	c, err := s.begin(ctx, on.Op, on.On, on.Send+on.Receive)
	if err != nil {
		return err
	}
	if on.Stream != nil {
		on.Stream.Rest = c.rest
		on.Stream.Next = func() error { c.resume(); return nil }
	}
	return c.finish(do(c.ctx))
}
