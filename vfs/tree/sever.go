package tree

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Sever removes an unreadable page from its folder, with everything below it, and makes it the page of a folder of its
// own: so the rest of the folder is readable again, and so are the lost entries if the page is found one day. The page
// itself is not read. The error is vfs.ErrNotExist if the folder no longer has the page.
type Sever struct {
	Path  string // the folder
	Root  bool   // it is the root page, so all of the folder's pages go
	First string // else: the page's lowest sort key
	Level uint8  // of the page; not of a root page
	Blob  crypto.BlobName
	Off   uint32 // its expected offset

	To      string // path of the new folder; its parent exists, and the path is free
	Version vfs.Version
	Time    int64 // nanoseconds since 1970
}

func (op Sever) apply(ctx context.Context, t Tree) (Tree, Result, string, error) {
	p, err := t.there(ctx, op.Path)
	if err == nil && p.at.o.Kind != object.Folder {
		err = vfs.ErrNotFolder
	}
	if err != nil {
		return t, Result{}, op.Path, err
	}
	rest, lost, err := t.nodes.sever(ctx, p.at, op)
	if err != nil {
		return t, Result{}, op.Path, err
	}
	next, err := t.with(ctx, p, rest)
	if err != nil {
		return t, Result{}, op.Path, err
	}
	to, err := next.find(ctx, op.To)
	switch {
	case err == nil && to.at != nil:
		err = vfs.ErrExist
	case err == nil && to.root():
		err = vfs.ErrInvalid
	}
	if err != nil {
		return t, Result{}, op.To, err
	}
	e := newEntry(object.Entry{Name: to.base(), Kind: object.Folder, Version: op.Version, Modified: op.Time,
		Created: op.Time, Count: lost.count, Size: lost.bytes})
	e.root = lost.at
	next, err = next.with(ctx, to, e)
	return next, Result{Entry: Entry{e}, Before: Entry{p.at}}, op.To, err
}

// is reports whether a page is the one to remove.
func (op Sever) is(at target) bool {
	ref := at.sealed()
	return ref.Blob == op.Blob && ref.Off == op.Off && ref != object.Ref{}
}

// sever returns the folder without the page, and the child that referred to it.
func (n *Nodes) sever(ctx context.Context, folder *entry, op Sever) (*entry, child, error) {
	if op.Root {
		if !op.is(folder.root) {
			return nil, child{}, fmt.Errorf("%w: its root page is another", vfs.ErrNotExist)
		}
		return folder.holding(target{}, &page{}), child{count: folder.o.Count, bytes: folder.o.Size, at: folder.root}, nil
	}
	root, err := n.rootPage(ctx, folder)
	if err == nil && (root == nil || root.level <= op.Level) {
		err = fmt.Errorf("%w: it has no such page", vfs.ErrNotExist)
	}
	if err != nil {
		return nil, child{}, err
	}
	p, lost, err := n.severPage(ctx, root, op)
	switch {
	case err != nil:
		return nil, lost, err
	case p == nil:
		return folder.holding(target{}, &page{}), lost, nil
	case len(p.children) == 1:
		return folder.holding(p.children[0].at, p), lost, nil // the tree gets lower
	}
	return folder.holding(fresh(p), p), lost, nil
}

// severPage returns an inner page without the page to remove, or nil if it would be empty. Like removePage it may
// return a page that is too small.
func (n *Nodes) severPage(ctx context.Context, p *page, op Sever) (*page, child, error) {
	i := p.childFor(op.First)
	c := p.children[i]
	if p.level == op.Level+1 {
		if c.first != op.First || !op.is(c.at) {
			return nil, child{}, fmt.Errorf("%w: it has no such page", vfs.ErrNotExist)
		}
		if len(p.children) == 1 {
			return nil, c, nil
		}
		return inner(p.level, p.with(i, i+1, nil)), c, nil
	}
	sub, err := n.childPage(ctx, p, i)
	if err != nil {
		return nil, child{}, err
	}
	sub, lost, err := n.severPage(ctx, sub, op)
	if err != nil {
		return nil, lost, err
	}
	switch {
	case sub == nil && len(p.children) == 1:
		return nil, lost, nil
	case sub == nil:
		return inner(p.level, p.with(i, i+1, nil)), lost, nil
	case sub.small() && i+1 < len(p.children):
		right, err := n.childPage(ctx, p, i+1)
		if err != nil {
			return nil, lost, err
		}
		return inner(p.level, p.with(i, i+2, join(sub, right))), lost, nil
	case sub.small() && i > 0:
		left, err := n.childPage(ctx, p, i-1)
		if err != nil {
			return nil, lost, err
		}
		return inner(p.level, p.with(i-1, i+1, join(left, sub))), lost, nil
	}
	return inner(p.level, p.with(i, i+1, []*page{sub})), lost, nil
}

const opSever = opGraft + 1

func (Sever) kind() opKind { return opSever }

func (Sever) name() string { return "sever" }

// wireSever is the encoding of Sever in the journal.
type wireSever struct {
	_       struct{} `cbor:",toarray"`
	Path    string
	Root    bool
	First   string
	Level   uint8
	Blob    [32]byte
	Off     uint32
	To      string
	Version [16]byte
	Time    int64
}

func (op Sever) wire() wireSever {
	return wireSever{Path: op.Path, Root: op.Root, First: op.First, Level: op.Level, Blob: op.Blob, Off: op.Off, To: op.To,
		Version: op.Version, Time: op.Time}
}

func decodeSever(b raw) (Op, error) {
	w, err := body[wireSever](b)
	return Sever{Path: w.Path, Root: w.Root, First: w.First, Level: w.Level, Blob: w.Blob, Off: w.Off, To: w.To,
		Version: w.Version, Time: w.Time}, err
}
