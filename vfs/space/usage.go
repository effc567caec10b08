package space

import (
	"context"
	"sync"
	"time"

	"postern/remote"
	"postern/vfs"
)

// usageAge is how long the answer is good enough. Every PUT asks, and must not wait for the remote; Finder asks once a minute.
const usageAge = 10 * time.Second

// room is what was last known of the room at the remote.
type room struct {
	store remote.Store
	now   func() time.Time
	limit time.Duration // for the remote's answer

	mu   sync.Mutex
	free int64 // bytes; -1: not known
	at   time.Time
}

// Usage implements vfs.FS.
func (s *Space) Usage(ctx context.Context, _ string, want int64) (vfs.Usage, error) {
	return vfs.Usage{Used: s.copy.Shown().Tree.Root().Info().Size, Available: s.room.ask(ctx, want)}, nil
}

// ask asks the remote when nobody has lately, or that had no room for want bytes; whoever comes meanwhile takes what was known before.
func (r *room) ask(ctx context.Context, want int64) int64 {
	r.mu.Lock()
	now := r.now()
	known, first := r.free, r.at.IsZero()
	if enough := known < 0 || known >= want; !first && enough && now.Sub(r.at).Abs() < usageAge {
		r.mu.Unlock()
		return known
	}
	r.at = now
	if first {
		r.free = -1
	}
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	found, err := r.store.Space(ctx)
	if err != nil {
		found.Free = -1 // what there is room for is not worth failing for
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = found.Free
	return found.Free
}
