package people

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/tree"
)

// Link is a secret link to a file or folder of this account.
type Link struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`
	URL      string    `json:"url"`
	Password bool      `json:"password,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`

	gone   bool
	file   bool
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
			Expires: timeOf(r.Get(fieldExpires)), gone: isSet(r.Get(fieldGone)),
			file: isSet(r.Get(fieldFile)),
			seed: crypto.LinkSeed(seed), key: crypto.ReadKey(key), target: string(r.Get(fieldTarget))}
		l.URL = p.linkText(l.seed.Link(storeOf(s), l.Password))
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Link) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.ID, b.ID)) })
	return all
}

// linkText returns a link as users pass it on.
func (p *People) linkText(l crypto.Link) string {
	if url, err := l.URL(p.o.LinkPage); err == nil {
		return url
	}
	return l.Text()
}

// Links returns the links that lead somewhere, by path.
func (p *People) Links() []Link {
	return slices.DeleteFunc(p.links(p.o.Own.Private()), func(l Link) bool { return l.gone })
}

// CreateLink makes a secret link to a folder, or to a file.
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
	id, file, err := p.linked(ctx, at, name)
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
	if file {
		set[fieldFile] = []byte("1")
	}
	if o.Password != "" {
		set[fieldPassword] = []byte("1")
	}
	if o.Expires > 0 {
		set[fieldExpires] = timeBytes(p.o.Now().Add(o.Expires))
	}
	if err := p.o.Own.Note(ctx, registry.Note{Kind: kindLink, ID: link.Pointer.String(), Set: set}); err != nil {
		return Link{}, err
	}
	if err := errors.Join(p.publishFiles(ctx), p.publishLinks(ctx)); err != nil {
		return Link{}, offline("the link is kept here, but can't be opened yet", err)
	}
	for _, l := range p.Links() {
		if l.seed == seed {
			return l, nil
		}
	}
	return Link{}, errors.New("the record is missing")
}

// linked returns the space that a link to a place leads to. A folder becomes a shared one; of a file, the space holds a
// copy by reference, which follows the file as long as that stays at its path.
func (p *People) linked(ctx context.Context, at place, name string) (id crypto.PointerID, file bool, err error) {
	if at.mount == nil {
		info, err := at.space.Stat(ctx, at.within)
		if err != nil {
			return id, false, p.named(at, err)
		}
		file = !info.Folder
	}
	if !file {
		id, err = p.makeShare(ctx, p.o.Own.Private(), at, name, nil, "")
		return id, false, err
	}
	secret, err := crypto.Random[crypto.SpaceSecret](p.o.Rand)
	if err != nil {
		return id, true, err
	}
	return secret.Keys().ID, true, p.begin(ctx, secret, useLink)
}

// publishFiles makes the spaces of links to files hold the newest versions.
func (p *People) publishFiles(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	var errs []error
	for _, l := range p.Links() {
		id, err := crypto.ParsePointerID(l.target)
		o, there := owned[id]
		if !l.file || err != nil || !there || o.Stage > roots.Live {
			continue
		}
		errs = append(errs, p.publishFile(ctx, s, l, o))
	}
	return errors.Join(errs...)
}

// publishFile makes the space of a link to a file hold its newest version, or nothing if there is no file any more.
func (p *People) publishFile(ctx context.Context, s registry.State, l Link, o ownedSpace) error {
	at, err := p.locate(ctx, l.Path)
	if err != nil {
		return err
	}
	var want *object.Entry
	r, _ := s.Get(kindSpace, o.ID.String())
	info, err := at.space.Stat(ctx, at.within)
	gone := errors.Is(err, vfs.ErrNotExist) || err == nil && info.Folder
	switch {
	case gone && o.Stage == roots.Live && len(r.Get(fieldVersion)) == 0:
		return nil // the link shows that already
	case gone:
	case err != nil:
		return err
	default:
		if bytes.Equal(r.Get(fieldVersion), info.Version[:]) {
			return nil
		}
		if err := at.space.Flush(ctx); err != nil { // a change that is not committed has no reference
			return err
		}
		e, err := at.space.Files().Lookup(ctx, at.within)
		if err != nil {
			return err
		}
		entry, _ := e.Object()
		want = &entry
	}
	if _, err := space.Publish(ctx, p.o.Store, p.keys(o.Capability), p.publishing(), only(want)); err != nil {
		return err
	}
	set := map[string][]byte{fieldStage: stageBytes(roots.Live), fieldVersion: nil}
	if want != nil {
		set[fieldVersion] = want.Version[:]
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindSpace, ID: o.ID.String(), Set: set})
}

// only returns an edit after which a space holds one file, or nothing.
func only(file *object.Entry) commit.Edit {
	return func(ctx context.Context, _ *tree.Nodes, whole tree.Tree) (tree.Tree, error) {
		var stale []string
		for e, err := range whole.List(ctx, base.FilesPath) {
			if err != nil {
				return whole, err
			}
			if now, _ := e.Object(); file != nil && now.Name == file.Name && now.Version == file.Version {
				return whole, nil
			}
			stale = append(stale, e.Info().Name)
		}
		var err error
		for _, name := range stale {
			if whole, _, err = tree.Apply(ctx, whole, tree.Remove{Path: base.FilesPath + "/" + name}); err != nil {
				return whole, err
			}
		}
		if file == nil {
			return whole, nil
		}
		whole, _, err = tree.Apply(ctx, whole, tree.Graft{Path: base.FilesPath + "/" + file.Name, Entry: *file})
		return whole, err
	}
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
	if err := p.o.Own.Note(ctx, p.ending(p.o.Own.Private(), l)...); err != nil {
		return err
	}
	if err := errors.Join(p.finishRotations(ctx), p.publishLinks(ctx)); err != nil {
		return offline("the link is ended here; the storage learns of it later", err)
	}
	return nil
}

// ending returns the notes that end a link.
func (p *People) ending(s registry.State, l Link) []registry.Note {
	notes := []registry.Note{{Kind: kindLink, ID: l.seed.Writer().ID().String(),
		Set: map[string][]byte{fieldGone: []byte("1")}}}
	id, err := crypto.ParsePointerID(l.target)
	switch {
	case err != nil:
	case l.file: // the space ends with the link: nothing later reaches it
		notes = append(notes, registry.Note{Kind: kindSpace, ID: id.String(),
			Set: map[string][]byte{fieldStage: stageBytes(roots.Gone)}})
	default:
		notes = append(notes, p.rotation(s, id)...)
	}
	return notes
}

// expireLinks ends the links whose time has come.
func (p *People) expireLinks(ctx context.Context) error {
	s := p.o.Own.Private()
	var notes []registry.Note
	for _, l := range p.Links() {
		if !l.Expires.IsZero() && !p.o.Now().Before(l.Expires) {
			notes = append(notes, p.ending(s, l)...)
		}
	}
	return p.o.Own.Note(ctx, notes...)
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

// linkName returns a name as a link has room for it. It keeps the beginning and the extension.
func linkName(name string) string {
	if len(name) <= crypto.MaxLinkName {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > crypto.MaxLinkName/4 {
		ext = ""
	}
	cut := crypto.MaxLinkName - len(ext)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + ext
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
		to := crypto.LinkTarget{Space: o.ReadOnly(), File: l.file, Name: linkName(path.Base(l.Path))}
		if !l.Expires.IsZero() {
			to.Expires = uint64(l.Expires.Unix())
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
