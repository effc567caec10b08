package tree

import (
	"context"

	"postern/vfs"
)

// Sub returns a folder of a tree as a tree of its own, by reference.
func (t Tree) Sub(ctx context.Context, path string) (Tree, error) {
	e, err := t.lookup(ctx, path)
	if err == nil {
		err = e.enter()
	}
	if err != nil {
		return Tree{}, fail("look up", path, err)
	}
	return Tree{t.nodes, e.renamed(""), t.mounts}, nil
}

// Graft returns the tree with another tree of the same Nodes as a folder at path, by reference, in place of the entry
// there. The parent folder must exist. Errors are those of Apply.
func (t Tree) Graft(ctx context.Context, path string, sub Tree) (Tree, error) {
	p, err := t.find(ctx, path)
	if err == nil && p.root() {
		err = vfs.ErrInvalid
	}
	if err != nil {
		return Tree{}, fail("graft", path, err)
	}
	next, err := t.with(ctx, p, sub.root.renamed(p.base()))
	if err != nil {
		return Tree{}, fail("graft", path, err)
	}
	return next.may(sub.mounts), nil
}
