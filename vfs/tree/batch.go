package tree

import (
	"context"
	"math"
	"slices"

	"postern/vfs/object"
)

// Batch applies many ops to a tree, one after the other, with the same result as Apply, page by page. It changes pages
// that it made itself in place, where Apply copies the pages above every change. It is not safe for concurrent use, and
// must not be used after an error.
type Batch struct {
	tree Tree
	own  *edit
}

// edit marks the pages made by one batch: only the batch's tree refers to them, and only once.
type edit struct{ _ byte }

// NewBatch begins a batch with a tree, which does not change.
func NewBatch(t Tree) *Batch { return &Batch{t, new(edit)} }

// Tree returns the tree after the ops applied so far. Later ops do not change it.
func (b *Batch) Tree() Tree {
	b.own = new(edit)
	return b.tree
}

// Apply applies one op. Errors are those of the function Apply.
func (b *Batch) Apply(ctx context.Context, op Op) (err error) {
	if op, ok := op.(laid); ok {
		p, e, where, err := op.lay(ctx, b.tree)
		if err == nil {
			err = b.with(ctx, p, e)
		}
		if err != nil {
			return fail(op.name(), where, err)
		}
		return nil
	}
	switch op.(type) {
	case Remove, Move:
	default:
		b.own = new(edit) // after a copy one page may have several places
	}
	b.tree, _, err = Apply(ctx, b.tree, op)
	return err
}

// with is Tree.with.
func (b *Batch) with(ctx context.Context, p place, e *entry) (err error) {
	if !p.root() {
		for _, folder := range slices.Backward(p.chain) {
			if e, err = b.put(ctx, folder, e); err != nil {
				return err
			}
		}
	}
	b.tree.root = e
	return nil
}

// put is Nodes.put.
func (b *Batch) put(ctx context.Context, folder, e *entry) (*entry, error) {
	root, err := b.tree.nodes.rootPage(ctx, folder)
	if err != nil {
		return nil, err
	}
	if root != nil && object.Sum(root.count, object.Sum(1, e.o.Count)) < math.MaxInt64 &&
		object.Sum(root.bytes, e.o.Size) < math.MaxInt64 {
		at, root := b.mine(folder.root, root)
		if _, done, err := b.set(ctx, root, e); done || err != nil {
			return folder.holding(at, root), err
		}
	}
	if folder, err = b.tree.nodes.put(ctx, folder, e); err != nil {
		return nil, err
	}
	p, _ := folder.root.load() // the pages on the way were made just now
	for p.own = b.own; p.level > 0; p.own = b.own {
		p, _ = p.children[p.childFor(e.key)].at.load()
	}
	return folder, nil
}

// set puts e below a page of the batch's own and returns what it adds to the sums, none of which may be at its bound.
// If more than sums would change above the leaf, done is false and nothing has changed.
func (b *Batch) set(ctx context.Context, p *page, e *entry) (more sums, done bool, err error) {
	if p.level == 0 {
		more, done = p.set(lineOf(e), e.key)
		return more, done, nil
	}
	i := p.childFor(e.key)
	c := &p.children[i]
	sub, err := b.tree.nodes.childPage(ctx, p, i)
	if err != nil {
		return sums{}, false, err
	}
	c.at, sub = b.mine(c.at, sub)
	if more, done, err = b.set(ctx, sub, e); done {
		c.count, c.bytes = c.count+more.count, c.bytes+more.bytes
		p.count, p.bytes = p.count+more.count, p.bytes+more.bytes
	}
	return more, done, err
}

// sums are the sums of a page, or an addition to them.
type sums struct{ count, bytes int64 }

// set puts a line into a leaf, in place, unless the leaf would be too large or begin with another key.
func (p *page) set(l line, key string) (more sums, done bool) {
	i, found := p.lineFor(key)
	more, size := sums{l.count, l.bytes}, int(l.size)
	if found {
		old := &p.lines[i]
		more, size = sums{l.count - old.count, l.bytes - old.bytes}, size-int(old.size)
	}
	switch {
	case p.size+size > object.PageTarget, i == 0 && !found:
		return sums{}, false
	case found:
		p.lines[i] = l
	default:
		p.lines = slices.Insert(p.lines, i, l)
	}
	p.size, p.count, p.bytes = p.size+size, p.count+more.count, p.bytes+more.bytes
	return more, true
}

// mine returns a page of the batch's own for the page of t: that page itself or a copy.
func (b *Batch) mine(t target, p *page) (target, *page) {
	if p.own == b.own {
		return t, p
	}
	c := *p
	c.own, c.lines, c.children = b.own, slices.Clone(p.lines), slices.Clone(p.children)
	return fresh(&c), &c
}
