package staging

import (
	"context"
	"sync"

	"postern/crypto"
)

// Share is a part of an area's room, for a user of the area that must not take all of it. A nil Share is the whole
// area.
type Share struct {
	room *room
	of   *Share
}

// Share returns a share of another one, or of the area if of is nil: the given part of its limit, but room for at least
// two blobs.
func (a *Area) Share(of *Share, part int64) *Share {
	whole := a.room
	if of != nil {
		whole = of.room
	}
	limit := whole.limit
	if limit >= 0 {
		limit = max(limit/part, 2*crypto.MaxBlobSize)
	}
	return &Share{room: newRoom(limit, whole.patience), of: of}
}

// Take takes n bytes even beyond the limit, for what is in the area already; give returns them.
func (s *Share) Take(n int64) (give func()) {
	if s == nil {
		return func() {}
	}
	s.room.take(n)
	outer := s.of.Take(n)
	return sync.OnceFunc(func() { s.room.give(n); outer() })
}

// reserve waits for n bytes of the share. Errors: vfs.ErrFull, the context's.
func (s *Share) reserve(ctx context.Context, n int64) (give func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	if err := s.room.wait(ctx, n); err != nil {
		return nil, err
	}
	outer, err := s.of.reserve(ctx, n)
	if err != nil {
		s.room.give(n)
		return nil, err
	}
	return sync.OnceFunc(func() { s.room.give(n); outer() }), nil
}

// ReserveIn is Reserve for a user that has a share.
func (a *Area) ReserveIn(ctx context.Context, s *Share, n int64) (give func(), err error) {
	part, err := s.reserve(ctx, n)
	if err != nil {
		return nil, err
	}
	whole, err := a.Reserve(ctx, n)
	if err != nil {
		part()
		return nil, err
	}
	return sync.OnceFunc(func() { whole(); part() }), nil
}

// BeginIn is Begin for a user that has a share.
func (a *Area) BeginIn(s *Share) *Batch { return &Batch{area: a, share: s} }

// Give returns a function that gives back what the batch's blobs take of the share, for when they are released; nil if
// the batch has no share. Abort gives it back, too.
func (b *Batch) Give() func() {
	if b.share == nil {
		return nil
	}
	return b.give
}

func (b *Batch) give() {
	b.mu.Lock()
	gives := b.gives
	b.gives = nil
	b.mu.Unlock()
	for _, give := range gives {
		give()
	}
}
