package space

import (
	"context"
	"sync"
	"time"

	"postern/remote"
	"postern/vfs"
)

// usageAge is how long an answer stays valid. Every PUT needs one and must not wait for the remote; Finder asks once a
// minute.
const usageAge = 10 * time.Second

// room is the last known free room at the remote.
type room struct {
	store remote.Store
	now   func() time.Time
	limit time.Duration // for the remote's response

	mu   sync.Mutex
	free int64 // bytes; -1: unknown
	at   time.Time
}

// Usage implements vfs.FS.
func (s *Space) Usage(ctx context.Context, _ string, want int64) (vfs.Usage, error) {
	return vfs.Usage{Used: s.copy.Shown().Tree.Root().Info().Size, Available: s.room.ask(ctx, want)}, nil
}

// ask returns the free room at the remote. It makes a request if the last answer is too old, or had no room for want
// bytes. Concurrent callers get the previous answer.
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
		found.Free = -1 // an unknown amount of room is no reason to fail
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = found.Free
	return found.Free
}
