// Package evil is a remote that lies: it gives every kind of wrong answer that untrusted storage may give. It answers
// promptly and without an error, so its callers must detect the lies themselves.
//
// A lie needs material: old pointers must have been seen, a pair of blobs must have been put. As long as it has none,
// the Store answers honestly. Told counts the lies told, so that a test can check that there were some.
package evil

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// Options are the choices of New. The zero value lies at every opportunity.
type Options struct {
	Seed uint64  // of all that is random
	Rate float64 // the fraction of the opportunities at which it lies; 0: all
}

// Store is a remote that lies, or one view of it.
type Store struct {
	inner  remote.Store
	o      Options
	memory *memory // shared by all views
	branch *branch // nil: the view that shows what inner has
	other  *Store  // the view that ForkedPointer shows

	mu     sync.Mutex
	lies   []Lie
	told   map[Lie]int
	frozen map[crypto.PointerID]crypto.Pointer
	random *rand.Rand
}

var _ remote.Store = (*Store)(nil)

// memory is the material for lies.
type memory struct {
	mu       sync.Mutex
	blobs    []crypto.BlobName                     // in the order of their first Put
	pointers map[crypto.PointerID][]crypto.Pointer // every state, oldest first
}

// New returns inner, honest until SetLies.
func New(inner remote.Store, o Options) *Store {
	return &Store{
		inner:  inner,
		o:      o,
		memory: &memory{pointers: map[crypto.PointerID][]crypto.Pointer{}},
		told:   map[Lie]int{},
		frozen: map[crypto.PointerID]crypto.Pointer{},
		random: rand.New(rand.NewPCG(o.Seed, 0)),
	}
}

// SetLies changes the lies for the calls that begin from now on; without lies the store is honest. If several fit a
// call, the store tells the first.
func (s *Store) SetLies(lies ...Lie) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lies = slices.Clone(lies)
	clear(s.frozen)
}

// Told returns how often a lie was told through this view.
func (s *Store) Told(lie Lie) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[lie]
}

// tempted returns which of the lies that fit a call is due; Honest: none. The caller counts it with tell.
func (s *Store) tempted(fit ...Lie) Lie {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lie := range s.lies {
		if slices.Contains(fit, lie) && (s.o.Rate == 0 || s.random.Float64() < s.o.Rate) {
			return lie
		}
	}
	return Honest
}

// tell counts a lie.
func (s *Store) tell(lie Lie) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[lie]++
}

// intN returns a random number below n.
func (s *Store) intN(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// scribble fills p with random bytes.
func (s *Store) scribble(p []byte) { _, _ = io.ReadFull(s.source(), p) } // it never fails

// source returns a source of random bytes.
func (s *Store) source() io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.BigEndian.PutUint64(seed[i:], s.random.Uint64())
	}
	return rand.NewChaCha8(seed)
}

// flip changes one bit of p.
func (s *Store) flip(p []byte) {
	p[s.intN(len(p))] ^= 1 << s.intN(8)
}

// sawBlob remembers a blob.
func (m *memory) sawBlob(name crypto.BlobName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.blobs, name) {
		m.blobs = append(m.blobs, name)
	}
}

// partner returns the blob that changes places with another: the first with the second, the third with the fourth.
func (m *memory) partner(name crypto.BlobName) (crypto.BlobName, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.blobs, name)
	if i < 0 || i^1 >= len(m.blobs) {
		return name, false
	}
	return m.blobs[i^1], true
}

// decoy returns the same blob in place of all others, and a second one in place of itself.
func (m *memory) decoy(name crypto.BlobName) (crypto.BlobName, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, decoy := range m.blobs {
		if decoy != name {
			return decoy, true
		}
	}
	return name, false
}

// sawPointer remembers a state.
func (m *memory) sawPointer(p crypto.Pointer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.pointers[p.ID], p) {
		m.pointers[p.ID] = append(m.pointers[p.ID], p)
	}
}

// before returns the oldest state of a pointer, or the one before the current state; false: there is none.
func (m *memory) before(there crypto.Pointer, oldest bool) (crypto.Pointer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	states := m.pointers[there.ID]
	i := slices.Index(states, there) - 1
	if oldest {
		i = 0
	}
	if i < 0 || i >= len(states) || states[i].Seq >= there.Seq {
		return crypto.Pointer{}, false
	}
	return states[i], true
}

// stranger returns the newest state of some pointer of another id.
func (m *memory) stranger(id crypto.PointerID) (crypto.Pointer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for other, states := range m.pointers {
		if other != id {
			return states[len(states)-1], true
		}
	}
	return crypto.Pointer{}, false
}

// Space implements remote.Store.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	space, err := s.inner.Space(ctx)
	if err == nil && s.tempted(FalseSpace) == FalseSpace {
		s.tell(FalseSpace)
		return remote.Space{}, nil
	}
	return space, err
}

// ID implements remote.Store.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) {
	id, err := s.inner.ID(ctx)
	if err != nil {
		return id, err
	}
	switch lie := s.tempted(NoID, OtherID); lie {
	case NoID:
		s.tell(lie)
		return crypto.StoreID{}, nil
	case OtherID:
		s.tell(lie)
		s.scribble(id[:])
	}
	return id, nil
}

// Close closes the remote, of all views.
func (s *Store) Close() error { return s.inner.Close() }
