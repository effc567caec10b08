package people

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/roots"
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
	at    int64 // of a view of an earlier state, in ns since 1970; 0: now
}

// openSpace is a space that is open, or being opened.
type openSpace struct {
	ready chan struct{}
	fs    vfs.FS
	close func() error
	err   error
}

func newOpenSpaces(p *People) *openSpaces { return &openSpaces{p: p, at: map[openKey]*openSpace{}} }

// Open returns the file system of a mount; see namespace.Options. A mount of this account's own space is followed only
// within this account's spaces: else a friend could have it changed through his folder.
func (p *People) Open(ctx context.Context, outer vfs.FS, m tree.Mounted) (vfs.FS, error) {
	c := m.Target.Capability
	var fs vfs.FS
	var err error
	switch {
	case m.Owner != c.Owner:
		return nil, &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrCorrupt,
			Err: errors.New("it is a space of somebody else than the folder that it is in")}
	case c.Owner == p.author():
		fs, err = p.openShared(ctx, c.ID, !m.At.IsZero())
	default:
		c = p.granted(outer, m)
		if c.CanWrite() && p.opens.known(openKey{id: c.ID, write: true}) == nil {
			err = p.remember(ctx, c, outer, m)
		}
		if err == nil {
			fs, err = p.opens.get(ctx, c)
		}
	}
	if past, ok := fs.(interface{ At(t time.Time) vfs.FS }); ok && err == nil && !m.At.IsZero() {
		return p.opens.past(openKey{id: c.ID, at: m.At.UnixNano()}, func() vfs.FS { return past.At(m.At) }), nil
	}
	return fs, err
}

// openShared returns a shared folder of this account. One that was replaced is shown only as it was in the past:
// another device may not have moved its mount yet.
func (p *People) openShared(ctx context.Context, id crypto.PointerID, past bool) (vfs.FS, error) {
	if fs := p.opens.known(openKey{id: id, write: true}); fs != nil {
		return fs, nil
	}
	s := p.o.Own.Private()
	r, _ := s.Get(kindSpace, id.String())
	o, ok := p.space(s, r)
	if !ok || o.ID != id || o.Use != useShare {
		return nil, errors.New("the keys of this folder are not known here yet")
	}
	if o.Stage == roots.Retired && !past {
		if next, ok := heir(p.spaces(s), o); ok {
			o = next
		}
	}
	return p.opens.get(ctx, o.Capability)
}

// granted returns the capability that a mount of somebody else grants to this account.
func (p *People) granted(outer vfs.FS, m tree.Mounted) crypto.Capability {
	c := m.Target.Capability
	if seed, ok := p.offered(m); ok {
		c.Writer = seed
	} else if w, ok := outer.(*space.Space); ok && m.Target.Seed != ([crypto.SealedSeedSize]byte{}) {
		if seed, err := w.OpenSeed(c.ID, m.Target.Seed); err == nil {
			c.Writer = seed
		}
	}
	return c
}

// offered returns the writer seed in an offer.
func (p *People) offered(m tree.Mounted) (seed crypto.WriterSeed, ok bool) {
	for _, property := range m.Entry.Info().Properties {
		if property.Name != offerWriter {
			continue
		}
		b, err := hex.DecodeString(property.Value)
		if err != nil || len(b) != len(seed) {
			return seed, false
		}
		seed = crypto.WriterSeed(b)
		return seed, p.derived.id(seed) == m.Target.Capability.ID
	}
	return seed, false
}

// known returns what is open; nil: it is not.
func (o *openSpaces) known(key openKey) vfs.FS {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.at[key]
	if e == nil {
		return nil
	}
	select {
	case <-e.ready:
		return e.fs
	default:
		return nil
	}
}

// maxPast bounds how many views of earlier states are kept.
const maxPast = 256

// past returns the view of an earlier state, always the same for one key.
func (o *openSpaces) past(key openKey, view func() vfs.FS) vfs.FS {
	if fs := o.known(key); fs != nil {
		return fs
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for other := range o.at { // any of them: it is made again
		if len(o.at) < maxPast {
			break
		}
		if other.at != 0 {
			delete(o.at, other)
		}
	}
	e := &openSpace{ready: make(chan struct{}), fs: view(), close: func() error { return nil }}
	close(e.ready)
	o.at[key] = e
	return e.fs
}

// get returns a space, and opens it if it is not open.
func (o *openSpaces) get(ctx context.Context, c crypto.Capability) (vfs.FS, error) {
	key := openKey{id: c.ID, write: c.CanWrite()}
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
	var s *space.Space
	if s, e.err = o.p.o.Own.Home().Open(ctx, o.p.options(c)); e.err == nil {
		e.fs, e.close = s, s.Close
	} else {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.at, key)
		e.err = &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrUnavailable, Err: e.err}
	}
}

// spaces returns the open spaces that this account may write, and has not opened in vain.
func (o *openSpaces) spaces() (all []*space.Space) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.at {
		select {
		case <-e.ready:
			if s, ok := e.fs.(*space.Space); ok {
				all = append(all, s)
			}
		default:
		}
	}
	return all
}

// Look looks for all that others, and other devices of this account, have changed, and returns when it is seen here.
func (p *People) Look(ctx context.Context) error {
	errs := []error{p.o.Own.Committer().Look(ctx)}
	for _, s := range p.opens.spaces() {
		errs = append(errs, s.Committer().Look(ctx))
	}
	for range looks {
		p.o.Own.Home().Poller().Look(ctx)
	}
	return errors.Join(append(errs, p.show())...)
}

// looks is how often the poller must look, since it asks for listed pointers at every other look while nothing moves.
const looks = 3

// drop closes the spaces of an id.
func (o *openSpaces) drop(id crypto.PointerID) error {
	o.mu.Lock()
	var closing []*openSpace
	for key, e := range o.at {
		if key.id == id {
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

// options returns the options to open a space that this account may write.
func (p *People) options(c crypto.Capability) space.Options {
	return space.Options{Store: p.o.Store, Keys: p.keys(c), Carry: p.Carry}
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
