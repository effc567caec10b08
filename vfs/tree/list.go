package tree

import (
	"context"
	"iter"
	"sync"

	"postern/vfs"
	"postern/vfs/object"
)

// readAhead is the number of leaves that a longer listing loads ahead of its reader: enough to fill a line of 50 ms
// with pages of 8 KiB for 50,000 entries a second, few enough to waste little when it stops.
const readAhead = 8

// List yields the entries of a folder by sort key. It holds a few pages at a time, however large the folder. Errors:
// those of Lookup, and vfs.ErrNotFolder on a file; after an error it yields nothing more.
func (t Tree) List(ctx context.Context, path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		folder, err := t.lookup(ctx, path)
		if err == nil && folder.o.Kind != object.Folder {
			err = vfs.ErrNotFolder
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
	for i := range p.lines {
		if !yield(Entry{p.entry(i)}, nil) {
			return false, nil
		}
	}
	for sub, err := range n.childPages(ctx, p) {
		if err != nil {
			return false, err
		}
		if on, err := n.list(ctx, sub, yield); !on || err != nil {
			return false, err
		}
	}
	return true, nil
}

// childPages yields the children of an inner page in order, and loads more and more of them ahead.
func (n *Nodes) childPages(ctx context.Context, p *page) iter.Seq2[*page, error] {
	most := readAhead
	if p.level > 1 {
		most = 1 // that page alone has many pages below it
	}
	return func(yield func(*page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var loading sync.WaitGroup
		defer loading.Wait()
		defer cancel()
		ahead := make([]chan loaded, len(p.children)) // nil: not being loaded
		for i, next := 0, 0; i < len(p.children); i++ {
			for next = max(next, i+1); next < len(p.children) && next <= i+min(i, most); next++ {
				if n.atHand(p.children[next].at) {
					continue
				}
				c, child := make(chan loaded, 1), next
				ahead[child] = c
				loading.Go(func() {
					sub, err := n.childPage(ctx, p, child)
					c <- loaded{sub, err}
				})
			}
			var got loaded
			if got.err = ctx.Err(); got.err == nil && ahead[i] != nil {
				got = <-ahead[i]
			} else if got.err == nil {
				got.page, got.err = n.childPage(ctx, p, i)
			}
			if !yield(got.page, got.err) || got.err != nil {
				return
			}
		}
	}
}

type loaded struct {
	page *page
	err  error
}

// atHand reports whether a page is probably available without a call of the source.
func (n *Nodes) atHand(t target) bool {
	p, ref := t.load()
	return p != nil || n.kept.has(ref)
}
