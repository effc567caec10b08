package tree

import (
	"context"
	"slices"

	"postern/vfs/object"
)

// put is the folder with e in it, in place of what had its key.
func (n *Nodes) put(ctx context.Context, folder, e *entry) (*entry, error) {
	root, err := n.rootPage(ctx, folder)
	if err != nil {
		return nil, err
	}
	var pages []*page
	if root == nil {
		pages, err = cutLeaf([]*entry{e}, false)
	} else {
		pages, err = n.putPage(ctx, root, e)
	}
	for err == nil && len(pages) > 1 {
		children := make([]child, len(pages))
		for i, p := range pages {
			children[i] = p.below()
		}
		pages, err = cutInner(pages[0].level+1, children, false)
	}
	if err != nil {
		return nil, err
	}
	return folder.holding(fresh(pages[0]), pages[0]), nil
}

// putPage is the page with e in it, cut in two or more when it became too large.
func (n *Nodes) putPage(ctx context.Context, p *page, e *entry) ([]*page, error) {
	if p.level == 0 {
		i, found := p.entryFor(e.key)
		entries := make([]*entry, 0, len(p.entries)+1)
		entries = append(append(entries, p.entries[:i]...), e)
		if found {
			return cutLeaf(append(entries, p.entries[i+1:]...), false)
		}
		return cutLeaf(append(entries, p.entries[i:]...), i == len(p.entries))
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
	return cutInner(p.level, p.with(i, i+1, pages), i == len(p.children)-1)
}

// remove is the folder without what has the key, which must be there.
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
		return folder.holding(p.children[0].at, p), nil // the tree gets lower
	}
	return folder.holding(fresh(p), p), nil
}

// removePage is the page without the key's entry, nil when nothing is left. The page may be left too small: what is above
// puts that right.
func (n *Nodes) removePage(ctx context.Context, p *page, key string) (*page, error) {
	if p.level == 0 {
		i, found := p.entryFor(key)
		if !found || len(p.entries) == 1 && found {
			if found {
				return nil, nil
			}
			return p, nil
		}
		return leaf(slices.Delete(slices.Clone(p.entries), i, i+1))
	}
	i := p.childFor(key)
	sub, err := n.childPage(ctx, p, i)
	if err != nil {
		return nil, err
	}
	if sub, err = n.removePage(ctx, sub, key); err != nil {
		return nil, err
	}
	from, to, pages := i, i+1, []*page(nil)
	switch {
	case sub == nil:
	case sub.small() && len(p.children) > 1:
		if from, to = i, i+2; to > len(p.children) {
			from, to = i-1, i+1
		}
		beside := from
		if beside == i {
			beside = i + 1
		}
		other, err := n.childPage(ctx, p, beside)
		if err != nil {
			return nil, err
		}
		if beside < i {
			pages, err = join(other, sub)
		} else {
			pages, err = join(sub, other)
		}
		if err != nil {
			return nil, err
		}
	default:
		pages = []*page{sub}
	}
	children := p.with(from, to, pages)
	if len(children) == 0 {
		return nil, nil
	}
	return inner(p.level, children)
}

// with is the page's children with those from from to before to replaced by pages.
func (p *page) with(from, to int, pages []*page) []child {
	children := make([]child, 0, len(p.children)+len(pages))
	children = append(children, p.children[:from]...)
	for _, sub := range pages {
		children = append(children, sub.below())
	}
	return append(children, p.children[to:]...)
}

// small tells whether a page should be joined with one beside it.
func (p *page) small() bool {
	return p.size < object.PageTarget/4 || p.level > 0 && len(p.children) < 2
}

// join makes one page of two neighbours, or two of like size when they don't fit into one.
func join(a, b *page) ([]*page, error) {
	if a.level == 0 {
		return cutLeaf(slices.Concat(a.entries, b.entries), false)
	}
	return cutInner(a.level, slices.Concat(a.children, b.children), false)
}

// holding is the folder with another root page.
func (e *entry) holding(root target, p *page) *entry {
	c := *e
	c.root, c.o.Count, c.o.Size = root, p.count, p.bytes
	return &c
}

// cutLeaf makes as many leaves of the entries as they need. When the last entry is a new one it goes alone: whoever writes in
// order, as most programs do, leaves full pages behind.
func cutLeaf(entries []*entry, appended bool) ([]*page, error) {
	sizes := make([]int, len(entries))
	for i, e := range entries {
		sizes[i] = e.size()
	}
	var pages []*page
	for from, to := range cuts(sizes, 1, appended) {
		p, err := leaf(entries[from:to:to])
		if err != nil {
			return nil, err
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// cutInner makes as many inner pages of the children as they need, each of two children or more.
func cutInner(level uint8, children []child, appended bool) ([]*page, error) {
	sizes := make([]int, len(children))
	for i := range children {
		sizes[i] = children[i].size()
	}
	var pages []*page
	for from, to := range cuts(sizes, 2, appended) {
		p, err := inner(level, children[from:to:to])
		if err != nil {
			return nil, err
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// cuts yields the bounds of the parts that items of these sizes are cut into: parts of at most object.PageTarget, but of at
// least least items.
func cuts(sizes []int, least int, appended bool) func(yield func(from, to int) bool) {
	return func(yield func(from, to int) bool) { cut(sizes, 0, least, appended, yield) }
}

func cut(sizes []int, base, least int, appended bool, yield func(from, to int) bool) bool {
	total := pageHead
	for _, s := range sizes {
		total += s
	}
	if total <= object.PageTarget || len(sizes) < 2*least {
		return yield(base, base+len(sizes))
	}
	at := len(sizes) - least
	if !appended {
		sum := 0
		for at = 0; at < len(sizes) && sum+sizes[at]/2 < total/2; at++ {
			sum += sizes[at]
		}
		at = min(max(at, least), len(sizes)-least)
	}
	return cut(sizes[:at], base, least, false, yield) && cut(sizes[at:], base+at, least, false, yield)
}
