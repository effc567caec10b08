package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/vfs"
	"postern/vfs/object"
)

// entry returns the new file's entry for a tree that has no file at the path.
func (op Put) entry() (object.Entry, error) {
	names, ok := split(op.Path)
	if !ok {
		return object.Entry{}, vfs.ErrName
	}
	if len(names) == 0 {
		return object.Entry{}, vfs.ErrIsFolder
	}
	e := op.Entry
	e.Name = names[len(names)-1]
	if e.Kind != object.File {
		return object.Entry{}, fmt.Errorf("%w: only files are put", vfs.ErrInvalid)
	}
	if err := e.Check(); err != nil {
		return object.Entry{}, err
	}
	for _, c := range e.Content.Chunks {
		if c.Blob.IsZero() != !op.Piece.IsZero() || c.Blob.IsZero() && c.Off != 0 {
			return object.Entry{}, fmt.Errorf("%w: a chunk neither in a blob nor in the journal, or in both", vfs.ErrInvalid)
		}
	}
	for _, r := range e.Content.Nodes {
		if r.Blob.IsZero() {
			return object.Entry{}, fmt.Errorf("%w: an index node in no blob", vfs.ErrInvalid)
		}
	}
	if !op.Piece.IsZero() && len(e.Content.Chunks) != 1 {
		return object.Entry{}, fmt.Errorf("%w: a piece for a file of %d chunks", vfs.ErrInvalid, len(e.Content.Chunks))
	}
	return e, nil
}

// laid is an op that puts an entry at a place and changes nothing else.
type laid interface {
	Op
	lay(ctx context.Context, t Tree) (place, *entry, string, error)
}

func lay(ctx context.Context, t Tree, op laid) (Tree, Result, string, error) {
	p, e, where, err := op.lay(ctx, t)
	if err != nil {
		return t, Result{}, where, err
	}
	next, err := t.with(ctx, p, e)
	return next, Result{Entry: Entry{e}, Before: Entry{p.at}}, where, err
}

func (op Put) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	return lay(ctx, t, op)
}

func (op Put) lay(ctx context.Context, t Tree) (place, *entry, string, error) {
	o, err := op.entry()
	if err != nil {
		return place{}, nil, op.Path, err
	}
	p, err := t.find(ctx, op.Path)
	if err != nil {
		return p, nil, op.Path, err
	}
	if p.at != nil {
		if err := p.at.overwritable(); err != nil {
			return p, nil, op.Path, err
		}
		old := &p.at.o
		o.Name, o.Created, o.Properties = old.Name, old.Created, old.Properties
		if o.ContentType == "" {
			o.ContentType = old.ContentType
		}
		if op.Chosen {
			o.Modified = savedAt(old.Modified, o.Modified)
		}
	}
	e := newEntry(o)
	if !op.Piece.IsZero() {
		e.content, e.o.Content = newContent(o.Content, op.Piece), object.Content{}
	}
	return p, e, op.Path, nil
}

func (op Mkdir) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	return lay(ctx, t, op)
}

func (op Mkdir) lay(ctx context.Context, t Tree) (place, *entry, string, error) {
	p, err := t.find(ctx, op.Path)
	if err == nil && p.at != nil {
		err = vfs.ErrExist
	}
	if err != nil {
		return p, nil, op.Path, err
	}
	now := object.Nanos(op.Time)
	return p,
		newEntry(object.Entry{Name: p.base(), Kind: object.Folder, Version: op.Version, Modified: now, Created: now}),
		op.Path, nil
}

func (op Remove) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	p, err := t.there(ctx, op.Path)
	if err == nil && p.root() {
		err = vfs.ErrInvalid
	}
	if err != nil {
		return t, Result{}, op.Path, err
	}
	next, err := t.without(ctx, p)
	return next, Result{Before: Entry{p.at}}, op.Path, err
}

func (op Move) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	from, to, where, err := t.ends(ctx, op.From, op.To, op.Replace, true)
	if err != nil {
		return t, Result{}, where, err
	}
	e := arriving(from.at, to, op.Modified)
	if slices.Equal(keys(from.names), keys(to.names)) { // another form of the name
		e = e.renamed(to.base())
		next, err := t.with(ctx, from, e)
		return next, Result{Entry: Entry{e}}, op.To, err
	}
	next, err := t.without(ctx, from)
	if err != nil {
		return t, Result{}, op.From, err
	}
	// The removal may have replaced pages on the way to the destination.
	there, err := next.find(ctx, op.To)
	if err != nil {
		return t, Result{}, op.To, err
	}
	next, err = next.with(ctx, there, e)
	return next, Result{Entry: Entry{e}, Before: Entry{to.at}}, op.To, err
}

func (op Copy) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	from, to, where, err := t.ends(ctx, op.From, op.To, op.Replace, false)
	if err != nil {
		return t, Result{}, where, err
	}
	e := arriving(from.at, to, op.Modified)
	if op.Shallow && e.o.Kind == object.Folder {
		e = e.holding(target{}, &page{})
	}
	next, err := t.with(ctx, to, e)
	return next, Result{Entry: Entry{e}, Before: Entry{to.at}}, op.To, err
}

// arriving returns an entry as it is at its destination: it takes the stored form of the name that it replaces.
func arriving(e *entry, to place, modified time.Time) *entry {
	name := to.base()
	if to.at != nil {
		name = to.at.o.Name
	}
	e = e.renamed(name)
	if !modified.IsZero() {
		e.o.Modified = object.Nanos(modified)
	}
	return e
}

func (op Patch) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	return lay(ctx, t, op)
}

func (op Patch) lay(ctx context.Context, t Tree) (place, *entry, string, error) {
	p, err := t.there(ctx, op.Path)
	if err != nil {
		return p, nil, op.Path, err
	}
	e := *p.at
	if !op.Modified.IsZero() {
		e.o.Modified = object.Nanos(op.Modified)
	}
	if !op.Created.IsZero() {
		e.o.Created = object.Nanos(op.Created)
	}
	for _, name := range op.Remove {
		if !utf8.ValidString(name.Space) || !utf8.ValidString(name.Local) {
			return p, nil, op.Path, fmt.Errorf("%w: a property whose name is not UTF-8", vfs.ErrInvalid)
		}
	}
	e.o.Properties = op.properties(e.o.Properties)
	bare := e.o
	bare.Content, bare.Size = object.Content{}, 0 // unchanged, possibly in the journal
	if err := bare.Check(); err != nil {
		return p, nil, op.Path, err
	}
	return p, &e, op.Path, nil
}

// properties returns the properties after the change, sorted.
func (op Patch) properties(old []vfs.Property) []vfs.Property {
	if len(op.Set)+len(op.Remove) == 0 {
		return old
	}
	props := slices.DeleteFunc(slices.Clone(old), func(p vfs.Property) bool { return slices.Contains(op.Remove, p.Name) })
	for _, set := range op.Set {
		i, found := slices.BinarySearchFunc(props, set.Name, func(p vfs.Property, name vfs.PropertyName) int {
			return object.CompareProperties(p.Name, name)
		})
		set.Name.Space, set.Name.Local = strings.Clone(set.Name.Space), strings.Clone(set.Name.Local)
		if found {
			props[i] = set
		} else {
			props = slices.Insert(props, i, set)
		}
	}
	if len(props) == 0 {
		return nil
	}
	return props
}
