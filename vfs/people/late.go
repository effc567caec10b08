package people

import (
	"context"
	"errors"
	"slices"
	"sync"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// retiredSpaces notes which of this account's replaced spaces may have new commits: another device of the account may
// have been away when the space was replaced, or a writer was faster than the owner who closed it.
type retiredSpaces struct {
	mu    sync.Mutex
	stop  map[crypto.PointerID]func()
	moved map[crypto.PointerID]bool
}

func newRetiredSpaces() *retiredSpaces {
	return &retiredSpaces{stop: map[crypto.PointerID]func(){}, moved: map[crypto.PointerID]bool{}}
}

// look notes that a space may have new commits.
func (r *retiredSpaces) look(id crypto.PointerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved[id] = true
}

// take reports whether a space may have new commits, and forgets it.
func (r *retiredSpaces) take(id crypto.PointerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := r.moved[id]
	delete(r.moved, id)
	return moved
}

// watch makes the poller look for new commits of a space, from now on.
func (r *retiredSpaces) watch(p *People, id crypto.PointerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop[id] != nil {
		return
	}
	r.moved[id] = true
	r.stop[id] = p.o.Own.Home().Poller().Listed(p.o.Store, id, func(crypto.Pointer) {
		r.look(id)
		p.Changed()
	})
}

func (r *retiredSpaces) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, stop := range r.stop {
		stop()
		delete(r.stop, id)
	}
}

// carryLate merges what was committed in spaces after they were replaced into those that replaced them.
func (p *People) carryLate(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	var errs []error
	for id, o := range owned {
		if o.Stage != roots.Retired || o.Use != useShare || o.Final == (object.Ref{}) {
			continue
		}
		p.retired.watch(p, id)
		next, ok := heir(owned, o)
		if !ok || next.Stage != roots.Live || !p.retired.take(id) {
			continue
		}
		if err := p.carrySteps(ctx, s, o, next); err != nil {
			p.retired.look(id)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *People) carrySteps(ctx context.Context, s registry.State, o, next ownedSpace) error {
	r, _ := s.Get(kindSpace, o.ID.String())
	known, ok := refOf(r.Get(fieldCarried))
	if !ok {
		known = o.Final
	}
	steps, err := space.Since(ctx, p.o.Store, o.Capability, known)
	switch {
	case errors.Is(err, base.ErrNoSpace):
		return nil
	case errors.Is(err, space.ErrFar):
		p.o.Log.Warn("changes of a shared folder that came after it was taken back from somebody are left out", "error",
			err)
		return nil
	case err != nil || len(steps) == 0:
		return err
	}
	to, err := p.opens.own(ctx, next)
	if err != nil {
		return err
	}
	var writers []object.Author
	all := p.shares(s)
	if sh, ok := shareOf(all, next.ID); ok {
		writers = p.writers(s, sh, all)
	}
	for _, step := range steps {
		mine := step.Author == o.Owner
		if !mine && !slices.ContainsFunc(writers, func(a object.Author) bool { return a.ID == step.Author }) {
			continue // of somebody who may not write any more
		}
		if err := to.Carry(ctx, step.Was, step.Is); err != nil {
			return err
		}
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindSpace, ID: o.ID.String(),
		Set: map[string][]byte{fieldCarried: refBytes(steps[len(steps)-1].Is.Commit)}})
}
