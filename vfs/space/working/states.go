package working

import (
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/vfs/registry"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// states are the states of a working copy that no commit holds yet, from the newest recorded one back to the newest
// durable one, with what they need to be committed; see durable.go.
type states struct {
	home  *local.Home
	space crypto.Capability
	noted func() // called when the shown private state changes; may be nil

	// held from applying a change to recording it, so that the journal and the tree have the same order
	changing sync.Mutex
	head     atomic.Pointer[Head] // the newest recorded state
	shown    atomic.Pointer[Head] // the newest durable state
	recorded []*Head              // the states between the two, oldest first; guarded by changing
	pending  []pending            // changes not yet committed, oldest first; guarded by changing
	// unrecorded, guarded by changing, is the merge with another device's commit that the journal's next record applies
	// to.
	unrecorded *local.Part
}

// Head is one state of the space: the tree, the private state, and the newest record of the journal in it.
type Head struct {
	Tree    tree.Tree
	Private registry.State // empty unless the space is the account's own
	Seq     uint64

	after *crypto.PointerID // the space that must show its part of the record first; nil: none; guarded by changing
}

// pending is what a change keeps until it is committed.
type pending struct {
	seq   uint64
	blobs []crypto.BlobName
	give  func() // returns the room that the journal's attachment takes; may be nil
}

// Shown returns the newest durable state, which readers see and the committer commits.
func (s *states) Shown() *Head { return s.shown.Load() }

// setShown makes a state the one that readers see. The caller holds changing, or is alone.
func (s *states) setShown(h *Head) {
	var was registry.State
	if before := s.shown.Swap(h); before != nil {
		was = before.Private
	}
	if s.noted != nil && !registry.Equal(was, h.Private) {
		s.noted()
	}
}

// Newest calls look with the newest recorded state, while no change is recorded.
func (s *states) Newest(look func(tree.Tree)) {
	s.changing.Lock()
	defer s.changing.Unlock()
	look(s.head.Load().Tree)
}

// Pending returns the number of uncommitted changes.
func (s *states) Pending() int {
	s.changing.Lock()
	defer s.changing.Unlock()
	return len(s.pending)
}

// FirstPending implements local.Waiter.
func (s *states) FirstPending() (seq uint64, found bool) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if len(s.pending) == 0 {
		return 0, false
	}
	return s.pending[0].seq, true
}

// Staged returns the staged blobs that changes up to seq need.
func (s *states) Staged(seq uint64) []crypto.BlobName {
	s.changing.Lock()
	defer s.changing.Unlock()
	var names []crypto.BlobName
	for _, p := range s.pending {
		if p.seq <= seq {
			names = append(names, p.blobs...)
		}
	}
	return names
}

// Each implements local.Waiter.
func (s *states) Each(f func(seq uint64, blobs []crypto.BlobName)) {
	s.changing.Lock()
	defer s.changing.Unlock()
	for _, p := range s.pending {
		f(p.seq, p.blobs)
	}
}
