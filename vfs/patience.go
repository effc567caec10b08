package vfs

import (
	"context"

	"postern/remote"
)

// ErrSlow is wrapped by an ErrUnavailable that Until causes.
var ErrSlow = remote.ErrSlow

// Until marks ctx so that reads in it stop waiting for the remote once the channel returned by over is closed. They
// then fail with ErrUnavailable and ErrSlow. Requests to the remote continue, and their results are cached for the next
// attempt; local work is not limited. over is called before each wait, by any goroutine; a nil channel never ends the
// wait.
func Until(ctx context.Context, over func() <-chan struct{}) context.Context {
	return remote.Until(ctx, over)
}
