package people

import (
	"context"
	"errors"
	"fmt"
	"path"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/registry"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// A friend's folder that this account writes may move to a new space while changes made here wait for the old one. Then
// they are made again in the new space, at the same paths. If the friend has taken the folder back, they never land;
// what was written is kept in a folder of the own files.

// found is the folder of the own files that keeps what can't land.
const found = "/Found"

// remember records the capability of somebody else's space that this account writes: its changes wait in the journal
// also after the mount has gone. The mount lies in outer.
func (p *People) remember(ctx context.Context, c crypto.Capability, outer vfs.FS, m tree.Mounted) error {
	s := p.o.Own.Private()
	r, _ := s.Get(kindTheirs, c.ID.String())
	if len(r.Get(fieldCap)) > 0 {
		return nil
	}
	in := ""
	if w, ok := outer.(*space.Space); ok {
		around, _ := s.Get(kindTheirs, w.ID().String())
		in = string(around.Get(fieldOrigin))
	}
	origin := originOf(m)
	for _, r := range s.All(kindTheirs) {
		if string(r.Get(fieldOrigin)) == origin {
			p.Changed() // changes may wait for a space that this one replaces
		}
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindTheirs, ID: c.ID.String(), Set: map[string][]byte{
		fieldCap: c.Marshal(), fieldOrigin: []byte(origin), fieldIn: []byte(in), fieldName: []byte(path.Base(m.Path)),
	}})
}

// bringPending brings what waits for spaces of others that take no changes any more to where it belongs now.
func (p *People) bringPending(ctx context.Context) error {
	s := p.o.Own.Private()
	var errs []error
	for _, r := range s.All(kindTheirs) {
		c, err := crypto.ParseCapability(r.Get(fieldCap))
		if err != nil {
			continue
		}
		if p.o.Own.Home().Holds(c.ID) {
			errs = append(errs, p.bringFrom(ctx, s, c, r))
		}
	}
	return errors.Join(errs...)
}

// bringFrom brings what waits for one space to where it belongs, if the space takes no changes any more.
func (p *People) bringFrom(ctx context.Context, s registry.State, c crypto.Capability, r registry.Record) error {
	fs, err := p.opens.get(ctx, c)
	if err != nil {
		return err
	}
	from, ok := fs.(*space.Space)
	if !ok {
		return errors.New("a folder with changes is open read-only")
	}
	if withdrawn, err := from.Withdrawn(ctx); err != nil || !withdrawn {
		return err
	}
	to, id, err := p.offeredNow(ctx, s, c.Owner, string(r.Get(fieldOrigin)), string(r.Get(fieldIn)))
	if err != nil || id == c.ID { // its owner has not finished
		return err
	}
	b := bringing{from: from, to: p.o.Own, device: p.o.Device.Name}
	b.was, b.is = from.Uncommitted()
	if next, ok := to.(*space.Space); ok {
		b.to, b.merge = next, true
	} else {
		b.at = found + "/" + string(r.Get(fieldName)) + " of " + p.nameOf(s, c.Owner)
	}
	kept, err := b.run(ctx)
	if err != nil {
		return err
	}
	if kept > 0 && !b.merge {
		p.o.Log.Warn("a folder that was taken back had changes from here that can't land any more; they are kept",
			"in", layout.Files+b.at, "files", kept)
	}
	if err := from.Discard(ctx); err != nil {
		return err
	}
	return p.opens.drop(c.ID)
}

// nameOf returns what somebody is called here.
func (p *People) nameOf(s registry.State, author crypto.AuthorID) string {
	if f, met := personOf(s, author); met {
		return f.Name
	}
	return "somebody"
}

// offeredNow returns the file system of what somebody offers now in the place of a space with an origin, and its id;
// zero: nothing is offered. The space lies in the one of origin in, unless that is empty. Errors: those of looking at
// the offers.
func (p *People) offeredNow(
	ctx context.Context, s registry.State, owner crypto.AuthorID, origin, in string,
) (fs vfs.FS, id crypto.PointerID, err error) {
	p.mu.Lock()
	shown, known := p.mounted[p.nameOf(s, owner)]
	p.mu.Unlock()
	if !known {
		return nil, id, nil // no friend any more
	}
	around := mountHolder(shown.offers)
	if in != "" {
		fs, id, err := p.mountOf(ctx, around, in)
		if err != nil || fs == nil {
			return nil, id, err
		}
		around = fs.(mountHolder)
	}
	return p.mountOf(ctx, around, origin)
}

// mountHolder is a file system with mounts.
type mountHolder interface {
	vfs.FS
	Mounts(ctx context.Context, path string, limit int) ([]tree.Mounted, error)
}

// mountOf opens the mount with an origin, and returns the id of its space; zero: there is none.
func (p *People) mountOf(ctx context.Context, in mountHolder, origin string) (fs vfs.FS, id crypto.PointerID, err error) {
	mounts, err := in.Mounts(ctx, "/", maxOffers)
	if err != nil {
		return nil, id, err
	}
	for _, m := range mounts {
		if originOf(m) == origin {
			fs, err := p.Open(ctx, in, m)
			return fs, m.Target.Capability.ID, err
		}
	}
	return nil, id, nil
}

// errExcess says that no name is free.
var errExcess = fmt.Errorf("%w: there are too many files of one name", vfs.ErrExist)
