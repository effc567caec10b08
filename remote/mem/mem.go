// Package mem is a remote in memory, for tests and for trying things out. It is the simplest implementation of the
// contract in package remote.
package mem

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
)

// Store is one handle on a remote in memory. Its contents live as long as any handle.
type Store struct {
	*contents
	closed atomic.Bool
}

// contents is what all handles of one remote share.
type contents struct {
	mu       sync.RWMutex
	blobs    map[crypto.BlobName][]byte // never changed in place, so readers need the lock for the map only
	pointers map[crypto.PointerID]crypto.Pointer
	moves    map[crypto.PointerID]uint64 // of listed pointers: the number of the last move
	moved    uint64                      // the number of the newest move
	id       crypto.StoreID
	inboxes  map[crypto.InboxID]map[crypto.LetterName]crypto.Letter
	letters  int                                  // most letters in an inbox
	names    map[crypto.NameID]*crypto.NameRecord // never changed in place
	watchers map[*watcher]bool
	used     int64 // bytes in blobs
	capacity int64 // bytes; below 0: boundless
}

var _ remote.Store = (*Store)(nil)

// New returns an empty remote without a limit.
func New() *Store { return NewSized(-1) }

// NewSized returns an empty remote for at most capacity bytes of blobs; further ones fail with ErrFull.
func NewSized(capacity int64) *Store {
	return &Store{contents: &contents{
		blobs:    map[crypto.BlobName][]byte{},
		pointers: map[crypto.PointerID]crypto.Pointer{},
		moves:    map[crypto.PointerID]uint64{},
		id:       newID(),
		inboxes:  map[crypto.InboxID]map[crypto.LetterName]crypto.Letter{},
		letters:  remote.MaxLetters,
		names:    map[crypto.NameID]*crypto.NameRecord{},
		watchers: map[*watcher]bool{},
		capacity: capacity,
	}}
}

// newID returns a random id.
func newID() (id crypto.StoreID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// ID implements remote.Store.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) {
	if err := s.ready(ctx, remote.OpID, s); err != nil {
		return crypto.StoreID{}, err
	}
	return s.id, nil
}

// LimitLetters sets how many letters each inbox holds, for tests of full inboxes. Call it before the remote is used.
func (s *Store) LimitLetters(most int) *Store {
	s.letters = most
	return s
}

// Another returns one more open handle on the same remote, as another process or device would have; also after Close.
func (s *Store) Another() *Store { return &Store{contents: s.contents} }

// Close closes this handle.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		if w.handle == s {
			delete(s.watchers, w)
			close(w.hints)
		}
	}
	return nil
}

// ready fails when the handle is closed or the context has ended.
func (s *Store) ready(ctx context.Context, op string, on fmt.Stringer) error {
	if s.closed.Load() {
		return remote.Fail(op, on, remote.ErrClosed, nil)
	}
	return remote.Alive(ctx, op, on)
}

// Put implements remote.Blobs.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := s.ready(ctx, remote.OpPut, name); err != nil {
		return err
	}
	if err := remote.CheckSize(name, body.Size()); err != nil {
		return err
	}
	s.mu.RLock()
	_, there := s.blobs[name]
	s.mu.RUnlock()
	if there {
		return nil
	}
	data, err := remote.WholeBody(name, body)
	if err != nil {
		return err
	}
	if err := s.ready(ctx, remote.OpPut, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.blobs[name]; there {
		return nil
	}
	if s.capacity >= 0 && s.used+int64(len(data)) > s.capacity {
		return remote.Fail(remote.OpPut, name, remote.ErrFull, nil)
	}
	s.blobs[name] = data
	s.used += int64(len(data))
	return nil
}

// blob returns the kept bytes, which must not be changed.
func (s *Store) blob(ctx context.Context, op string, name crypto.BlobName) ([]byte, error) {
	if err := s.ready(ctx, op, name); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	data, there := s.blobs[name]
	if !there {
		return nil, remote.Fail(op, name, remote.ErrNotFound, nil)
	}
	return data, nil
}

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	data, err := s.blob(ctx, remote.OpGet, name)
	return slices.Clone(data), err
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	data, err := s.blob(ctx, remote.OpGetRange, name)
	if err != nil {
		return err
	}
	if p, err = remote.Clip(ctx, name, int64(len(data)), off, p); err == nil {
		copy(p, data[off:])
	}
	return err
}

// Stat implements remote.Blobs.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	data, err := s.blob(ctx, remote.OpStat, name)
	return int64(len(data)), err
}

// List implements remote.Blobs. It yields the blobs that were there when it began.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		s.mu.RLock()
		infos := make([]remote.BlobInfo, 0, len(s.blobs))
		for name, data := range s.blobs {
			infos = append(infos, remote.BlobInfo{Name: name, Size: int64(len(data))})
		}
		s.mu.RUnlock()
		if err := s.ready(ctx, remote.OpList, s); err != nil {
			yield(remote.BlobInfo{}, err)
			return
		}
		for _, info := range infos {
			if err := s.ready(ctx, remote.OpList, s); err != nil {
				yield(remote.BlobInfo{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Delete implements remote.Blobs.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := s.ready(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= int64(len(s.blobs[name]))
	delete(s.blobs, name)
	return nil
}

// Load implements remote.Pointers.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := s.ready(ctx, remote.OpLoad, id); err != nil {
		return crypto.Pointer{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, there := s.pointers[id]
	if !there {
		return crypto.Pointer{}, remote.Fail(remote.OpLoad, id, remote.ErrNotFound, nil)
	}
	return p, nil
}

// Swap implements remote.Pointers.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := s.ready(ctx, remote.OpSwap, next.ID); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	current, there := s.pointers[next.ID]
	if err := remote.CheckSwap(current, there, old, next); err != nil {
		return err
	}
	s.pointers[next.ID] = next
	s.hint(next)
	if next.Listed {
		s.moved++
		s.moves[next.ID] = s.moved
	}
	return nil
}

// Space implements remote.Store.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	if err := s.ready(ctx, remote.OpSpace, s); err != nil {
		return remote.Space{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	space := remote.Space{Used: s.used, Free: -1}
	if s.capacity >= 0 {
		space.Free = max(s.capacity-s.used, 0)
	}
	return space, nil
}

// String names the remote in errors.
func (s *Store) String() string { return "mem:" }
