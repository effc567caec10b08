package people

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/linkview"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/follow"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

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
	set := theirLink(to)
	set[fieldLink], set[fieldKey], set[fieldGone] = []byte(l.Text()), key[:], nil
	if r, _ := s.Get(kindOpened, id); len(r.Get(fieldName)) == 0 {
		set[fieldName] = []byte(p.freeLinkName(s, to.Name))
	}
	if err := p.o.Own.Note(ctx, registry.Note{Kind: kindOpened, ID: id, Set: set}); err != nil {
		return "", err
	}
	r, _ := p.o.Own.Private().Get(kindOpened, id)
	return linksFolder + "/" + string(r.Get(fieldName)), p.show()
}

// theirLink returns the fields that say where somebody's link leads.
func theirLink(to crypto.LinkTarget) map[string][]byte {
	set := map[string][]byte{fieldCap: to.Space.ReadOnly().Marshal(), fieldFile: nil, fieldExpires: nil}
	if to.Expires != 0 {
		set[fieldExpires] = timeBytes(time.Unix(int64(to.Expires), 0))
	}
	if to.File {
		set[fieldFile] = []byte("1")
	}
	return set
}

// refreshOpened notes where the links lead now whose pointers have moved. A link that was ended leads nowhere.
func (p *People) refreshOpened(ctx context.Context) error {
	var errs []error
	for _, id := range p.movedLinks.take() {
		r, _ := p.o.Own.Private().Get(kindOpened, id)
		l, err := crypto.ParseLink(string(r.Get(fieldLink)))
		key := r.Get(fieldKey)
		if err != nil || len(key) != crypto.KeySize || isSet(r.Get(fieldGone)) {
			continue
		}
		to, err := p.follow(ctx, l, crypto.ReadKey(key))
		set := theirLink(to)
		if _, ended := errors.AsType[*Error](err); ended {
			set = map[string][]byte{fieldCap: nil}
		} else if err != nil {
			p.movedLinks.add(id)
			errs = append(errs, err)
			continue
		}
		errs = append(errs, p.o.Own.Note(ctx, registry.Note{Kind: kindOpened, ID: id, Set: set}))
	}
	return errors.Join(errs...)
}

// linkIDs is a set of the records of links.
type linkIDs struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (l *linkIDs) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[string]bool{}
	}
	l.ids[id] = true
}

// take returns the ids, and forgets them.
func (l *linkIDs) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Sorted(maps.Keys(l.ids))
	clear(l.ids)
	return all
}

// linksFolder holds what the links of others lead to.
const linksFolder = layout.Shared + "/" + layout.Links

// freeLinkName returns a name that no other link has.
func (p *People) freeLinkName(s registry.State, name string) string {
	return numbered(cmp.Or(name, "link"), func(name string) bool {
		for _, r := range s.All(kindOpened) {
			if string(r.Get(fieldName)) == name {
				return true
			}
		}
		return false
	})
}

// follow returns where a link leads now.
func (p *People) follow(ctx context.Context, l crypto.Link, key crypto.ReadKey) (crypto.LinkTarget, error) {
	load := func(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
		return p.o.Own.Home().Poller().Load(ctx, p.o.Store, id)
	}
	to, err := linkview.Follow(ctx, load, l, key, p.o.Now())
	if _, refused := errors.AsType[linkview.Refusal](err); refused {
		return to, refuse("%v", err)
	}
	if err != nil {
		return to, offline("the link can't be opened now", err)
	}
	return to, nil
}

// openLink is somebody's link that is shown.
type openLink struct {
	space  *follow.Follower
	file   bool
	unpoll func()
}

func (l openLink) close() {
	l.unpoll()
	l.space.Close()
}

// linkFolder is the folder of what the links of others lead to, under names that no other link here has.
type linkFolder struct {
	view.ReadOnly
	p *People
}

// theirs returns the links by the keys of their names, and the names.
func (f linkFolder) theirs() (links map[string]openLink, names []string) {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	links = map[string]openLink{}
	for name, l := range f.p.opened {
		links[object.SortKey(name)] = l
	}
	return links, slices.Sorted(maps.Keys(f.p.opened))
}

// inside returns the link that a path leads to, and the path in its space.
func (f linkFolder) inside(ctx context.Context, op, name string) (openLink, string, error) {
	first, rest, below := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	links, _ := f.theirs()
	l, ok := links[object.SortKey(first)]
	switch {
	case !ok:
		return l, "", &vfs.Error{Op: op, Path: name, Kind: vfs.ErrNotExist}
	case !l.file:
		return l, "/" + rest, nil
	case below:
		return l, "", &vfs.Error{Op: op, Path: name, Kind: vfs.ErrNotFolder}
	}
	for info, err := range l.space.List(ctx, "/") {
		return l, "/" + info.Name, err
	}
	return l, "", &vfs.Error{Op: op, Path: name, Kind: vfs.ErrNotExist} // its maker has removed the file
}

