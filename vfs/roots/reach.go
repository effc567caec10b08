package roots

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// ErrBusy says that the spaces changed too often to be seen at one moment.
var ErrBusy = errors.New("other devices change the drive all the time: try again later")

// Reached is everything that all spaces lead to at one moment.
type Reached struct {
	// Pointers lead to the spaces. The own one comes last, so that a reader that follows a mount finds its space.
	Pointers []crypto.Pointer
	Blobs    []crypto.BlobName // in no order
}

// ReachOptions select what Reach looks at. The zero value works.
type ReachOptions struct {
	Of     *crypto.Pointer   // replaces the newest state of the own space; nil: the newest
	Beyond *crypto.Pointer   // an earlier state of the own space, whose blobs are omitted; nil: none
	Seen   func(parts int64) // called by several goroutines with the number of parts seen; nil: no call
}

// mostRounds limits how often all pointers are loaded until no space has changed.
const mostRounds = 10

// Reach returns everything that the newest states of the spaces lead to, histories included. A mount of a missing space
// leads to nothing. Errors: ErrUnknown, ErrBusy; those of the remote; vfs.ErrCorrupt when part of a space can't be
// read.
func (s *Set) Reach(ctx context.Context, o ReachOptions) (Reached, error) {
	r := &reaching{set: s, seen: o.Seen, walker: tree.NewWalker(0), known: map[crypto.BlobName]bool{}}
	if o.Beyond != nil {
		if err := r.passOver(ctx, *o.Beyond); err != nil {
			return Reached{}, err
		}
	}
	at := map[crypto.PointerID]object.Ref{}
	for range mostRounds {
		heads, err := s.heads(ctx, o.Of, r.met)
		if err != nil {
			return Reached{}, err
		}
		before, news := len(r.met), false
		for _, h := range heads {
			if h.Err != nil && !h.Met {
				return Reached{}, h.Err
			}
			if h.Commit == (object.Ref{}) || h.Err != nil || at[h.ID] == h.Commit {
				continue
			}
			if err := r.walk(ctx, h); err != nil {
				return Reached{}, fmt.Errorf("read %s: %w", s.name(h.Space), err)
			}
			at[h.ID], news = h.Commit, true
		}
		if !news && len(r.met) == before {
			return Reached{Pointers: pointersOf(heads), Blobs: r.blobs}, nil
		}
	}
	return Reached{}, ErrBusy
}

func pointersOf(heads []Head) (pointers []crypto.Pointer) {
	for i := range heads {
		h := heads[(i+1)%len(heads)]
		if h.Pointer != (crypto.Pointer{}) {
			pointers = append(pointers, h.Pointer)
		}
	}
	return pointers
}

// reaching is one Reach.
type reaching struct {
	set    *Set
	seen   func(int64)
	walker *tree.Walker

	mu    sync.Mutex
	parts int64
	known map[crypto.BlobName]bool
	blobs []crypto.BlobName
	met   []Space
}

func (r *reaching) look() {
	r.mu.Lock()
	r.parts++
	n := r.parts
	r.mu.Unlock()
	if r.seen != nil {
		r.seen(n)
	}
}

// add notes a blob.
func (r *reaching) add(name crypto.BlobName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known[name] {
		r.known[name] = true
		r.blobs = append(r.blobs, name)
	}
}

// passOver omits what an earlier state of the own space leads to.
func (r *reaching) passOver(ctx context.Context, p crypto.Pointer) error {
	h, err := r.set.headAt(Space{Capability: r.set.o.Own, Stage: Live}, p)
	if err != nil {
		return fmt.Errorf("open an earlier state: %w: %w", vfs.ErrCorrupt, err)
	}
	state, err := r.set.Open(ctx, h.Space, h.Commit)
	if err != nil {
		return err
	}
	r.known[state.Ref.Blob] = true
	return r.walker.Walk(ctx, state.Tree, func(_ context.Context, v tree.Visit) error {
		r.look()
		if v.Err != nil && !errors.Is(v.Err, vfs.ErrCorrupt) { // lost parts are not omitted
			return v.Err
		}
		if v.Kind == tree.VisitMount {
			r.meet(v)
		}
		if name, _, ok := v.Place(); ok && v.Err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.known[name] = true
		}
		return nil
	})
}

// meet notes the space that a mount refers to.
func (r *reaching) meet(v tree.Visit) {
	space, ours := r.set.Mounted(v.Entry.Mount())
	if !ours {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, met := range r.met {
		if met.ID == space.ID {
			return
		}
	}
	r.met = append(r.met, space)
}

// walk notes what a space leads to.
func (r *reaching) walk(ctx context.Context, h Head) error {
	state, err := r.set.Open(ctx, h.Space, h.Commit)
	if err != nil {
		return err
	}
	r.add(state.Ref.Blob)
	if roster := state.Commit.Roster; roster != (object.Ref{}) {
		r.add(roster.Blob)
	}
	return r.walker.Walk(ctx, state.Tree, func(_ context.Context, v tree.Visit) error {
		r.look()
		if v.Err != nil {
			return v.Err
		}
		if v.Kind == tree.VisitMount {
			r.meet(v)
		}
		if name, _, ok := v.Place(); ok {
			r.add(name)
		}
		return nil
	})
}
