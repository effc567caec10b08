package tree

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// errMounted is the error for a path that leads into a mount: it goes on in another space.
var errMounted = fmt.Errorf("%w: another space is mounted there", vfs.ErrNotFolder)

// Mounted is a mount on the way of a path.
type Mounted struct {
	Path   string           // of the mount, in the file system that holds it
	Entry  Entry            // the mount itself
	Target *object.Target   // the space that it refers to
	In     crypto.PointerID // the space that holds the mount
	Owner  crypto.AuthorID  // of that space
	// At is the time of the state that holds the mount, in a view of an earlier state: it shows the inner space as it was
	// then. Zero: now.
	At time.Time
}

// Crossing returns the first mount at or above a path; ok is false if there is none, also where nothing is at the path.
// Only Path, Entry and Target are set. Errors are of type *vfs.Error: vfs.ErrUnavailable, vfs.ErrCorrupt.
func (t Tree) Crossing(ctx context.Context, path string) (m Mounted, ok bool, err error) {
	if !t.mounts {
		return m, false, nil
	}
	e := t.root
	for end := 0; end < len(path); {
		if e.o.Kind != object.Folder {
			return m, false, nil
		}
		begin := end + 1
		end = len(path)
		if i := strings.IndexByte(path[min(begin, len(path)):], '/'); i >= 0 {
			end = begin + i
		}
		if begin >= end || !object.ValidName(path[begin:end]) {
			return m, false, nil
		}
		if e, err = t.nodes.find(ctx, e, object.SortKey(path[begin:end])); err != nil {
			return m, false, fail("look up", path, err)
		}
		if e == nil {
			return m, false, nil
		}
		if e.o.Kind == object.Mount {
			return Mounted{Path: path[:end], Entry: Entry{e}, Target: e.o.Target}, true, nil
		}
	}
	return m, false, nil
}

// Mount puts a mount at a path, whose parent folder exists. What it replaces, if anything, gives it its name, its
// version and its times.
type Mount struct {
	Path   string
	Target object.Target
	// Over is the kind of what the mount replaces: object.Folder or, for a Target.File, object.File, whose contents have
	// moved into the space; object.Mount, which gets another target. 0: the path is free. If something else is at the
	// path, the error is vfs.ErrExist or vfs.ErrNotExist. The caller checks that the contents are those that have moved.
	Over object.Kind
	// Version and Time are those of a new mount.
	Version vfs.Version
	Time    time.Time
	// Properties are those of the mount's entry, sorted. Nil: those of what it replaces.
	Properties []vfs.Property
}

const opMount = opSever + 1

func (Mount) kind() opKind { return opMount }
func (Mount) name() string { return "mount" }

// entry returns the mount for a free path.
func (op Mount) entry() (object.Entry, error) {
	names, ok := split(op.Path)
	switch {
	case !ok:
		return object.Entry{}, vfs.ErrName
	case len(names) == 0:
		return object.Entry{}, fmt.Errorf("%w: the root cannot be replaced", vfs.ErrInvalid)
	case op.Over > object.Mount, op.Over == object.File && !op.Target.File, op.Over == object.Folder && op.Target.File:
		return object.Entry{}, fmt.Errorf("%w: a mount in place of something else", vfs.ErrInvalid)
	}
	now, target := object.Nanos(op.Time), op.Target
	e := object.Entry{Name: names[len(names)-1], Kind: object.Mount, Version: op.Version, Modified: now, Created: now,
		Target: &target}
	if len(op.Properties) > 0 {
		e.Properties = op.Properties
	}
	return e, e.Check()
}

func (op Mount) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	o, err := op.entry()
	if err != nil {
		return t, Result{}, op.Path, err
	}
	p, err := t.find(ctx, op.Path)
	switch {
	case err != nil:
	case p.at == nil && op.Over != 0:
		err = vfs.ErrNotExist
	case p.at != nil && p.at.o.Kind != op.Over:
		err = fmt.Errorf("%w: it was replaced meanwhile", vfs.ErrExist)
	case p.at != nil:
		old := &p.at.o
		o.Name, o.Version, o.Modified, o.Created = old.Name, old.Version, old.Modified, old.Created
		if op.Properties == nil {
			o.Properties = old.Properties
		}
		err = o.Check()
	}
	if err != nil {
		return t, Result{}, op.Path, err
	}
	e := newEntry(o)
	next, err := t.with(ctx, p, e)
	return next.MayMount(), Result{Entry: Entry{e}, Before: Entry{p.at}}, op.Path, err
}

type wireMount struct {
	_     struct{} `cbor:",toarray"`
	Path  string
	Over  object.Kind
	Given bool // Properties are not nil
	Entry object.Entry
}

func (op Mount) wire() (any, error) {
	entry, err := op.entry()
	if err != nil {
		return nil, err
	}
	return wireMount{Path: op.Path, Over: op.Over, Given: op.Properties != nil, Entry: entry}, nil
}

func decodeMount(b raw) (Op, error) {
	w, err := body[wireMount](b)
	if err != nil {
		return nil, err
	}
	bad := fmt.Errorf("operation: %w: nothing that can be mounted", crypto.ErrFormat)
	if w.Entry.Kind != object.Mount || w.Entry.Modified != w.Entry.Created ||
		!w.Given && len(w.Entry.Properties) > 0 {
		return nil, bad
	}
	op := Mount{Path: w.Path, Target: *w.Entry.Target, Over: w.Over, Version: w.Entry.Version,
		Time: object.Time(w.Entry.Modified), Properties: w.Entry.Properties}
	if w.Given && op.Properties == nil {
		op.Properties = []vfs.Property{}
	}
	entry, err := op.entry()
	if err != nil || entry.Name != w.Entry.Name {
		return nil, bad
	}
	return op, nil
}
