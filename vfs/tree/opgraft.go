package tree

import (
	"context"
	"fmt"
	"strings"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Graft puts an already sealed file or folder at a path, by reference and with everything in it, as in a restore from
// the history. With Replace it replaces an existing entry, even a whole folder, and keeps the stored form of its name;
// without, an existing entry is vfs.ErrExist. Its contents are not checked before they are read.
type Graft struct {
	Path string
	// Entry is the file or folder, as returned by Entry.Object for an entry without a pending piece: all of its Content,
	// or its Root, is in blobs. Its name is taken from Path.
	Entry   object.Entry
	Replace bool
	// Mounts says that the entry comes from a tree that may hold mounts.
	Mounts bool
	// Fill are put in the place of mounts below the entry, the outer ones first: their paths begin with Path. They replace
	// what is there, and have no Fill themselves.
	Fill []Graft
}

const (
	opGraft       = opPatch + 1
	opGraftMounts = opMount + 1       // of a Graft with Mounts
	opGraftFilled = opGraftMounts + 1 // of a Graft with Fill
)

// MaxFill bounds the mounts whose contents one Graft puts in their places.
const MaxFill = 256

func (op Graft) kind() opKind {
	switch {
	case len(op.Fill) > 0:
		return opGraftFilled
	case op.Mounts:
		return opGraftMounts
	}
	return opGraft
}

func (Graft) name() string { return "restore" }

// entry returns the grafted entry for a free path.
func (op Graft) entry() (object.Entry, error) {
	names, ok := split(op.Path)
	if !ok {
		return object.Entry{}, vfs.ErrName
	}
	if len(names) == 0 {
		return object.Entry{}, fmt.Errorf("%w: the root cannot be replaced", vfs.ErrInvalid)
	}
	e := op.Entry
	e.Name = names[len(names)-1]
	if err := e.Check(); err != nil {
		return object.Entry{}, err
	}
	if e.Kind == object.Folder {
		if sealed := !e.Root.Blob.IsZero(); sealed != (e.Count > 0) || !sealed && (e.Size != 0 || e.Root != object.Ref{}) {
			return object.Entry{}, fmt.Errorf("%w: a folder of %d things that lies in no blob, or the reverse", vfs.ErrInvalid,
				e.Count)
		}
		return e, nil
	}
	for _, c := range e.Content.Chunks {
		if c.Blob.IsZero() {
			return object.Entry{}, fmt.Errorf("%w: a chunk in no blob", vfs.ErrInvalid)
		}
	}
	for _, r := range e.Content.Nodes {
		if r.Blob.IsZero() {
			return object.Entry{}, fmt.Errorf("%w: an index node in no blob", vfs.ErrInvalid)
		}
	}
	return e, nil
}

func (op Graft) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	o, err := op.entry()
	if err != nil {
		return t, Result{}, op.Path, err
	}
	p, err := t.find(ctx, op.Path)
	switch {
	case err != nil:
	case p.at != nil && !op.Replace:
		err = vfs.ErrExist
	case p.at != nil:
		o.Name = p.at.o.Name
	}
	if err != nil {
		return t, Result{}, op.Path, err
	}
	e := newEntry(o)
	next, err := t.with(ctx, p, e)
	for _, fill := range op.Fill {
		if err != nil {
			return t, Result{}, op.Path, err
		}
		fill.Replace = true
		if next, _, _, err = fill.apply(ctx, next); err != nil {
			return t, Result{}, fill.Path, err
		}
	}
	if err == nil && len(op.Fill) > 0 {
		e, err = next.lookup(ctx, op.Path)
	}
	return next.may(op.Mounts || o.Kind == object.Mount), Result{Entry: Entry{e}, Before: Entry{p.at}}, op.Path, err
}

type wireGraft struct {
	_       struct{} `cbor:",toarray"`
	Path    string
	Entry   object.Entry
	Replace bool
}

type wireFilled struct {
	_     struct{} `cbor:",toarray"`
	First wireGraft
	// Mounts is that of the graft.
	Mounts bool
	Fill   []wireGraft
}

func (op Graft) wire() (any, error) {
	first, err := op.wireOne()
	if err != nil || len(op.Fill) == 0 {
		return first, err
	}
	w := wireFilled{First: first, Mounts: op.Mounts}
	for _, fill := range op.Fill {
		one, err := fill.wireOne()
		if err != nil {
			return nil, err
		}
		w.Fill = append(w.Fill, one)
	}
	return w, nil
}

func (op Graft) wireOne() (w wireGraft, err error) {
	entry, err := op.entry()
	return wireGraft{Path: op.Path, Entry: entry, Replace: op.Replace}, err
}

func decodeGraft(e opEnvelope) (Op, error) {
	if e.Kind != opGraftFilled {
		w, err := body[wireGraft](e.Body)
		if err != nil {
			return nil, err
		}
		return w.graft(e.Kind == opGraftMounts)
	}
	w, err := body[wireFilled](e.Body)
	if err != nil {
		return nil, err
	}
	op, err := w.First.graft(w.Mounts)
	if err == nil && (len(w.Fill) == 0 || len(w.Fill) > MaxFill) {
		err = fmt.Errorf("operation: %w: %d mounts to fill", crypto.ErrFormat, len(w.Fill))
	}
	for _, one := range w.Fill {
		if err != nil {
			return nil, err
		}
		var fill Graft
		if fill, err = one.graft(false); err == nil && !strings.HasPrefix(fill.Path, op.Path+"/") {
			err = fmt.Errorf("operation: %w: a mount to fill that is not in the folder", crypto.ErrFormat)
		}
		op.Fill = append(op.Fill, fill)
	}
	if err != nil {
		return nil, err
	}
	return op, nil
}

func (w wireGraft) graft(mounts bool) (Graft, error) {
	op := Graft{Path: w.Path, Entry: w.Entry, Replace: w.Replace, Mounts: mounts}
	entry, err := op.entry()
	if err != nil || entry.Name != w.Entry.Name {
		return Graft{}, fmt.Errorf("operation: %w: nothing that can be restored", crypto.ErrFormat)
	}
	return op, nil
}
