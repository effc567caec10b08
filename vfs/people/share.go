package people

import (
	"context"
	"errors"
	"fmt"
	"path"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// place is where a path of the drive lies.
type place struct {
	space  *space.Space // that contains it
	at     string       // where that is mounted in the drive
	within string       // the path in it
	mount  *tree.Mounted
}

// maxWithin bounds how many shared folders may lie within each other.
const maxWithin = 16

// errNotOwn says that somebody else must do it.
var errNotOwn = refuse("only what lies below /files can be shared: a friend's folder is shared by its owner")

// locate finds the space of this account that holds a path. If the path is a mount itself, the space is the one that
// holds the mount.
func (p *People) locate(ctx context.Context, name string) (place, error) {
	within, ok := layout.CutFiles(layout.Clean(name))
	if !ok || within == "" || within == "/" {
		return place{}, errNotOwn
	}
	at := place{space: p.o.Own, at: layout.Files, within: within}
	for range maxWithin {
		m, found, err := at.space.Crossing(ctx, at.within)
		if err != nil || !found {
			return at, err
		}
		if len(m.Path) == len(at.within) {
			at.mount = &m
			return at, nil
		}
		fs, err := p.Open(ctx, at.space, m)
		if err != nil {
			return at, err
		}
		inner, ok := fs.(*space.Space)
		if !ok {
			return at, errNotOwn
		}
		at = place{space: inner, at: at.at + m.Path, within: at.within[len(m.Path):]}
	}
	return at, errors.New("too many shared folders within each other")
}

// named puts the path of the drive into an error of the space that holds a place.
func (p *People) named(at place, err error) error {
	if e, ok := errors.AsType[*vfs.Error](err); ok {
		moved := *e
		moved.Path = at.at + e.Path
		return &moved
	}
	return err
}

// Share shares a folder with friends or groups. They see it once their gateways look the next time.
func (p *People) Share(ctx context.Context, name string, with []string, write bool) (Share, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if p.expecting() { // the answer may have come
		if err := p.readLetters(ctx); err != nil {
			p.o.Log.Info("the inbox can't be read", "error", err)
		}
	}
	s := p.o.Own.Private()
	right := mayRead
	if write {
		right = mayWrite
	}
	var grants []string
	for _, who := range with {
		to, err := recipient(s, who)
		if err != nil {
			return Share{}, err
		}
		grants = append(grants, to)
	}
	at, err := p.locate(ctx, name)
	if err != nil {
		return Share{}, err
	}
	id, err := p.makeShare(ctx, s, at, name, grants, right)
	if err != nil {
		return Share{}, err
	}
	if err := p.reconcile(ctx); err != nil {
		return Share{}, offline(name+" is shared, but not all can see it yet", err)
	}
	for _, sh := range p.mine() {
		if sh.id == id {
			return sh, nil
		}
	}
	return Share{}, errors.New("the record is missing")
}

// recipient returns how records name a friend or a group.
func recipient(s registry.State, who string) (string, error) {
	if _, ok := s.Get(kindGroup, who); ok || who == Friends {
		return who, nil
	}
	f, err := find(s, who)
	if err != nil {
		return "", refuse("%s is neither a friend nor a group here: postern friend add %s asks first", who, who)
	}
	if f.State != IsFriend && f.State != Asked {
		return "", refuse("%s is %s, and can't get a share", who, f.State.words())
	}
	return f.author.String(), nil
}

// makeShare records the grants. A folder that is not a space yet becomes one.
func (p *People) makeShare(
	ctx context.Context, s registry.State, at place, name string, to []string, right string,
) (id crypto.PointerID, err error) {
	if at.mount != nil {
		id = at.mount.Target.Capability.ID
		if _, own := p.spaces(s)[id]; !own {
			return id, errNotOwn
		}
		var notes []registry.Note
		for _, whom := range to {
			notes = append(notes, grant(id.String(), whom, right))
		}
		return id, p.o.Own.Note(ctx, notes...)
	}
	info, err := at.space.Stat(ctx, at.within)
	if err != nil {
		return id, p.named(at, err)
	}
	secret, err := crypto.Random[crypto.SpaceSecret](p.o.Rand)
	if err != nil {
		return id, err
	}
	if err := p.begin(ctx, secret, useShare); err != nil {
		return id, err
	}
	id = secret.Keys().ID
	notes := []registry.Note{{Kind: kindShare, ID: id.String(), Set: map[string][]byte{
		fieldPath: []byte(name), fieldName: []byte(p.freeShareName(s, path.Base(name))),
	}}}
	if !info.Folder {
		notes[0].Set[fieldFile] = []byte("1")
	}
	for _, whom := range to {
		notes = append(notes, grant(id.String(), whom, right))
	}
	return id, p.convert(ctx, at, p.spaces(p.o.Own.Private())[id], notes)
}

// freeShareName returns a name for a share that no other one has.
func (p *People) freeShareName(s registry.State, name string) string {
	taken := map[string]bool{}
	for _, sh := range p.shares(s) {
		taken[sh.name] = taken[sh.name] || len(sh.to) > 0 && !sh.away
	}
	return numbered(name, func(name string) bool { return taken[name] })
}

// numbered returns a name, with a number behind it if it is taken.
func numbered(name string, taken func(string) bool) string {
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// tries is how often a folder is taken anew that changes while it is being shared.
const tries = 5

// convert makes a folder or a file a space, by reference, and puts a mount in its place.
func (p *People) convert(ctx context.Context, at place, o ownedSpace, notes []registry.Note) error {
	for range tries {
		if err := at.space.Flush(ctx); err != nil {
			return offline("it can't be shared before its changes are at the storage", err)
		}
		entry, err := at.space.Files().Lookup(ctx, at.within)
		if err != nil {
			return err
		}
		if entry.Mount() != nil {
			return refuse("%s was shared on another device just now: try again", at.at+at.within)
		}
		was, _ := entry.Object()
		edit := holding(was, layout.StateName(p.o.Now()))
		if _, err := space.Publish(ctx, p.o.Store, p.keys(o.Capability), p.publishing(), edit); err != nil {
			return offline("it can't be shared now", err)
		}
		if notes[0].Set[fieldFirst], err = entryBytes(was); err != nil {
			return err
		}
		live := registry.Note{Kind: kindSpace, ID: o.ID.String(),
			Set: map[string][]byte{fieldStage: stageBytes(roots.Live)}}
		err = p.mount(ctx, at, o, &was, append(notes, live))
		if !errors.Is(err, working.ErrChanged) {
			return err
		}
	}
	return &vfs.Error{Op: "share", Path: at.within, Kind: vfs.ErrUnavailable,
		Err: errors.New("it is being changed all the time: share it when the changes have ended")}
}

// mount puts a mount of one of this account's spaces at a place, in place of a folder that has moved into the space or
// of another mount (was: nil), and records notes with it.
func (p *People) mount(ctx context.Context, at place, o ownedSpace, was *object.Entry, notes []registry.Note) error {
	target := object.Target{Capability: o.ReadOnly(), Seed: at.space.SealSeed(o.Writer),
		File: was != nil && was.Kind == object.File || at.mount != nil && at.mount.Target.File}
	options := space.MountOptions{Was: was}
	if at.mount != nil && at.space != p.o.Own {
		options.Properties = withOrigin(*at.mount)
	}
	if at.space == p.o.Own {
		options.Notes = notes
		return at.space.Mount(ctx, at.within, target, options)
	}
	if err := at.space.Mount(ctx, at.within, target, options); err != nil {
		return err
	}
	if err := at.space.Flush(ctx); err != nil { // others who write the outer space go on in the new one
		return err
	}
	return p.o.Own.Note(ctx, notes...)
}

// holding returns an edit after which a space holds a folder's contents, or one file, and that as the first state of
// its history, from which later ones differ.
func holding(o object.Entry, name string) commit.Edit {
	return func(ctx context.Context, nodes *tree.Nodes, whole tree.Tree) (tree.Tree, error) {
		next, err := whole, error(nil)
		if o.Kind == object.Folder {
			next, err = replaced(ctx, nodes, whole, o)
		} else {
			next, err = only(&o)(ctx, nodes, whole)
		}
		if err != nil || next == whole {
			return whole, err
		}
		history := tree.New(nodes, object.Entry{Created: o.Created, Modified: o.Modified})
		next, err = next.Graft(ctx, base.HistoryPath, history)
		if err != nil {
			return whole, err
		}
		files, err := next.Sub(ctx, base.FilesPath)
		if err != nil {
			return whole, err
		}
		return next.Graft(ctx, base.HistoryPath+"/"+name, files)
	}
}

// replaced returns a space's tree with the contents of a folder of another space.
func replaced(ctx context.Context, nodes *tree.Nodes, whole tree.Tree, folder object.Entry) (tree.Tree, error) {
	now, err := whole.Lookup(ctx, base.FilesPath)
	if err != nil {
		return whole, err
	}
	if o, _ := now.Object(); o.Root == folder.Root && !folder.Root.Blob.IsZero() {
		return whole, nil
	}
	folder.Name = ""
	return whole.Graft(ctx, base.FilesPath, tree.New(nodes, folder))
}

// Moved records that a folder of the drive has moved, with everything below it. It returns at once.
func (p *People) Moved(from, to string) {
	p.mu.Lock()
	p.moves = append(p.moves, [2]string{from, to})
	p.mu.Unlock()
	p.Changed()
}

// takeMoves records where the folders of links lie after what Moved was called with.
func (p *People) takeMoves(ctx context.Context) error {
	p.mu.Lock()
	moves := p.moves
	p.moves = nil
	p.mu.Unlock()
	var notes []registry.Note
	s := p.o.Own.Private()
	for id, r := range s.All(kindLink) {
		was := string(r.Get(fieldPath))
		now := was
		for _, m := range moves {
			if lies, ok := tree.Rebase(now, m[0], m[1]); ok {
				now = lies
			}
		}
		if now != was {
			notes = append(notes, registry.Note{Kind: kindLink, ID: id, Set: map[string][]byte{fieldPath: []byte(now)}})
		}
	}
	return p.o.Own.Note(ctx, notes...)
}
