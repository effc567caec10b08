package line

import (
	"context"
	"time"

	"postern/remote"
)

type onceKey struct{}

// asking marks ctx so that a call is tried once, and for no longer than limit, whatever the line's own deadlines are. A
// breaker's trial is such a call; the mark also reaches the lines of a mirror's members.
func asking(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, onceKey{}, limit)
}

// patience returns how often a call may be tried, and how long each try may take; below 0: no limit.
func (r *retrier) patience(ctx context.Context, c *remote.Call) (attempts int, each time.Duration) {
	each = -1
	if r.limited && c.Stream == nil {
		each = r.d.Limit(c.Send + c.Receive)
	}
	most, ok := ctx.Value(onceKey{}).(time.Duration)
	switch {
	case !ok:
		return max(r.d.Attempts, 1), each
	case each < 0:
		return 1, most
	}
	return 1, min(each, most)
}
