package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/layout"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space/follow"
)

// Link is a secret link to a folder of this account.
type Link struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`
	URL      string    `json:"url"`
	Write    bool      `json:"write,omitempty"`
	Password bool      `json:"password,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`

	gone   bool
	seed   crypto.LinkSeed
	target string
	key    crypto.ReadKey
}

// LinkOptions of CreateLink. The zero value makes a link to read, for ever.
type LinkOptions struct {
	Write    bool
	Password string        // empty: none
	Expires  time.Duration // from now on; 0: never
}

// idLength is how much of a pointer's id names a link for users.
const idLength = 8

// links returns all links, the ended ones too.
func (p *People) links(s registry.State) (all []Link) {
	for id, r := range s.All(kindLink) {
		seed, key := r.Get(fieldWriter), r.Get(fieldKey)
		if len(seed) != crypto.KeySize || len(key) != crypto.KeySize || len(id) < idLength {
			continue
		}
		l := Link{ID: id[:idLength], Path: string(r.Get(fieldPath)), Password: isSet(r.Get(fieldPassword)),
			Write: isSet(r.Get(fieldWrite)), Expires: timeOf(r.Get(fieldExpires)), gone: isSet(r.Get(fieldGone)),
			seed: crypto.LinkSeed(seed), key: crypto.ReadKey(key), target: string(r.Get(fieldTarget))}
		l.URL = l.seed.Link(storeOf(s), l.Password).Text()
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Link) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.ID, b.ID)) })
	return all
}

// Links returns the links that lead somewhere, by path.
func (p *People) Links() []Link {
	return slices.DeleteFunc(p.links(p.o.Own.Private()), func(l Link) bool { return l.gone })
}

// CreateLink makes a secret link to a folder.
func (p *People) CreateLink(ctx context.Context, name string, o LinkOptions) (Link, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if o.Write {
		return Link{}, refuse("links can only be made to read: share the folder with a friend who is to change it")
	}
	at, err := p.locate(ctx, name)
	if err != nil {
		return Link{}, err
	}
	id, err := p.makeShare(ctx, p.o.Own.Private(), at, name, nil, "")
	if err != nil {
		return Link{}, err
	}
	seed, err := crypto.Random[crypto.LinkSeed](p.o.Rand)
	if err != nil {
		return Link{}, err
	}
	link := seed.Link(storeOf(p.o.Own.Private()), o.Password != "")
	key, err := link.ReadKey(o.Password)
	if err != nil {
		return Link{}, err
	}
	set := map[string][]byte{fieldWriter: seed[:], fieldKey: key[:], fieldTarget: []byte(id.String()),
		fieldPath: []byte(name), fieldSince: timeBytes(p.o.Now())}
	if o.Password != "" {
		set[fieldPassword] = []byte("1")
	}
	if o.Expires > 0 {
		set[fieldExpires] = timeBytes(p.o.Now().Add(o.Expires))
	}
	if err := p.o.Own.Note(ctx, registry.Note{Kind: kindLink, ID: link.Pointer.String(), Set: set}); err != nil {
		return Link{}, err
	}
	if err := p.publishLinks(ctx); err != nil {
		return Link{}, offline("the link is kept here, but can't be opened yet", err)
	}
	for _, l := range p.Links() {
		if l.seed == seed {
			return l, nil
		}
	}
	return Link{}, errors.New("the record is missing")
}

// RevokeLink ends a link. What it led to moves to a new space, so that nothing written later can be opened with it.
func (p *People) RevokeLink(ctx context.Context, id string) error {
	p.making.Lock()
	defer p.making.Unlock()
	for _, l := range p.Links() {
		if l.ID == id || l.URL == id {
			return p.endLink(ctx, l)
		}
	}
	return refuse("there is no link %q: postern link list shows all", id)
}

func (p *People) endLink(ctx context.Context, l Link) error {
	err := p.o.Own.Note(ctx, registry.Note{Kind: kindLink, ID: l.seed.Writer().ID().String(),
		Set: map[string][]byte{fieldGone: []byte("1")}})
	if err != nil {
		return err
	}
	if id, err := crypto.ParsePointerID(l.target); err == nil {
		if err := p.rotate(ctx, id); err != nil {
			return offline("the link is ended here; the storage learns of it later", err)
		}
	}
	return p.publishLinks(ctx)
}

// expireLinks ends the links whose time has come.
func (p *People) expireLinks(ctx context.Context) error {
	var errs []error
	for _, l := range p.Links() {
		if !l.Expires.IsZero() && !p.o.Now().Before(l.Expires) {
			errs = append(errs, p.endLink(ctx, l))
		}
	}
	return errors.Join(errs...)
}

// publishLinks makes the pointers of all links lead where their records say.
func (p *People) publishLinks(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	var errs []error
	for _, l := range p.links(s) {
		want := ""
		id, err := crypto.ParsePointerID(l.target)
		o, there := owned[id]
		if err == nil && there && o.Stage == roots.Live && !l.gone {
			want = l.target
		}
		r, _ := s.Get(kindLink, l.seed.Writer().ID().String())
		if string(r.Get(fieldPublished)) == want && (want != "" || l.gone) && r.Get(fieldPublished) != nil {
			continue
		}
		if want == "" && !l.gone {
			continue // its space is being made
		}
		errs = append(errs, p.publishLink(ctx, l, o, want))
	}
	return errors.Join(errs...)
}

