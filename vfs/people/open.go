package people

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/registry"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// openSpaces are the spaces that mounts lead to and that are open.
type openSpaces struct {
	p  *People
	mu sync.Mutex
	at map[openKey]*openSpace
}

type openKey struct {
	id    crypto.PointerID
	write bool
}

// openSpace is a space that is open, or being opened.
type openSpace struct {
	ready chan struct{}
	fs    vfs.FS
	close func() error
	err   error
}

func newOpenSpaces(p *People) *openSpaces { return &openSpaces{p: p, at: map[openKey]*openSpace{}} }

// Open returns the file system of a mount; see namespace.Options.
func (p *People) Open(ctx context.Context, outer vfs.FS, m tree.Mounted) (vfs.FS, error) {
	c := m.Target.Capability
	s := p.o.Own.Private()
	if c.Owner == p.o.Account.Author().ID() {
		if o, ok := p.spaces(s)[c.ID]; ok {
			return p.opens.get(ctx, o.Capability)
		}
		return nil, errors.New("a shared folder whose keys are not known here yet")
	}
	if m.Owner != c.Owner {
		return nil, &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrCorrupt,
			Err: errors.New("a mount of somebody else's space")}
	}
	if seed, ok := offered(m, c.ID); ok {
		c.Writer = seed
	} else if w, ok := outer.(*space.Space); ok && m.Target.Seed != ([crypto.SealedSeedSize]byte{}) {
		if seed, err := w.OpenSeed(c.ID, m.Target.Seed); err == nil {
			c.Writer = seed
		}
	}
	return p.opens.get(ctx, c)
}

// offered returns the writer seed in an offer.
func offered(m tree.Mounted, id crypto.PointerID) (seed crypto.WriterSeed, ok bool) {
	for _, property := range m.Entry.Info().Properties {
		if property.Name != offerWriter {
			continue
		}
		b, err := hex.DecodeString(property.Value)
		if err != nil || len(b) != len(seed) {
			return seed, false
		}
		seed = crypto.WriterSeed(b)
		return seed, seed.Key().ID() == id
	}
	return seed, false
}

// get returns a space, and opens it if it is not open.
func (o *openSpaces) get(ctx context.Context, c crypto.Capability) (vfs.FS, error) {
	key := openKey{c.ID, c.CanWrite()}
	o.mu.Lock()
	e := o.at[key]
	if e == nil {
		e = &openSpace{ready: make(chan struct{})}
		o.at[key] = e
		go o.open(key, e, c)
	}
	o.mu.Unlock()
	select {
	case <-e.ready:
		return e.fs, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// own returns one of this account's spaces, open for writing.
func (o *openSpaces) own(ctx context.Context, of ownedSpace) (*space.Space, error) {
	fs, err := o.get(ctx, of.Capability)
	if err != nil {
		return nil, err
	}
	s, ok := fs.(*space.Space)
	if !ok {
		return nil, errors.New("a folder of this account is open read-only")
	}
	return s, nil
}

// open opens a space. A failure is forgotten, so that the next request tries again.
func (o *openSpaces) open(key openKey, e *openSpace, c crypto.Capability) {
	defer close(e.ready)
	ctx, cancel := context.WithTimeout(context.Background(), remote.Shipped.Work)
	defer cancel()
	if !c.CanWrite() {
		f := o.p.o.Own.Home().Follow(o.p.o.Store, c)
		e.fs, e.close = f, func() error { f.Close(); return nil }
		return
	}
	if err := o.p.remember(ctx, c); err != nil {
		e.err = err
	} else {
		var s *space.Space
		if s, e.err = o.p.o.Own.Home().Open(ctx, o.p.options(c)); e.err == nil {
			e.fs, e.close = s, s.Close
		}
	}
	if e.err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.at, key)
		e.err = &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrUnavailable, Err: e.err}
	}
}

// drop closes the spaces of an id.
func (o *openSpaces) drop(id crypto.PointerID) error {
	o.mu.Lock()
	var closing []*openSpace
	for _, write := range []bool{false, true} {
		key := openKey{id, write}
		if e := o.at[key]; e != nil {
			closing = append(closing, e)
			delete(o.at, key)
		}
	}
	o.mu.Unlock()
	var errs []error
	for _, e := range closing {
		<-e.ready
		if e.close != nil {
			errs = append(errs, e.close())
		}
	}
	return errors.Join(errs...)
}

// close closes all.
func (o *openSpaces) close() error {
	o.mu.Lock()
	ids := map[crypto.PointerID]bool{}
	for key := range o.at {
		ids[key.id] = true
	}
	o.mu.Unlock()
	var errs []error
	for id := range ids {
		errs = append(errs, o.drop(id))
	}
	return errors.Join(errs...)
}

// remember records the capability of somebody else's space that this account writes: its changes wait in the journal
// also after the mount has gone.
func (p *People) remember(ctx context.Context, c crypto.Capability) error {
	if c.Owner == p.o.Account.Author().ID() {
		return nil
	}
	s := p.o.Own.Private()
	if r, ok := s.Get(kindTheirs, c.ID.String()); ok && len(r.Get(fieldCap)) > 0 {
		return nil
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindTheirs, ID: c.ID.String(),
		Set: map[string][]byte{fieldCap: c.Marshal()}})
}

// options returns the options to open a space that this account may write.
func (p *People) options(c crypto.Capability) space.Options {
	return space.Options{Store: p.o.Store, Keys: p.keys(c)}
}

// Beside returns the options to open a space that has changes in the journal; see space.Options.
func (p *People) Beside(_ context.Context, id crypto.PointerID) (space.Options, error) {
	s := p.o.Own.Private()
	if o, ok := p.spaces(s)[id]; ok {
		return p.options(o.Capability), nil
	}
	r, _ := s.Get(kindTheirs, id.String())
	c, err := crypto.ParseCapability(r.Get(fieldCap))
	if err != nil {
		return space.Options{}, errors.New("this account no longer has the key of the folder")
	}
	return p.options(c), nil
}
