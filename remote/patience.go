package remote

import (
	"context"
	"errors"
)

// ErrSlow is the cause of an ErrUnavailable when the caller stopped waiting before the remote had answered.
var ErrSlow = errors.New("it has not answered yet")

type patienceKey struct{}

// Until marks ctx: cache reads stop waiting once the channel returned by over is closed, and fail with an
// ErrUnavailable that wraps ErrSlow. ctx itself goes on, and so does the request to the remote, whose answer the next
// caller finds in the cache. over is called before each wait; a nil channel means no limit.
func Until(ctx context.Context, over func() <-chan struct{}) context.Context {
	return context.WithValue(ctx, patienceKey{}, over)
}

// Patience returns the channel of the function that Until put into ctx, nil if ctx has none.
func Patience(ctx context.Context) <-chan struct{} {
	if over, ok := ctx.Value(patienceKey{}).(func() <-chan struct{}); ok {
		return over()
	}
	return nil
}
