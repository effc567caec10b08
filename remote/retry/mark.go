package retry

import (
	"context"
	"time"
)

type onceKey struct{}

// Once marks ctx so that a call is tried once, and for no longer than limit, however patient the wrapper is otherwise. Who wants to
// know whether a remote is there asks so.
func Once(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, onceKey{}, limit)
}

// patience is how often a call under ctx may be tried, and for how long each time; below 0: no limit.
func (s *store) patience(ctx context.Context, limit time.Duration) (attempts int, each time.Duration) {
	most, ok := ctx.Value(onceKey{}).(time.Duration)
	switch {
	case !ok:
		return s.o.Attempts, limit
	case limit < 0:
		return 1, most
	}
	return 1, min(limit, most)
}
