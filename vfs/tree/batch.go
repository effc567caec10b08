package tree

import (
	"context"
	"math"
	"slices"

	"postern/vfs/object"
)

// Batch applies many ops to a tree, one after the other, and comes to the tree that Apply comes to, page by page. It changes the pages that
// it has made itself in place, where Apply copies those on the way to every change. It is for one goroutine, and of no use after an error.
type Batch struct {
	tree Tree
	own  *edit
}

// edit marks the pages that one batch has made: nothing but the batch's tree leads to them, and that once only.
type edit struct{ _ byte }

// NewBatch begins with a tree, which stays as it is.
func NewBatch(t Tree) *Batch { return &Batch{t, new(edit)} }

// Tree is the tree after what was applied so far. It is like any other: what is applied later does not change it.
func (b *Batch) Tree() Tree {
	b.own = new(edit)
	return b.tree
}

// Apply applies one op. Errors are those of the function Apply.
func (b *Batch) Apply(ctx context.Context, op Op) (err error) {
	if op, ok := op.(laid); ok {
		p, e, where, err := op.lay(ctx, b.tree)
		if err == nil {
			err = b.put(ctx, p, e)
		}
		if err != nil {
			return fail(op.name(), where, err)
		}
		return nil
	}
	switch op.(type) {
	case Remove, Move:
	default:
		b.own = new(edit) // one page may have several places then
	}
	b.tree, _, err = Apply(ctx, b.tree, op)
	return err
}

// put is Tree.with.
func (b *Batch) put(ctx context.Context, p place, e *entry) error {
	if p.root() {
		b.tree.root = e
		return nil
	}
	for _, folder := range slices.Backward(p.chain) {
		next := b.set(folder, e)
		if next == nil {
			var err error
			if next, err = b.tree.nodes.put(ctx, folder, e); err != nil {
				return err
			}
			b.adopt(next, e.key)
		}
		e = next
	}
	b.tree.root = e
	return nil
}

// adopt marks the pages on the way to a key, all of which were made just now.
func (b *Batch) adopt(folder *entry, key string) {
	p, _ := folder.root.load()
	for p.own = b.own; p.level > 0; p.own = b.own {
		p, _ = p.children[p.childFor(key)].at.load()
	}
}

// set is Nodes.put in place. It is nil, and nothing has changed, when a page on the way is not the batch's own, or when more than sums
// would change above the leaf.
func (b *Batch) set(folder, e *entry) *entry {
	root := b.mine(folder.root)
	if root == nil || object.Sum(root.count, object.Sum(1, e.o.Count)) == math.MaxInt64 || object.Sum(root.bytes, e.o.Size) == math.MaxInt64 {
		return nil
	}
	last := root
	for last.level > 0 {
		if last = b.mine(last.children[last.childFor(e.key)].at); last == nil {
			return nil
		}
	}
	i, found := last.entryFor(e.key)
	size, count, bytes := e.size(), 1+e.o.Count, e.o.Size
	if found {
		old := last.entries[i]
		size, count, bytes = size-old.size(), count-(1+old.o.Count), bytes-old.o.Size
	}
	if last.size+size > object.PageTarget || i == 0 && !found {
		return nil
	}
	if found {
		last.entries[i] = e
	} else {
		last.entries = slices.Insert(last.entries, i, e)
	}
	last.size += size
	for p := root; ; {
		p.count, p.bytes = p.count+count, p.bytes+bytes
		if p.level == 0 {
			return folder.holding(folder.root, root)
		}
		c := &p.children[p.childFor(e.key)]
		c.count, c.bytes = c.count+count, c.bytes+bytes
		p, _ = c.at.load()
	}
}

// mine is the page that t leads to if it is the batch's own.
func (b *Batch) mine(t target) *page {
	if p, _ := t.load(); p != nil && p.own == b.own {
		return p
	}
	return nil
}
