package tree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// Reapply repeats changes, one after the other, on a tree that they were not made on, if the original tree cannot be
// read any more and a merge is impossible. Since it cannot know which files others have changed,
//
//   - new files are kept: in folders made for them, and next to files that others may have written, as after a
//     conflict;
//   - only files that the repeated changes have put themselves are removed or replaced;
//   - changes that are impossible under these rules are skipped.
//
// So neither side loses contents. Reapply is not safe for concurrent use.
type Reapply struct {
	tree   Tree
	device string
	ours   map[vfs.Version]struct{} // versions put or made by the repeated changes
	moved  map[string]string        // new path of an entry whose name was taken; keys are normalised
}

// NewReapply begins with the tree to change, and the device that conflicts name.
func NewReapply(onto Tree, deviceName string) *Reapply {
	return &Reapply{tree: onto, device: device(deviceName), ours: map[vfs.Version]struct{}{}, moved: map[string]string{}}
}

// Tree returns the tree after the changes so far.
func (r *Reapply) Tree() Tree { return r.tree }

// Do repeats the next change, or returns why it was skipped. The error is that of a file that cannot be put, or
// vfs.ErrUnavailable; the tree then has not changed.
func (r *Reapply) Do(ctx context.Context, op Op) (passed, err error) {
	switch op := op.(type) {
	case Put:
		return nil, r.put(ctx, op)
	case Mkdir:
		err = r.mkdir(ctx, op)
	case Remove:
		err = r.remove(ctx, op)
	case Move:
		err = r.move(ctx, op)
	case Copy:
		err = r.copy(ctx, op)
	case Graft:
		asked := op.Path
		if op.Path, _, err = r.room(ctx, asked, object.File, op.Entry.Version, op.Entry.Modified); err == nil {
			op.Replace, op.Fill = true, slices.Clone(op.Fill)
			for i := range op.Fill {
				op.Fill[i].Path, _ = Rebase(op.Fill[i].Path, asked, op.Path)
			}
			err = r.apply(ctx, op)
		}
	case Mount:
		err = r.mount(ctx, op)
	case Patch:
		op.Path = r.at(op.Path)
		err = r.apply(ctx, op)
	default:
		err = fmt.Errorf("%w: %s cannot be repeated", vfs.ErrInvalid, op.name())
	}
	if errors.Is(err, vfs.ErrUnavailable) || ctx.Err() != nil {
		return nil, err
	}
	return err, nil
}

func (r *Reapply) apply(ctx context.Context, op Op) error {
	next, _, err := Apply(ctx, r.tree, op)
	if err == nil {
		r.tree = next
	}
	return err
}

func (r *Reapply) put(ctx context.Context, op Put) error {
	path := op.Path
	to, _, err := r.room(ctx, path, object.File, op.Entry.Version, op.Entry.Modified)
	if errors.Is(err, vfs.ErrCorrupt) {
		// Its folder cannot be read: the file goes into another folder next to it, like all later ones.
		top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		r.moved[normal("/"+top)] = "/" + conflictName(top, r.device, object.Time(op.Entry.Modified), 1)
		to, _, err = r.room(ctx, path, object.File, op.Entry.Version, op.Entry.Modified)
	}
	if err != nil {
		return err
	}
	op.Path = to
	r.ours[op.Entry.Version] = struct{}{}
	return r.apply(ctx, op)
}

func (r *Reapply) mkdir(ctx context.Context, op Mkdir) error {
	to, there, err := r.room(ctx, op.Path, object.Folder, op.Version, object.Nanos(op.Time))
	if err != nil || there {
		return err
	}
	op.Path = to
	r.ours[op.Version] = struct{}{}
	return r.apply(ctx, op)
}

func (r *Reapply) remove(ctx context.Context, op Remove) error {
	op.Path = r.at(op.Path)
	p, err := r.tree.there(ctx, op.Path)
	if err == nil {
		err = r.mine(ctx, p.at)
	}
	if err != nil {
		return fail(op.name(), op.Path, err)
	}
	return r.apply(ctx, op)
}

func (r *Reapply) copy(ctx context.Context, op Copy) error {
	op.From = r.at(op.From)
	to, err := r.arrive(ctx, op.From, op.To, false)
	if err != nil {
		return err
	}
	op.To, op.Replace = to, true
	return r.apply(ctx, op)
}

// mount puts a mount at a free path, next to what others may have written, or in place of another mount.
func (r *Reapply) mount(ctx context.Context, op Mount) error {
	there := r.at(op.Path)
	p, err := r.tree.find(ctx, there)
	if err == nil && p.at != nil && p.at.o.Kind == op.Over && (op.Over == object.Mount || r.mine(ctx, p.at) == nil) {
		op.Path = there
		return r.apply(ctx, op)
	}
	op.Over = 0
	if op.Path, _, err = r.room(ctx, op.Path, object.Mount, op.Version, object.Nanos(op.Time)); err != nil {
		return err
	}
	return r.apply(ctx, op)
}

