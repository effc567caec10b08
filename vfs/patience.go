package vfs

import (
	"context"

	"postern/remote"
)

// ErrSlow is wrapped by an ErrUnavailable that comes of Until.
var ErrSlow = remote.ErrSlow

// Until marks ctx so that no reading in it waits for the remote once the channel that over gives is closed, but fails as ErrUnavailable
// and ErrSlow. What the remote was asked for comes all the same, and is at hand for the next try; what is done on this machine takes the
// time that it takes. over is asked before each wait, by any goroutine; nil is endless.
func Until(ctx context.Context, over func() <-chan struct{}) context.Context {
	return remote.Until(ctx, over)
}
