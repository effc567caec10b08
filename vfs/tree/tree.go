// Package tree has the folders of a space as an immutable value: a B+tree of pages for each folder, each page sealed at
// the remote under its own key or, if it was changed since, in memory. A change makes a new Tree that shares all but a
// few pages with the old one, so readers keep their state and never wait for writers.
//
// Apply is the only way to change a tree: a pure function of a tree and an Op, which the journal records, too. Pack
// seals everything in memory into blobs, with the commit; once those have landed, Settle gives all trees the places of
// their pages, so that memory may drop the pages.
package tree

import (
	"context"
	"sort"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// Tree is one state of a space. It is immutable and safe for concurrent use.
type Tree struct {
	nodes  *Nodes
	root   *entry
	mounts bool // it may hold mounts; false means that it holds none
}

// New returns the tree of a commit's root entry, or an empty one for a root without Root, Size and Count.
func New(nodes *Nodes, root object.Entry) Tree {
	root.Name, root.Kind = "", object.Folder
	return Tree{nodes: nodes, root: newEntry(root)}
}

// Another returns the tree of another root entry, with the same Nodes.
func (t Tree) Another(root object.Entry) Tree { return New(t.nodes, root).may(t.mounts) }

// MayMount returns the tree with the note that it may hold mounts, as every tree of a space of format 2 may. Trees made
// from it keep the note. Trees without it hold no mount, so that Crossing costs nothing for them.
func (t Tree) MayMount() Tree { return t.may(true) }

func (t Tree) may(mount bool) Tree {
	t.mounts = t.mounts || mount
	return t
}

// MayHoldMounts reports whether the tree may hold mounts.
func (t Tree) MayHoldMounts() bool { return t.mounts }

// Root returns the entry of the root folder: its name is empty, its size and count are the totals of the space.
func (t Tree) Root() Entry { return Entry{t.root} }

// Dirty reports whether anything in the tree is in memory only, so that a commit is due.
func (t Tree) Dirty() bool { return t.root.root.dirty() }

// Lookup returns the entry at a path. Errors are of type *vfs.Error: vfs.ErrNotExist (also for an invalid path),
// vfs.ErrNotFolder (an element above is a file), vfs.ErrUnavailable, vfs.ErrCorrupt.
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

// resolve finds the entries along names, from the root on: chain[i] is the entry at names[:i].
func (t Tree) resolve(ctx context.Context, names []string) (chain []*entry, err error) {
	chain = make([]*entry, 1, len(names)+1)
	chain[0] = t.root
	for i, name := range names {
		if err := chain[i].enter(); err != nil {
			return nil, err
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

// find looks up a key in a folder; nil if it is missing.
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

// childFor returns the index of the child below which the key belongs.
func (p *page) childFor(key string) int {
	i := sort.Search(len(p.children), func(i int) bool { return p.children[i].first > key })
	return max(0, i-1)
}

// lineFor returns the index of the key's line, or of the place where it belongs.
func (p *page) lineFor(key string) (int, bool) {
	return sort.Find(len(p.lines), func(i int) int { return p.compare(key, i) })
}

// split splits a path into its names; false if it is invalid.
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
