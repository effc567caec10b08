package people

import (
	"context"
	"encoding/hex"
	"errors"
	"path"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// Another device of the account may edit a folder offline while this one shares it. The merge then leaves the edited
// folder next to the mount. Its changes belong into the shared space: they are merged there, against the folder as it
// was before, and the edited folder is removed. A record says what is to be done until it is done, so a crash only
// repeats it, on any device.

const (
	kindCarry registry.Kind = "carry" // by a hash of where the edited folder lies

	fieldInside = "inside" // carry: id of the space that the edited folder lies in
	fieldWas    = "was"    // carry: the folder before, as the entry of a graft; empty: there was none
	fieldDevice = "device" // carry: the device that edited it
)

// carried is a conflict of a merge whose copy belongs into a shared space.
type carried struct {
	in crypto.PointerID
	tree.Conflict
}

// maxCarried bounds how many conflicts wait for being recorded. More stay as they are: folders next to the mounts.
const maxCarried = 1024

// Carry merges what a conflict left next to a mount into the mounted space, later; see space.Options. It returns at
// once.
func (p *People) Carry(in crypto.PointerID, c tree.Conflict) {
	p.mu.Lock()
	if len(p.carried) < maxCarried {
		p.carried = append(p.carried, carried{in, c})
	}
	p.mu.Unlock()
	p.Changed()
}

// takeCarried records what Carry was called with.
func (p *People) takeCarried(ctx context.Context) error {
	p.mu.Lock()
	all := p.carried
	p.carried = nil
	p.mu.Unlock()
	s := p.o.Own.Private()
	var notes []registry.Note
	for _, c := range all {
		id := crypto.NameOf([]byte(c.in.String() + c.Copy))
		set := map[string][]byte{fieldInside: []byte(c.in.String()), fieldPath: []byte(c.Copy),
			fieldTarget: []byte(c.Conflict.Carry.Space.String()), fieldDevice: []byte(c.Device), fieldGone: nil}
		if base := c.Conflict.Carry.Base; base.Kind != 0 {
			b, err := entryBytes(base)
			if err != nil {
				return err
			}
			set[fieldWas] = b
		}
		note := registry.Note{Kind: kindCarry, ID: hex.EncodeToString(id[:]), Set: set}
		if _, _, err := s.Note(note); err != nil { // such as a path that is too long
			p.o.Log.Warn("an edited copy of a shared folder stays next to it", "copy", c.Copy, "error", err)
			continue
		}
		notes = append(notes, note)
	}
	return p.o.Own.Note(ctx, notes...)
}

// carry merges all edited folders that are recorded.
func (p *People) carry(ctx context.Context) error {
	errs := []error{p.takeCarried(ctx)}
	for id, r := range p.o.Own.Private().All(kindCarry) {
		if isSet(r.Get(fieldGone)) {
			continue
		}
		err := p.carryOne(ctx, id, r)
		if errors.Is(err, vfs.ErrInvalid) || errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrCorrupt) {
			p.o.Log.Warn("an edited copy of a shared folder stays next to it", "copy", string(r.Get(fieldPath)), "error", err)
			err = p.o.Own.Note(ctx, carriedNote(id))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// carriedNote returns a note that an edited folder was merged.
func carriedNote(id string) registry.Note {
	return registry.Note{Kind: kindCarry, ID: id, Set: map[string][]byte{fieldGone: []byte("1")}}
}

func (p *People) carryOne(ctx context.Context, id string, r registry.Record) error {
	in, err := p.ownByID(ctx, string(r.Get(fieldInside)))
	if err != nil {
		return err
	}
	to, err := p.ownByID(ctx, string(r.Get(fieldTarget)))
	if err != nil {
		return err
	}
	if err := in.Flush(ctx); err != nil {
		return err
	}
	at := string(r.Get(fieldPath))
	edited, err := in.Files().Lookup(ctx, at)
	if err != nil {
		return err // the user has moved or removed it, or another device was faster
	}
	j := space.Joined{Device: string(r.Get(fieldDevice))}
	j.Edited, _ = edited.Object()
	if b := r.Get(fieldWas); len(b) > 0 {
		j.Base, _ = entryOf(b) // zero: it is not known
	}
	if err := to.Join(ctx, j); err != nil {
		return err
	}
	if err := to.Flush(ctx); err != nil { // what is added comes before what is removed
		return err
	}
	cond := func(ctx context.Context, now vfs.Stater) error {
		v, ok := now.(view.View)
		if !ok {
			return nil
		}
		e, err := v.Tree.Lookup(ctx, at)
		if err == nil && !tree.Same(e, edited) {
			err = &vfs.Error{Op: "merge", Path: at, Kind: vfs.ErrUnavailable,
				Err: errors.New("it is being changed: this is tried again")}
		}
		return err
	}
	return p.remove(ctx, in, at, cond, carriedNote(id))
}

// remove removes something in one of this account's spaces, and records notes with it.
func (p *People) remove(
	ctx context.Context, in *space.Space, at string, cond vfs.Cond, notes ...registry.Note,
) error {
	if in == p.o.Own {
		_, err := in.MakeNoted(ctx, tree.Remove{Path: at}, cond, notes...)
		return err
	}
	if err := in.Remove(ctx, at, cond); err != nil {
		return err
	}
	return p.o.Own.Note(ctx, notes...)
}

// ownByID returns a space of this account, or the one that has taken its place. The error is vfs.ErrInvalid if there is
// none.
func (p *People) ownByID(ctx context.Context, id string) (*space.Space, error) {
	if id == p.o.Own.ID().String() {
		return p.o.Own, nil
	}
	owned := p.spaces(p.o.Own.Private())
	for range len(owned) + 1 {
		of, err := crypto.ParsePointerID(id)
		o, ok := owned[of]
		if err != nil || !ok || o.Use != useShare {
			break
		}
		if o.Stage == roots.Live {
			return p.opens.own(ctx, o)
		}
		id = o.Next
	}
	return nil, &vfs.Error{Op: "merge", Path: "/", Kind: vfs.ErrInvalid, Err: errors.New("its folder is not shared any more")}
}

// unite merges folders that two devices have shared at the same time: the merge of the drive has kept the space with
// the smaller id in the folder's place, and has put the mount of the other next to it.
func (p *People) unite(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	shares := slices.DeleteFunc(p.shares(s), func(sh share) bool { return owned[sh.id].Stage != roots.Live })
	var errs []error
	for i, a := range shares {
		for _, b := range shares[i+1:] {
			if b.path != a.path {
				break // they are sorted by path, then by id
			}
			err := p.uniteTwo(ctx, s, a, b)
			if err != nil && errors.Is(err, vfs.ErrInvalid) {
				p.o.Log.Info("a folder that was shared on two devices stays in two", "path", a.path, "error", err)
				err = nil
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *People) uniteTwo(ctx context.Context, s registry.State, kept, other share) error {
	at, err := p.locate(ctx, kept.path)
	if err != nil || at.mount == nil || at.mount.Target.Capability.ID != kept.id {
		return nil //nolint:nilerr // it is another folder by now
	}
	mounts, err := at.space.Mounts(ctx, path.Dir(at.within), maxOffers)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mounts, func(m tree.Mounted) bool {
		return m.Target.Capability.ID == other.id && path.Dir(m.Path) == path.Dir(at.within)
	})
	if i < 0 {
		return nil
	}
	owned := p.spaces(s)
	to, err := p.opens.own(ctx, owned[kept.id])
	if err != nil {
		return err
	}
	final, err := p.closeSpace(ctx, owned[other.id])
	if err != nil {
		return err
	}
	j := space.Joined{Device: p.o.Device.Name}
	j.Edited, _ = final.Files.Root().Object()
	if kept.first.Root == other.first.Root {
		j.Base = kept.first
	}
	if err := to.Join(ctx, j); err != nil {
		return err
	}
	if err := to.Flush(ctx); err != nil {
		return err
	}
	notes := []registry.Note{{Kind: kindSpace, ID: other.id.String(), Set: map[string][]byte{
		fieldStage: stageBytes(roots.Retired), fieldFinal: refBytes(final.Ref), fieldEnded: timeBytes(p.o.Now()),
		fieldNext: []byte(kept.id.String()),
	}}}
	for whom, right := range other.to {
		if kept.to[whom] != mayWrite {
			notes = append(notes, grant(kept.id.String(), whom, right))
		}
		notes = append(notes, grant(other.id.String(), whom, ""))
	}
	cond := func(ctx context.Context, now vfs.Stater) error {
		if v, ok := now.(view.View); ok {
			if m, there, err := v.Tree.Crossing(ctx, mounts[i].Path); err != nil || !there ||
				m.Target.Capability.ID != other.id {
				return errors.Join(err, &vfs.Error{Op: "merge", Path: mounts[i].Path, Kind: vfs.ErrNotExist})
			}
		}
		return nil
	}
	if err := p.remove(ctx, at.space, mounts[i].Path, cond, notes...); err != nil {
		return err
	}
	return p.opens.drop(other.id)
}
