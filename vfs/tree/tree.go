// Package tree is the folders of a space as an immutable value: a B+tree of pages for each folder, each page sealed at
// the remote under its own key or, when it was changed since, in memory. A change makes a new Tree that shares all but
// a few pages with the old one, so readers keep the state they began with and never wait for writers.
//
// Apply is the one way to change a tree: a pure function of a tree and an Op, which is also what the journal records.
// Pack seals what is in memory only into blobs, the commit with them; when those have landed, Settle tells all trees
// where their pages lie now, so that memory may forget them.
package tree

import (
	"context"
	"sort"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// Tree is one state of a space. It never changes and may be used by any number of goroutines.
type Tree struct {
	nodes *Nodes
	root  *entry
}

// New is the tree whose root entry a commit holds, or an empty one: a root with neither Root, Size nor Count.
func New(nodes *Nodes, root object.Entry) Tree {
	root.Name, root.Kind = "", object.Folder
	return Tree{nodes: nodes, root: newEntry(root)}
}

// Root is the entry of the root folder: its name is empty, its size and count are the totals of the space.
func (t Tree) Root() Entry { return Entry{t.root} }

// Dirty reports whether anything in the tree lies in memory only, so that a commit is due.
func (t Tree) Dirty() bool { return t.root.root.dirty() }

// Lookup finds what lies at a path. Errors are of type *vfs.Error: vfs.ErrNotExist (also for what can't be a path),
// vfs.ErrNotFolder (something above the path is a file), vfs.ErrUnavailable, vfs.ErrCorrupt.
func (t Tree) Lookup(ctx context.Context, path string) (Entry, error) {
	e, err := t.lookup(ctx, path)
	if err != nil {
		return Entry{}, fail("look up", path, err)
	}
	return Entry{e}, nil
}

func (t Tree) lookup(ctx context.Context, path string) (*entry, error) {
	names, ok := split(path)
	if !ok {
		return nil, vfs.ErrNotExist
	}
	chain, err := t.resolve(ctx, names)
	if err != nil {
		return nil, err
	}
	return chain[len(names)], nil
}

// resolve finds the entries on the way along names, from the root on: chain[i] is what names[:i] lead to.
func (t Tree) resolve(ctx context.Context, names []string) (chain []*entry, err error) {
	chain = make([]*entry, 1, len(names)+1)
	chain[0] = t.root
	for i, name := range names {
		if chain[i].o.Kind != object.Folder {
			return nil, vfs.ErrNotFolder
		}
		e, err := t.nodes.find(ctx, chain[i], object.SortKey(name))
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, vfs.ErrNotExist
		}
		chain = append(chain, e)
	}
	return chain, nil
}

// find looks a key up in a folder; nil when it isn't there.
func (n *Nodes) find(ctx context.Context, folder *entry, key string) (*entry, error) {
	p, err := n.rootPage(ctx, folder)
	if err != nil || p == nil {
		return nil, err
	}
	for p.level > 0 {
		i := p.childFor(key)
		if key < p.children[i].first {
			return nil, nil
		}
		if p, err = n.childPage(ctx, p, i); err != nil {
			return nil, err
		}
	}
	i, found := p.lineFor(key)
	if !found {
		return nil, nil
	}
	return p.entry(i), nil
}

// childFor is the index of the child below which the key belongs.
func (p *page) childFor(key string) int {
	i := sort.Search(len(p.children), func(i int) bool { return p.children[i].first > key })
	return max(0, i-1)
}

// lineFor is the index of the key's line, or where it belongs.
func (p *page) lineFor(key string) (int, bool) {
	return sort.Find(len(p.lines), func(i int) int { return p.compare(key, i) })
}

// split cuts a path into its names; false when it is none.
func split(path string) (names []string, ok bool) {
	if path == "/" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	names = strings.Split(rest, "/")
	for _, name := range names {
		if !object.ValidName(name) {
			return nil, false
		}
	}
	return names, true
}
