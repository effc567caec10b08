package remote

import (
	"context"
	"time"
)

// Sleep waits on the system's clock. If ctx ends first, it returns the error of ctx. Wrappers wait with it unless they
// are given another function.
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
