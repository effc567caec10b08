package remote

import (
	"context"
	"errors"
)

// ErrSlow is the cause of an ErrUnavailable that says no more than that the answer was not waited for.
var ErrSlow = errors.New("it has not answered yet")

type patienceKey struct{}

// Until marks ctx so that nobody waits in a cache for the remote once the channel that over gives is closed: who does gets an
// ErrUnavailable that wraps ErrSlow. It is no end of ctx. What is done here goes on, and so does what the remote was asked for, to be at
// hand for who asks next. over is asked before each wait; nil is endless.
func Until(ctx context.Context, over func() <-chan struct{}) context.Context {
	return context.WithValue(ctx, patienceKey{}, over)
}

// Patience is what the function that ctx was marked with by Until gives now, nil when it wasn't marked.
func Patience(ctx context.Context) <-chan struct{} {
	if over, ok := ctx.Value(patienceKey{}).(func() <-chan struct{}); ok {
		return over()
	}
	return nil
}