// publishLink moves the pointer of a link.
func (p *People) publishLink(ctx context.Context, l Link, o ownedSpace, want string) error {
	id := l.seed.Writer().ID()
	now, err := p.o.Store.Load(ctx, id)
	var old crypto.PointerHash
	switch {
	case errors.Is(err, remote.ErrNotFound):
	case err != nil:
		return err
	default:
		old = now.Hash()
	}
	var next crypto.Pointer
	if want == "" {
		next, err = l.seed.RevokeLink(l.key, now.Seq+1, p.o.Rand)
	} else {
		to := crypto.LinkTarget{Space: o.ReadOnly(), Name: path.Base(l.Path)}
		if !l.Expires.IsZero() {
			to.Expires = uint64(l.Expires.Unix())
		}
		if len(to.Name) > crypto.MaxLinkName {
			to.Name = "folder"
		}
		next, err = l.seed.SealLink(l.key, now.Seq+1, to, p.o.Rand)
	}
	if err != nil {
		return err
	}
	if err := p.o.Store.Swap(ctx, old, next); err != nil {
		return err
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindLink, ID: id.String(),
		Set: map[string][]byte{fieldPublished: []byte(want)}})
}

// OpenLink shows what somebody's link leads to below /shared/links, and returns the path.
func (p *People) OpenLink(ctx context.Context, text, password string) (string, error) {
	p.making.Lock()
	defer p.making.Unlock()
	l, err := crypto.ParseLink(text)
	if err != nil {
		return "", refuse("this is no whole link: copy all of it, with what follows the #")
	}
	s := p.o.Own.Private()
	if id, err := p.o.Store.ID(ctx); err != nil {
		return "", offline("the link can't be opened now", err)
	} else if l.Store != id && l.Store != storeOf(s) {
		return "", refuse("this link leads to another storage than the one of this account")
	}
	key, err := l.ReadKey(password)
	switch {
	case errors.Is(err, crypto.ErrPassword):
		return "", refuse("this link needs its password, too")
	case err != nil:
		return "", refuse("this link can't be opened: %v", err)
	}
	to, err := p.follow(ctx, l, key)
	if err != nil {
		return "", err
	}
	id := l.Pointer.String()
	set := map[string][]byte{fieldLink: []byte(l.Text()), fieldKey: key[:], fieldGone: nil}
	if r, _ := s.Get(kindOpened, id); len(r.Get(fieldName)) == 0 {
		set[fieldName] = []byte(p.freeLinkName(s, to.Name))
	}
	if err := p.o.Own.Note(ctx, registry.Note{Kind: kindOpened, ID: id, Set: set}); err != nil {
		return "", err
	}
	r, _ := p.o.Own.Private().Get(kindOpened, id)
	at := linksFolder + "/" + string(r.Get(fieldName))
	return at, p.showLink(at, to.Space)
}

// linksFolder holds what the links of others lead to.
const linksFolder = layout.Shared + "/links"

// freeLinkName returns a name that no other link has.
func (p *People) freeLinkName(s registry.State, name string) string {
	taken := func(name string) bool {
		for _, r := range s.All(kindOpened) {
			if string(r.Get(fieldName)) == name {
				return true
			}
		}
		return false
	}
	free := cmp.Or(name, "link")
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", cmp.Or(name, "link"), n)
	}
	return free
}

// follow returns where a link leads now.
func (p *People) follow(ctx context.Context, l crypto.Link, key crypto.ReadKey) (crypto.LinkTarget, error) {
	pointer, err := p.o.Store.Load(ctx, l.Pointer)
	if errors.Is(err, remote.ErrNotFound) {
		return crypto.LinkTarget{}, refuse("the storage has no such link: it was ended, or its maker has not been online yet")
	}
	if err != nil {
		return crypto.LinkTarget{}, offline("the link can't be opened now", err)
	}
	to, err := l.Open(key, pointer)
	switch {
	case errors.Is(err, crypto.ErrRevoked):
		return to, refuse("this link was ended by its maker")
	case errors.Is(err, crypto.ErrOpen):
		return to, refuse("the password is wrong, or the link is not whole")
	case err != nil:
		return to, refuse("this link is damaged at the storage: %v", err)
	case to.Expires != 0 && uint64(p.o.Now().Unix()) >= to.Expires:
		return to, refuse("this link has expired")
	}
	return to, nil
}

// showLink mounts what a link leads to.
func (p *People) showLink(at string, c crypto.Capability) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.mounted[at]; ok {
		if s.offers.ID() == c.ID {
			return nil
		}
		if err := p.o.Drive.Unmount(at); err != nil {
			return err
		}
		s.offers.Close()
		delete(p.mounted, at)
	}
	var f *follow.Follower = p.o.Own.Home().Follow(p.o.Store, c)
	if err := p.o.Drive.Mount(at, f); err != nil {
		f.Close()
		return err
	}
	p.mounted[at] = shownFriend{f}
	return nil
}
