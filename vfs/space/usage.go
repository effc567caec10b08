package space

import (
	"context"
	"sync"
	"time"

	"postern/vfs"
)

const (
	// usageTime bounds how long it is looked how much room there is, which nobody should have to wait for.
	usageTime = time.Second
	// usageAge is how long the answer is good enough. Every PUT asks, and must not wait for the remote; Finder asks once a minute.
	usageAge = 10 * time.Second
)

// room is what was last known of the room at the remote.
type room struct {
	mu   sync.Mutex
	free int64 // bytes; -1: not known
	at   time.Time
}

// Usage implements vfs.FS: a space is one room, whatever the path.
func (s *Space) Usage(ctx context.Context, _ string, want int64) (vfs.Usage, error) {
	return vfs.Usage{Used: s.shown.Load().tree.Root().Info().Size, Available: s.free(ctx, want)}, nil
}

// free asks the remote when nobody has lately, or that had no room for want bytes; whoever comes meanwhile takes what was known before.
func (s *Space) free(ctx context.Context, want int64) int64 {
	s.room.mu.Lock()
	now := s.now()
	known, first := s.room.free, s.room.at.IsZero()
	if enough := known < 0 || known >= want; !first && enough && now.Sub(s.room.at).Abs() < usageAge {
		s.room.mu.Unlock()
		return known
	}
	s.room.at = now
	if first {
		s.room.free = -1
	}
	s.room.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	found, err := s.store.Space(ctx)
	if err != nil {
		found.Free = -1 // what there is room for is not worth failing for
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.free = found.Free
	return found.Free
}
