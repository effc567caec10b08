package evil

import (
	"context"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// branch is the pointers of a view of its own.
type branch struct {
	mu       sync.Mutex
	pointers map[crypto.PointerID]crypto.Pointer
	watchers []chan struct{} // of this view, each with room for a hint
}

// watch begins to send hints of all that moves in the view.
func (b *branch) watch(hints chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(b.watchers, hints)
}

// unwatch ends it. A view that is not of its own has no watchers.
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

// Fork returns a second view of the remote: the same blobs, but of each pointer, from the first time that it is asked for
// there, a history of its own, in which swaps of the first view don't show, nor the other way round. So two devices may
// each be shown that all is well. The lie ForkedPointer, in either view, shows the state of the other.
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
