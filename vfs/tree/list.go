package tree

import (
	"context"
	"iter"
	"slices"
	"sync"
)

const (
	// readAhead is the number of pages that a longer listing loads ahead of its reader: half a megabyte, which fills a
	// line of 50 ms with 10 MiB a second, and is little waste when the reader stops.
	readAhead = 64
	// firstAhead is the number at the beginning of a listing. It doubles with each page.
	firstAhead = 4
)

// List yields the entries of a folder by sort key. It holds a few pages at a time, however large the folder. Errors:
// those of Lookup, and vfs.ErrNotFolder on a file; after an error it yields nothing more.
func (t Tree) List(ctx context.Context, path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		folder, err := t.lookup(ctx, path)
		if err == nil {
			err = folder.enter()
		}
		var root *page
		if err == nil {
			root, err = t.nodes.rootPage(ctx, folder)
		}
		if err == nil && root != nil {
			_, err = t.nodes.list(ctx, root, yield)
		}
		if err != nil {
			yield(Entry{}, fail("list", path, err))
		}
	}
}

// list yields the entries below a page and reports whether to continue.
func (n *Nodes) list(ctx context.Context, p *page, yield func(Entry, error) bool) (bool, error) {
	for leaf, err := range n.leaves(ctx, p) {
		if err != nil {
			return false, err
		}
		for i := range leaf.lines {
			if !yield(Entry{leaf.entry(i)}, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// leaves yields the leaves below a page in order, or the page itself if it is one.
func (n *Nodes) leaves(ctx context.Context, p *page) iter.Seq2[*page, error] {
	return func(yield func(*page, error) bool) {
		if p.level == 0 {
			yield(p, nil)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		l := &lister{nodes: n, ctx: ctx, queue: below(p), window: firstAhead}
		defer l.loading.Wait()
		defer cancel()
		for len(l.queue) > 0 {
			l.loadAhead()
			leaf, err := l.next()
			if err != nil || leaf != nil && !yield(leaf, nil) {
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// lister walks the pages of a folder in order and loads those in its window, which grows, ahead of its reader. An inner
// page gives way to its children as soon as it is there, so that the window reaches across the ends of inner pages.
type lister struct {
	nodes   *Nodes
	ctx     context.Context
	queue   []slot
	window  int
	loading sync.WaitGroup
}

// slot is the place of a page in a lister's queue.
type slot struct {
	parent *page
	child  int
	coming chan loaded // nil: it is not being loaded
}

type loaded struct {
	page *page
	err  error
}

// below returns the slots of an inner page's children.
func below(p *page) []slot {
	slots := make([]slot, len(p.children))
	for i := range slots {
		slots[i] = slot{parent: p, child: i}
	}
	return slots
}

// loadAhead loads the pages in the window that are not at hand.
func (l *lister) loadAhead() {
	for i := 0; i < min(l.window, len(l.queue)); i++ {
		s := &l.queue[i]
		switch {
		case s.coming == nil && !l.nodes.atHand(s.parent.children[s.child].at):
			l.load(s)
		case s.parent.level > 1 && i > 0: // the first one is next's
			if p := l.arrived(s); p != nil {
				l.queue = slices.Replace(l.queue, i, i+1, below(p)...)
				i--
			}
		}
	}
}

// load begins to load a slot's page.
func (l *lister) load(s *slot) {
	c, parent, child := make(chan loaded, 1), s.parent, s.child
	s.coming = c
	l.loading.Go(func() {
		p, err := l.nodes.childPage(l.ctx, parent, child)
		c <- loaded{p, err}
	})
}

// arrived returns the page of a slot if it is there, else nil.
func (l *lister) arrived(s *slot) *page {
	if s.coming == nil {
		p, _ := l.nodes.childPage(l.ctx, s.parent, s.child) // at hand; an error comes again when it is its turn
		return p
	}
	select {
	case got := <-s.coming:
		if got.err != nil {
			s.coming <- got
		}
		return got.page
	default:
		return nil
	}
}

// next takes the first page from the queue. It returns nil for an inner page, whose children take its place.
func (l *lister) next() (*page, error) {
	s := l.queue[0]
	got := loaded{err: l.ctx.Err()}
	if got.err == nil && s.coming != nil {
		got = <-s.coming
	} else if got.err == nil {
		got.page, got.err = l.nodes.childPage(l.ctx, s.parent, s.child)
	}
	switch {
	case got.err != nil:
		return nil, got.err
	case s.parent.level > 1:
		l.queue = slices.Replace(l.queue, 0, 1, below(got.page)...)
		return nil, nil
	}
	l.queue[0] = slot{}
	l.queue = l.queue[1:]
	l.window = min(2*l.window, readAhead)
	return got.page, nil
}

// atHand reports whether a page is probably available without a call of the source.
func (n *Nodes) atHand(t target) bool {
	p, ref := t.load()
	return p != nil || n.kept.has(ref)
}
