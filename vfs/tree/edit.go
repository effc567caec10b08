package tree

import (
	"context"
	"slices"

	"postern/vfs/object"
)

// put returns the folder with e in it, in place of the entry with its key.
func (n *Nodes) put(ctx context.Context, folder, e *entry) (*entry, error) {
	root, err := n.rootPage(ctx, folder)
	if err != nil {
		return nil, err
	}
	pages := []*page{leaf([]line{lineOf(e)}, nil)}
	if root != nil {
		if pages, err = n.putPage(ctx, root, e); err != nil {
			return nil, err
		}
	}
	for len(pages) > 1 { // the tree grows by a level
		children := make([]child, len(pages))
		for i, p := range pages {
			children[i] = p.below()
		}
		pages = cutInner(pages[0].level+1, children, false)
	}
	return folder.holding(fresh(pages[0]), pages[0]), nil
}

// putPage returns the page with e in it, split if it became too large.
func (n *Nodes) putPage(ctx context.Context, p *page, e *entry) ([]*page, error) {
	if p.level == 0 {
		i, found := p.lineFor(e.key)
		lines := make([]line, 0, len(p.lines)+1)
		lines = append(append(lines, p.lines[:i]...), lineOf(e))
		if found {
			return cutLeaf(append(lines, p.lines[i+1:]...), p.from, false), nil
		}
		return cutLeaf(append(lines, p.lines[i:]...), p.from, i == len(p.lines)), nil
	}
	i := p.childFor(e.key)
	sub, err := n.childPage(ctx, p, i)
	if err != nil {
		return nil, err
	}
	pages, err := n.putPage(ctx, sub, e)
	if err != nil {
		return nil, err
	}
	return cutInner(p.level, p.with(i, i+1, pages), i == len(p.children)-1), nil
}

// remove returns the folder without the entry of a key, which must exist.
func (n *Nodes) remove(ctx context.Context, folder *entry, key string) (*entry, error) {
	root, err := n.rootPage(ctx, folder)
	if err != nil {
		return nil, err
	}
	p, err := n.removePage(ctx, root, key)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return folder.holding(target{}, &page{}), nil
	case p.level > 0 && len(p.children) == 1:
		return folder.holding(p.children[0].at, p), nil // the tree loses a level
	}
	return folder.holding(fresh(p), p), nil
}

// removePage returns the page without the key's entry, or nil if it would be empty. The result may be too small: the
// caller joins it with a neighbour.
func (n *Nodes) removePage(ctx context.Context, p *page, key string) (*page, error) {
	if p.level == 0 {
		i, found := p.lineFor(key)
		switch {
		case !found:
			return p, nil
		case len(p.lines) == 1:
			return nil, nil
		}
		return leaf(slices.Delete(slices.Clone(p.lines), i, i+1), p.from), nil
	}
	i := p.childFor(key)
	sub, err := n.childPage(ctx, p, i)
	if err != nil {
		return nil, err
	}
	if sub, err = n.removePage(ctx, sub, key); err != nil {
		return nil, err
	}
	switch {
	case sub == nil:
		return inner(p.level, p.with(i, i+1, nil)), nil
	case sub.small() && i+1 < len(p.children):
		right, err := n.childPage(ctx, p, i+1)
		if err != nil {
			return nil, err
		}
		return inner(p.level, p.with(i, i+2, join(sub, right))), nil
	case sub.small() && i > 0:
		left, err := n.childPage(ctx, p, i-1)
		if err != nil {
			return nil, err
		}
		return inner(p.level, p.with(i-1, i+1, join(left, sub))), nil
	}
	return inner(p.level, p.with(i, i+1, []*page{sub})), nil
}

// with returns the page's children with pages in place of those from from up to to.
func (p *page) with(from, to int, pages []*page) []child {
	children := make([]child, 0, len(p.children)+len(pages))
	children = append(children, p.children[:from]...)
	for _, sub := range pages {
		children = append(children, sub.below())
	}
	return append(children, p.children[to:]...)
}

// small reports whether a page should be joined with a neighbour.
func (p *page) small() bool {
	return p.size < object.PageTarget/4 || p.level > 0 && len(p.children) < 2
}

// join returns one page made of two neighbours, or two of similar size if they do not fit into one.
func join(a, b *page) []*page {
	if a.level == 0 {
		return cutLeaf(slices.Concat(a.lines, b.decoded()), a.from, false)
	}
	return cutInner(a.level, slices.Concat(a.children, b.children), false)
}

// holding returns the folder with another root page.
func (e *entry) holding(root target, p *page) *entry {
	c := *e
	c.root, c.o.Count, c.o.Size = root, p.count, p.bytes
	return &c
}
