package remote

import (
	"context"
	"time"
)

// Sleep waits on the system's clock, or until ctx ends, whose error it returns then. It is what wrappers wait with unless they are given
// something else.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
