package people

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// Whoever could open a space keeps its keys for ever. So when somebody must not read on, the folder moves to a new
// space with new keys: its files and its history by reference, which takes a few KiB whatever the size. Keys of pages
// and chunks are fresh at every rewrite and lead downwards only, so the old keys open nothing that is written later.
// Folders within it that are shared on their own move, too: its readers can open them.
//
// The wish and the begin of the moves are one note. The steps are repeated after a crash from the records alone: the
// old space is Closing and names the new one, until the new one is mounted. All devices of the account derive the same
// new space from the old one, so two of them may do the steps at once.

// rotation returns the notes that begin to move shared folders, and those within them, to new spaces.
func (p *People) rotation(s registry.State, ids ...crypto.PointerID) (notes []registry.Note) {
	owned, all := p.spaces(s), p.shares(s)
	for _, sh := range all {
		moves := slices.Contains(ids, sh.id)
		for _, outer := range all {
			moves = moves || slices.Contains(ids, outer.id) && sh.within(outer)
		}
		if !moves || owned[sh.id].Stage != roots.Live {
			continue
		}
		next := spaceNote(p.o.Account.NextSecret(sh.id), useShare, roots.Making)
		notes = append(notes, next, registry.Note{Kind: kindSpace, ID: sh.id.String(), Set: map[string][]byte{
			fieldStage: stageBytes(roots.Closing), fieldNext: []byte(next.ID),
		}})
	}
	return notes
}

// finishRotations goes on with all rotations, outer folders first: the mounts within lie in their new spaces then.
func (p *People) finishRotations(ctx context.Context) error {
	var errs []error
	flushed := false
	for _, sh := range p.shares(p.o.Own.Private()) {
		s := p.o.Own.Private()
		if p.spaces(s)[sh.id].Stage != roots.Closing {
			continue
		}
		if !flushed { // the new spaces are known before anything of them is at the store
			if err := p.flush(ctx); err != nil {
				return err
			}
			flushed = true
		}
		errs = append(errs, p.finishRotation(ctx, p.o.Own.Private(), sh))
	}
	return errors.Join(errs...)
}

func (p *People) finishRotation(ctx context.Context, s registry.State, sh share) error {
	owned := p.spaces(s)
	old := owned[sh.id]
	if old.Stage != roots.Closing { // the flush has brought that another device was faster
		return nil
	}
	nextID, err := crypto.ParsePointerID(old.Next)
	next, ok := owned[nextID]
	if err != nil || !ok {
		return errors.New("a folder that is being taken back names no new space")
	}
	final, err := p.closeSpace(ctx, old)
	if err != nil {
		return err
	}
	writers := p.writers(s, sh, p.shares(s))
	if err := p.succeed(ctx, next, final, writers); err != nil {
		return err
	}
	notes := append(p.successor(s, old, next, final.Ref, writers), p.inherit(s, old, next)...)
	if err := p.remount(ctx, old, next, sh.path, notes); err != nil {
		return err
	}
	p.retired.look(old.ID) // a change that came through the old mount in the meantime
	return errors.Join(p.carryLate(ctx), p.opens.drop(old.ID))
}

// closeSpace brings everything to the old space that is still to come from here, takes the right to write from all
// others, and returns its last state.
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
	if errors.Is(err, remote.ErrConflict) { // somebody commits all the time: the newest valid state is the last one
		err = nil
	}
	return s.CommittedState(), err
}

// succeed makes the new space with the last state of the old one. If the new one is there already, as after a crash or
// from another device, it gets what it lacks.
func (p *People) succeed(ctx context.Context, next ownedSpace, final space.State, writers []object.Author) error {
	files, _ := final.Files.Root().Object()
	begin := space.Beginning{Files: files, Version: final.Version}
	history, err := final.Whole.Lookup(ctx, base.HistoryPath)
	switch {
	case err == nil:
		begin.History, _ = history.Object()
	case errors.Is(err, vfs.ErrNotExist):
		begin.Bare = true
	default:
		return err
	}
	if len(writers) > 0 {
		begin.Roster = &object.Roster{Epoch: 1, Authors: writers}
	}
	err = space.CreateFrom(ctx, p.o.Store, p.keys(next.Capability), p.o.Device, p.o.Rand, p.o.Now(), begin)
	if !errors.Is(err, remote.ErrConflict) {
		return err
	}
	first, err := space.First(ctx, p.o.Store, next.Capability)
	if err != nil {
		return err
	}
	s, err := p.opens.own(ctx, next)
	if err != nil {
		return err
	}
	return s.Carry(ctx, first, final.Head())
}

// forgetRetired ends the lives of spaces that were replaced a grace period ago. What the history still mounts is kept
// all the same: a space that is gone is a root as long as something mounts it.
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
	return p.o.Own.Note(ctx, notes...)
}

