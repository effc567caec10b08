package people

import (
	"bytes"
	"context"
	"errors"

	"postern/crypto"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// Whoever could open a space keeps its keys for ever. So when somebody must not read on, the folder moves to a new space
// with new keys: its files and its history by reference, which takes a few KiB whatever the size. Keys of pages and
// chunks are fresh at every rewrite and lead downwards only, so the old keys open nothing that is written later.
//
// The steps are repeated after a crash, from the records alone: the old space is Closing and names the new one, until
// the new one is mounted.

// rotate moves a shared folder to a new space.
func (p *People) rotate(ctx context.Context, id crypto.PointerID) error {
	o, ok := p.spaces(p.o.Own.Private())[id]
	if !ok || o.Stage != roots.Live {
		return nil
	}
	secret, err := crypto.Random[crypto.SpaceSecret](p.o.Rand)
	if err != nil {
		return err
	}
	next := spaceNote(secret, useShare, roots.Making)
	err = p.o.Own.Note(ctx, next, registry.Note{Kind: kindSpace, ID: id.String(), Set: map[string][]byte{
		fieldStage: stageBytes(roots.Closing), fieldNext: []byte(next.ID),
	}})
	if err != nil {
		return err
	}
	return p.finishRotation(ctx, id)
}

// finishRotations goes on with all rotations that were cut off.
func (p *People) finishRotations(ctx context.Context) error {
	var errs []error
	for id, o := range p.spaces(p.o.Own.Private()) {
		if o.Stage == roots.Closing {
			errs = append(errs, p.finishRotation(ctx, id))
		}
	}
	return errors.Join(errs...)
}

func (p *People) finishRotation(ctx context.Context, id crypto.PointerID) error {
	if err := p.o.Own.Flush(ctx); err != nil { // the new space is known before anything of it is at the store
		return err
	}
	s := p.o.Own.Private()
	owned := p.spaces(s)
	old := owned[id]
	nextID, err := crypto.ParsePointerID(old.Next)
	if err != nil {
		return errors.New("a folder that is being taken back names no new space")
	}
	next, ok := owned[nextID]
	if !ok {
		return errors.New("a folder that is being taken back names an unknown space")
	}
	final, err := p.closeSpace(ctx, old)
	if err != nil {
		return err
	}
	_, err = space.Publish(ctx, p.o.Store, p.keys(next.Capability), p.publishing(),
		func(_ context.Context, nodes *tree.Nodes, now tree.Tree) (tree.Tree, error) {
			root, _ := final.Whole.Root().Object()
			if is, _ := now.Root().Object(); is.Root == root.Root {
				return now, nil
			}
			return tree.New(nodes, root), nil
		})
	if err != nil {
		return err
	}
	notes := p.successor(s, old, next, final.Ref)
	if err := p.remount(ctx, old, next, notes); err != nil {
		return err
	}
	return p.opens.drop(id)
}

// forgetRetired ends the lives of spaces that were replaced a grace period ago. What the history still mounts is kept all
// the same: a space that is gone is a root as long as something mounts it.
func (p *People) forgetRetired(ctx context.Context) error {
	var notes []registry.Note
	for id, r := range p.o.Own.Private().All(kindSpace) {
		ended := timeOf(r.Get(fieldEnded))
		if bytes.Equal(r.Get(fieldStage), stageBytes(roots.Retired)) && !ended.IsZero() &&
			p.o.Now().Sub(ended) > gc.DefaultGrace {
			notes = append(notes, registry.Note{Kind: kindSpace, ID: id,
				Set: map[string][]byte{fieldStage: stageBytes(roots.Gone)}})
		}
	}
	if len(notes) == 0 {
		return nil
	}
	return p.o.Own.Note(ctx, notes...)
}

// successor returns the notes that put one space in the place of another.
func (p *People) successor(s registry.State, old, next ownedSpace, final object.Ref) []registry.Note {
	share := registry.Note{Kind: kindShare, ID: next.ID.String(), Set: map[string][]byte{}}
	if r, ok := s.Get(kindShare, old.ID.String()); ok {
		for field, b := range r.Fields() {
			share.Set[field] = b
		}
		share.Set[fieldRoster] = nil
	}
	notes := []registry.Note{
		{Kind: kindSpace, ID: old.ID.String(), Set: map[string][]byte{
			fieldStage: stageBytes(roots.Retired), fieldFinal: refBytes(final), fieldEnded: timeBytes(p.o.Now()),
		}},
		{Kind: kindSpace, ID: next.ID.String(), Set: map[string][]byte{fieldStage: stageBytes(roots.Live)}},
		share,
	}
	for _, sh := range p.shares(s) {
		if sh.id != old.ID {
			continue
		}
		for to, right := range sh.to {
			notes = append(notes, grant(next.ID.String(), to, right), grant(old.ID.String(), to, ""))
		}
	}
	for id, r := range s.All(kindLink) {
		if string(r.Get(fieldTarget)) == old.ID.String() && !isSet(r.Get(fieldGone)) {
			notes = append(notes, registry.Note{Kind: kindLink, ID: id,
				Set: map[string][]byte{fieldTarget: []byte(next.ID.String())}})
		}
	}
	return notes
}

// closeSpace brings everything to the old space that is still to come from here, and returns its last state.
func (p *People) closeSpace(ctx context.Context, o ownedSpace) (space.State, error) {
	s, err := p.opens.own(ctx, o)
	if err != nil {
		return space.State{}, err
	}
	if err := s.Flush(ctx); err != nil {
		return space.State{}, err
	}
	roster, there, err := s.Roster(ctx)
	if err == nil && there && len(roster.Authors) > 0 {
		err = s.SetRoster(ctx, nil, roster.Epoch+1)
	}
	return s.CommittedState(), err
}

// remount puts the mount of the new space in the place of that of the old one, and records the notes with it. A mount
// that is nowhere needs only the notes.
func (p *People) remount(ctx context.Context, old, next ownedSpace, notes []registry.Note) error {
	r, _ := p.o.Own.Private().Get(kindShare, old.ID.String())
	at, err := p.locate(ctx, string(r.Get(fieldPath)))
	if err != nil || at.mount == nil || at.mount.Target.Capability.ID != old.ID {
		return p.o.Own.Note(ctx, notes...)
	}
	return p.mount(ctx, at, next, nil, notes)
}