// Stat implements vfs.Stater.
func (f linkFolder) Stat(ctx context.Context, name string) (vfs.Info, error) {
	if name == "/" {
		return vfs.Info{Folder: true, ReadOnly: true, Modified: f.p.since, Created: f.p.since}, nil
	}
	l, within, err := f.inside(ctx, "stat", name)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := l.space.Stat(ctx, within)
	if err == nil && strings.Count(name, "/") == 1 {
		info.Name = name[1:]
	}
	return info, f.named(err, name)
}

// named puts the path in this folder into an error of a link's space.
func (f linkFolder) named(err error, name string) error {
	if e, ok := errors.AsType[*vfs.Error](err); ok {
		moved := *e
		moved.Path = name
		return &moved
	}
	return err
}

// List implements vfs.Reader. A link whose space can't be read now is shown as an empty folder or file.
func (f linkFolder) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	if name != "/" {
		l, within, err := f.inside(ctx, "list", name)
		if err == nil && !l.file {
			return l.space.List(ctx, within)
		}
		if err == nil {
			err = &vfs.Error{Op: "list", Path: name, Kind: vfs.ErrNotFolder}
		}
		return func(yield func(vfs.Info, error) bool) { yield(vfs.Info{}, err) }
	}
	return func(yield func(vfs.Info, error) bool) {
		links, names := f.theirs()
		ctx, cancel := context.WithTimeout(ctx, remote.Shipped.Mount)
		defer cancel()
		for _, name := range names {
			info, err := f.Stat(ctx, "/"+name)
			if err != nil && errors.Is(err, vfs.ErrNotExist) {
				continue
			}
			if err != nil {
				info = vfs.Info{Folder: !links[object.SortKey(name)].file, ReadOnly: true, Modified: f.p.since,
					Created: f.p.since}
			}
			info.Name = name
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (f linkFolder) Open(ctx context.Context, name string) (vfs.File, error) {
	if name == "/" {
		return nil, &vfs.Error{Op: "open", Path: name, Kind: vfs.ErrIsFolder}
	}
	l, within, err := f.inside(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	file, err := l.space.Open(ctx, within)
	return file, f.named(err, name)
}

// Usage implements vfs.FS.
func (linkFolder) Usage(context.Context, string, int64) (vfs.Usage, error) {
	return vfs.Usage{Available: 0}, nil
}

// Crossing implements namespace.Crosser.
func (f linkFolder) Crossing(ctx context.Context, name string) (m tree.Mounted, ok bool, err error) {
	l, within, err := f.inside(ctx, "look up", name)
	if err != nil || l.file || within == "/" {
		return m, false, nil //nolint:nilerr // the call that follows finds the same
	}
	if m, ok, err = l.space.Crossing(ctx, within); ok {
		m.Path = name[:len(name)-len(within)] + m.Path
	}
	return m, ok, err
}

// showLinks makes the folder of links show what the records say. The caller holds mu.
func (p *People) showLinks() error {
	want := map[string]crypto.Capability{}
	file, ids := map[string]bool{}, map[string]string{}
	for id, r := range p.o.Own.Private().All(kindOpened) {
		c, err := crypto.ParseCapability(r.Get(fieldCap))
		ends := timeOf(r.Get(fieldExpires))
		if name := string(r.Get(fieldName)); err == nil && !isSet(r.Get(fieldGone)) &&
			(ends.IsZero() || p.o.Now().Before(ends)) {
			want[name], file[name], ids[name] = c, isSet(r.Get(fieldFile)), id
		}
	}
	for name, l := range p.opened {
		if want[name].ID != l.space.ID() {
			l.close()
			delete(p.opened, name)
		}
	}
	for name, c := range want {
		if _, shown := p.opened[name]; !shown {
			p.opened[name] = openLink{p.o.Own.Home().Follow(p.o.Store, c), file[name], p.watchLink(ids[name])}
		}
	}
	if len(p.opened) == 0 || p.hasLinks {
		return nil
	}
	p.hasLinks = true
	return p.o.Drive.Mount(linksFolder, linkFolder{p: p})
}

// watchLink notes when the pointer of somebody's link may have moved.
func (p *People) watchLink(id string) (stop func()) {
	pointer, err := crypto.ParsePointerID(id)
	if err != nil {
		return func() {}
	}
	return p.o.Own.Home().Poller().Listed(p.o.Store, pointer, func(crypto.Pointer) {
		p.movedLinks.add(id)
		p.Changed()
	})
}

// closeLinks closes what the links of others lead to.
func (p *People) closeLinks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.opened {
		l.close()
	}
	clear(p.opened)
}
