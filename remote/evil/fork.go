package evil

import (
	"context"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// branch holds the pointers of a forked view.
type branch struct {
	mu       sync.Mutex
	pointers map[crypto.PointerID]crypto.Pointer
	watchers []chan struct{} // of this view, each with room for a hint
}

// watch adds a channel that receives a hint whenever a pointer of the view moves.
func (b *branch) watch(hints chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(b.watchers, hints)
}

// unwatch removes the channel. It accepts a nil branch.
func (b *branch) unwatch(hints chan struct{}) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = slices.DeleteFunc(b.watchers, func(w chan struct{}) bool { return w == hints })
}

// hint wakes all watchers; mu is held.
func (b *branch) hint() {
	for _, w := range b.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// Fork returns a second view of the remote: the same blobs, but a separate history of each pointer, which begins when
// the pointer is first used there. Neither view shows the other's swaps, so each of two devices sees a consistent
// remote. The lie ForkedPointer, in either view, shows the state of the other.
func (s *Store) Fork() *Store {
	fork := New(s.inner, s.o)
	fork.memory = s.memory
	fork.branch = &branch{pointers: map[crypto.PointerID]crypto.Pointer{}}
	fork.other, s.other = s, fork
	return fork
}

// load returns the state in this view.
func (s *Store) load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	p, err := s.inner.Load(ctx, id)
	if s.branch == nil || err != nil && remote.KindOf(err) != remote.ErrNotFound {
		return p, err
	}
	s.branch.mu.Lock()
	defer s.branch.mu.Unlock()
	if own, ok := s.branch.pointers[id]; ok {
		return own, nil
	}
	if err == nil {
		s.branch.pointers[id] = p
	}
	return p, err
}

// swap moves the pointer in this view.
func (s *Store) swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if s.branch == nil {
		return s.inner.Swap(ctx, old, next)
	}
	if _, err := s.load(ctx, next.ID); err != nil && remote.KindOf(err) != remote.ErrNotFound {
		return err
	}
	s.branch.mu.Lock()
	defer s.branch.mu.Unlock()
	current, there := s.branch.pointers[next.ID]
	if err := remote.CheckSwap(current, there, old, next); err != nil {
		return err
	}
	s.branch.pointers[next.ID] = next
	s.branch.hint()
	return nil
}
