package tree

import "context"

// differ walks two folders side by side, by sort key, and finds their differences. It skips pages common to both sides
// without loading them, so that the work is in proportion to the differences; it holds one page of each level of either
// folder.
type differ struct {
	nodes *Nodes
	from  [2]*entry
	at    [2]cursor
	begun bool
	done  bool

	key  string    // of the last difference
	pair [2]*entry // its entry on either side, or nil
}

// differ returns the walk of two folders. A nil folder counts as empty.
func (n *Nodes) differ(a, b *entry) *differ {
	return &differ{nodes: n, from: [2]*entry{a, b}, done: sameTarget(rootOf(a), rootOf(b))}
}

func rootOf(folder *entry) target {
	if folder == nil {
		return target{}
	}
	return folder.root
}

// next advances to the next difference and reports whether there is one.
func (d *differ) next(ctx context.Context) (bool, error) {
	for !d.done {
		if found, err := d.step(ctx); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// step advances by a bounded amount: past one name, or down to one page on either side. It reports whether it found a
// difference.
func (d *differ) step(ctx context.Context) (found bool, err error) {
	if d.done {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !d.begun {
		return false, d.begin(ctx)
	}
	a, b := d.at[0].head(), d.at[1].head()
	switch {
	case a.none() && b.none():
		d.done = true
		return false, nil
	case b.none() || !a.none() && a.key < b.key:
		return d.alone(ctx, 0, a)
	case a.none() || b.key < a.key:
		return d.alone(ctx, 1, b)
	case a.level > b.level:
		return false, d.down(ctx, 0)
	case b.level > a.level:
		return false, d.down(ctx, 1)
	case a.level > 0 && !sameTarget(a.at, b.at):
		if err := d.down(ctx, 0); err != nil {
			return false, err
		}
		return false, d.down(ctx, 1)
	}
	d.at[0].skip()
	d.at[1].skip()
	if a.level > 0 || same(a.entry, b.entry) {
		return false, nil
	}
	d.key, d.pair = a.key, [2]*entry{a.entry, b.entry}
	return true, nil
}

func (d *differ) begin(ctx context.Context) error {
	for i, folder := range d.from {
		if folder == nil {
			continue
		}
		root, err := d.nodes.rootPage(ctx, folder)
		if err != nil {
			return err
		}
		if root != nil {
			d.at[i].push(root)
		}
	}
	d.begun = true
	return nil
}

// alone advances on the side whose next name seems to be missing on the other.
func (d *differ) alone(ctx context.Context, side int, h head) (found bool, err error) {
	if h.level > 0 {
		return false, d.down(ctx, side)
	}
	d.at[side].skip()
	d.key, d.pair = h.key, [2]*entry{}
	d.pair[side] = h.entry
	return true, nil
}

// down opens the page at which a side has arrived.
func (d *differ) down(ctx context.Context, side int) error {
	c := &d.at[side]
	top := c.pages[len(c.pages)-1]
	sub, err := d.nodes.childPage(ctx, top.page, top.next)
	if err != nil {
		return err
	}
	c.skip()
	c.push(sub)
	return nil
}

// cursor is a place in a folder: the way down from its root page.
type cursor struct{ pages []pagePlace }

type pagePlace struct {
	page *page
	next int // the next entry or child
}

// head is the next item at a cursor: an entry, at level 0, or everything below an unopened page.
type head struct {
	key   string // its sort key, or the lowest below
	level uint8  // one more than that of the page
	entry *entry
	at    target
}

// none reports whether the folder has ended: no name has an empty key.
func (h head) none() bool { return h.key == "" }

func (c *cursor) head() head {
	if len(c.pages) == 0 {
		return head{}
	}
	top := c.pages[len(c.pages)-1]
	if top.page.level == 0 {
		e := top.page.entry(top.next)
		return head{key: e.key, entry: e}
	}
	below := &top.page.children[top.next]
	return head{key: below.first, level: top.page.level, at: below.at}
}

func (c *cursor) push(p *page) { c.pages = append(c.pages, pagePlace{page: p}) }

// skip skips the next item, and leaves the pages that end with it.
func (c *cursor) skip() {
	c.pages[len(c.pages)-1].next++
	for n := len(c.pages); n > 0; n = len(c.pages) {
		if top := c.pages[n-1]; top.next < len(top.page.lines)+len(top.page.children) {
			return
		}
		c.pages = c.pages[:n-1]
	}
}

// sameTarget reports whether both refer to the same page. If false, the pages may still be equal.
func sameTarget(a, b target) bool {
	if a.link != nil && a.link == b.link {
		return true
	}
	pageA, refA := a.load()
	pageB, refB := b.load()
	return pageA == pageB && refA == refB
}