func (r *Reapply) move(ctx context.Context, op Move) error {
	asked := op
	op.From = r.at(op.From)
	if normal(asked.From) == normal(asked.To) { // another form of the name
		folder, name := path.Split(op.From)
		if normal(name) != normal(path.Base(asked.From)) {
			return nil // it lost its name, and has another one
		}
		op.To = folder + path.Base(op.To)
		return r.apply(ctx, op)
	}
	var err error
	if op.To, err = r.arrive(ctx, op.From, op.To, true); err != nil {
		return err
	}
	op.Replace = true
	if err := r.apply(ctx, op); err != nil {
		return err
	}
	// Renamed entries below it have moved with it.
	from := normal(asked.From)
	for key, lies := range r.moved {
		if rest, below := strings.CutPrefix(key, from+"/"); below {
			delete(r.moved, key)
			if inside, ok := strings.CutPrefix(lies, op.From+"/"); ok {
				r.moved[normal(asked.To)+"/"+rest] = op.To + "/" + inside
			}
		}
	}
	delete(r.moved, from)
	return nil
}

// arrive frees a path for an entry that comes from another.
func (r *Reapply) arrive(ctx context.Context, from, path string, move bool) (to string, err error) {
	source, _, where, err := r.tree.ends(ctx, from, r.at(path), true, move)
	if source.at == nil || errors.Is(err, vfs.ErrInvalid) {
		return "", fail("bring something to", where, err)
	}
	to, _, err = r.room(ctx, path, object.File, source.at.o.Version, source.at.o.Modified)
	return to, err
}

// at returns the current place of a path of the changes.
func (r *Reapply) at(path string) string {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
		if lies, ok := r.moved[normal(path[:end])]; ok {
			return lies + path[end:]
		}
	}
	return path
}

func normal(path string) string {
	names := strings.Split(path, "/")
	return strings.Join(keys(names), "/")
}

// room finds or makes the place of a path, in folders of a version and time: at its name if that is free, has something
// replaceable, or, for a folder, already is one; else under a name for a conflict.
func (r *Reapply) room(ctx context.Context, path string, kind object.Kind, version vfs.Version,
	modified int64) (to string, there bool, err error) {
	names, ok := split(r.at(path))
	if !ok || len(names) == 0 {
		return "", false, fail("make room for", path, vfs.ErrInvalid)
	}
	asked, _ := split(path)
	for i, name := range names {
		last := i == len(names)-1
		to += "/" + name
		for n := 0; ; n++ {
			if n > 0 {
				to = to[:strings.LastIndexByte(to, '/')+1] + conflictName(name, r.device, object.Time(modified), n)
			}
			p, err := r.tree.find(ctx, to)
			if err != nil {
				return "", false, fail("make room for", path, err)
			}
			if p.at == nil {
				break
			}
			if folder := p.at.o.Kind == object.Folder; folder && (!last || kind == object.Folder) {
				there = last
				break
			} else if last && kind == object.File && p.at.o.Kind == object.File && r.mine(ctx, p.at) == nil {
				break
			}
		}
		if !strings.HasSuffix(to, "/"+name) {
			r.moved[normal("/"+strings.Join(asked[:i+1], "/"))] = to
		}
		if last {
			break
		}
		err := r.apply(ctx, Mkdir{Path: to, Version: version, Time: object.Time(modified)})
		if err != nil && !errors.Is(err, vfs.ErrExist) {
			return "", false, err
		}
	}
	return to, there, nil
}

// errTheirs is the error for an entry that may belong to another device.
var errTheirs = errors.New("it may have been changed on another device")

// mine returns nil if the repeated changes have put an entry and everything in it; else it returns the reason. It keeps
// a stack of its own, since folders can be nested without bound.
func (r *Reapply) mine(ctx context.Context, e *entry) error {
	for stack := []*entry{e}; len(stack) > 0; {
		e := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, ours := r.ours[e.o.Version]; !ours || e.o.Kind == object.Mount {
			return errTheirs
		}
		if e.o.Kind != object.Folder {
			continue
		}
		root, err := r.tree.nodes.rootPage(ctx, e)
		if err != nil {
			return err
		}
		if root == nil {
			continue
		}
		_, err = r.tree.nodes.list(ctx, root, func(below Entry, _ error) bool { // it yields no errors
			stack = append(stack, below.e)
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}