// successor returns the notes that put one space in the place of another.
func (p *People) successor(
	s registry.State, old, next ownedSpace, final object.Ref, writers []object.Author,
) []registry.Note {
	share := registry.Note{Kind: kindShare, ID: next.ID.String(), Set: map[string][]byte{}}
	if r, ok := s.Get(kindShare, old.ID.String()); ok {
		for field, b := range r.Fields() {
			share.Set[field] = b
		}
		if len(r.Get(fieldOrigin)) == 0 {
			share.Set[fieldOrigin] = []byte(old.ID.String())
		}
		share.Set[fieldRoster] = sumOf(writers)
	}
	return []registry.Note{
		{Kind: kindSpace, ID: old.ID.String(), Set: map[string][]byte{
			fieldStage: stageBytes(roots.Retired), fieldFinal: refBytes(final), fieldEnded: timeBytes(p.o.Now()),
		}},
		{Kind: kindSpace, ID: next.ID.String(), Set: map[string][]byte{fieldStage: stageBytes(roots.Live)}},
		share,
	}
}

// inherit returns the notes that give a space the grants and the links of the one that it replaces.
func (p *People) inherit(s registry.State, old, next ownedSpace) (notes []registry.Note) {
	sh, _ := shareOf(p.shares(s), old.ID)
	for to, right := range sh.to {
		notes = append(notes, grant(next.ID.String(), to, right), grant(old.ID.String(), to, ""))
	}
	for id, r := range s.All(kindLink) {
		if string(r.Get(fieldTarget)) == old.ID.String() && !isSet(r.Get(fieldGone)) {
			notes = append(notes, registry.Note{Kind: kindLink, ID: id,
				Set: map[string][]byte{fieldTarget: []byte(next.ID.String())}})
		}
	}
	return notes
}

// heir returns the space in use that has replaced another one; ok is false if there is none yet.
func heir(owned map[crypto.PointerID]ownedSpace, o ownedSpace) (next ownedSpace, ok bool) {
	for range len(owned) {
		if o.Stage < roots.Retired {
			return o, true
		}
		id, err := crypto.ParsePointerID(o.Next)
		if err != nil {
			return o, false
		}
		if o, ok = owned[id]; !ok {
			return o, false
		}
	}
	return o, false
}

// passOn gives to new spaces what another device has granted for the old ones meanwhile.
func (p *People) passOn(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	var notes []registry.Note
	for _, o := range owned {
		if o.Stage != roots.Retired {
			continue
		}
		if next, ok := heir(owned, o); ok {
			notes = append(notes, p.inherit(s, o, next)...)
		}
	}
	slices.SortFunc(notes, func(a, b registry.Note) int { return strings.Compare(a.ID, b.ID) })
	return p.o.Own.Note(ctx, notes...)
}

// remount puts the mount of the new space in the place of that of the old one, and records the notes with it. A mount
// that is nowhere needs only the notes.
func (p *People) remount(ctx context.Context, old, next ownedSpace, path string, notes []registry.Note) error {
	at, err := p.locate(ctx, path)
	found := err == nil && at.mount != nil && at.mount.Target.Capability.ID == old.ID
	done := err == nil && at.mount != nil && at.mount.Target.Capability.ID == next.ID
	if err != nil && !errors.Is(err, vfs.ErrNotExist) && !errors.Is(err, vfs.ErrNotFolder) {
		return err
	}
	if !found && !done {
		if at, found, err = p.search(ctx, old.ID); err != nil {
			return err
		}
	}
	if done && at.space != p.o.Own { // see mount: a crash may have come before the flush
		if err := at.space.Flush(ctx); err != nil {
			return err
		}
	}
	if !found {
		return p.o.Own.Note(ctx, notes...)
	}
	return p.mount(ctx, at, next, nil, notes)
}

// maxSearched bounds the mounts that are looked through in one folder.
const maxSearched = 1000

// search finds the mount of one of this account's spaces wherever it is in the account's files.
func (p *People) search(ctx context.Context, id crypto.PointerID) (place, bool, error) {
	seen := map[crypto.PointerID]bool{}
	for all := []place{{space: p.o.Own, at: layout.Files}}; len(all) > 0; all = all[1:] {
		in := all[0]
		mounts, err := in.space.Mounts(ctx, "/", maxSearched)
		if err != nil {
			return place{}, false, err
		}
		for _, m := range mounts {
			if m.Target.Capability.ID == id {
				return place{space: in.space, at: in.at, within: m.Path, mount: &m}, true, nil
			}
			inner, own := p.within(ctx, in.space, m)
			if own && !seen[inner.ID()] {
				seen[inner.ID()] = true
				all = append(all, place{space: inner, at: in.at + m.Path})
			}
		}
	}
	return place{}, false, nil
}

// within returns the space of this account that a mount leads to; false if it is another's, or can't be opened.
func (p *People) within(ctx context.Context, outer *space.Space, m tree.Mounted) (*space.Space, bool) {
	fs, err := p.Open(ctx, outer, m)
	if err != nil {
		return nil, false
	}
	s, ok := fs.(*space.Space)
	return s, ok
}
