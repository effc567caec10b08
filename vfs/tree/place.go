package tree

import (
	"context"
	"slices"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// place is the target of a path, resolved up to the parent.
type place struct {
	names []string
	chain []*entry // from the root to the parent; of the root itself just the root
	at    *entry   // the entry there, or nil
}

func (p place) root() bool { return len(p.names) == 0 }

func (p place) base() string { return p.names[len(p.names)-1] }

// find resolves a path whose last element need not exist. Errors: vfs.ErrName, vfs.ErrNotExist, vfs.ErrNotFolder.
func (t Tree) find(ctx context.Context, path string) (place, error) {
	names, ok := split(path)
	if !ok {
		return place{}, vfs.ErrName
	}
	if len(names) == 0 {
		return place{chain: []*entry{t.root}, at: t.root}, nil
	}
	chain, err := t.resolve(ctx, names[:len(names)-1])
	if err != nil {
		return place{}, err
	}
	p := place{names: names, chain: chain}
	parent := chain[len(chain)-1]
	if err := parent.enter(); err != nil {
		return place{}, err
	}
	p.at, err = t.nodes.find(ctx, parent, object.SortKey(p.base()))
	return p, err
}

// there is find for an entry that must exist.
func (t Tree) there(ctx context.Context, path string) (place, error) {
	p, err := t.find(ctx, path)
	if err == nil && p.at == nil {
		err = vfs.ErrNotExist
	}
	return p, err
}

// with returns the tree with e at a place, in place of the entry there.
func (t Tree) with(ctx context.Context, p place, e *entry) (Tree, error) {
	if p.root() {
		return Tree{t.nodes, e, t.mounts}, nil
	}
	folder, err := t.nodes.put(ctx, p.chain[len(p.chain)-1], e)
	if err != nil {
		return Tree{}, err
	}
	return t.up(ctx, p.chain[:len(p.chain)-1], folder)
}

// without returns the tree without the entry at a place.
func (t Tree) without(ctx context.Context, p place) (Tree, error) {
	folder, err := t.nodes.remove(ctx, p.chain[len(p.chain)-1], p.at.key)
	if err != nil {
		return Tree{}, err
	}
	return t.up(ctx, p.chain[:len(p.chain)-1], folder)
}

// up puts a changed folder into its parents, up to the root.
func (t Tree) up(ctx context.Context, above []*entry, folder *entry) (Tree, error) {
	for _, parent := range slices.Backward(above) {
		var err error
		if folder, err = t.nodes.put(ctx, parent, folder); err != nil {
			return Tree{}, err
		}
	}
	return Tree{t.nodes, folder, t.mounts}, nil
}

// ends resolves both ends of a Move or Copy and makes the checks common to both. The string is the path that the error
// concerns.
func (t Tree) ends(ctx context.Context, fromPath, toPath string, replace, move bool) (from, to place, where string,
	err error) {
	if _, ok := split(toPath); !ok {
		return from, to, toPath, vfs.ErrName
	}
	if _, ok := split(fromPath); !ok {
		return from, to, fromPath, vfs.ErrNotExist
	}
	if from, err = t.there(ctx, fromPath); err != nil {
		return from, to, fromPath, err
	}
	if to, err = t.find(ctx, toPath); err != nil {
		return from, to, toPath, err
	}
	switch a, b := keys(from.names), keys(to.names); {
	case slices.Equal(a, b):
		if !move || from.root() || to.base() == from.at.o.Name {
			err = vfs.ErrInvalid // onto itself
		}
	case within(a, b) && move, within(b, a):
		err = vfs.ErrInvalid // into itself, or over a folder above it
	case to.at != nil && !replace:
		err = vfs.ErrExist
	}
	return from, to, toPath, err
}

// keys returns the keys by which names are compared.
func keys(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = object.SortKey(name)
	}
	return out
}

// Rebase returns where a path lies after from was moved or copied to another; ok says that it is at or below from, in
// any Unicode form.
func Rebase(path, from, to string) (lies string, ok bool) {
	names, valid := split(path)
	above, fromValid := split(from)
	if !valid || !fromValid || len(above) > len(names) || !slices.Equal(keys(above), keys(names[:len(above)])) {
		return "", false
	}
	for _, name := range names[len(above):] {
		to = strings.TrimSuffix(to, "/") + "/" + name
	}
	return to, true
}

// within reports whether a path is below a folder.
func within(folder, path []string) bool {
	return len(path) > len(folder) && slices.Equal(folder, path[:len(folder)])
}
