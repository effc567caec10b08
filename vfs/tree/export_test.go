package tree

import (
	"context"
	"fmt"
	"strings"

	"postern/crypto"
	"postern/vfs/object"
)

// Inspect checks that every page of a tree has the order, levels, sums and sizes that FORMAT.md and the editing
// promise.
func Inspect(ctx context.Context, t Tree) error { return t.nodes.inspectFolder(ctx, t.root) }

func (n *Nodes) inspectFolder(ctx context.Context, folder *entry) error {
	root, err := n.rootPage(ctx, folder)
	if err != nil || root == nil {
		return err
	}
	last := ""
	return n.inspect(ctx, root, &last)
}

func (n *Nodes) inspect(ctx context.Context, p *page, last *string) error {
	least := 1
	if p.level > 0 {
		least = 2
	}
	items := len(p.lines) + len(p.children)
	if items < least || p.size > object.PageTarget && items >= 2*least {
		return fmt.Errorf("a page of level %d has %d items and %d bytes", p.level, items, p.size)
	}
	if encoded := len(object.AppendPage(nil, p.object(), crypto.BlobName{})); encoded > p.size {
		return fmt.Errorf("a page has an estimate of %d bytes, but takes %d", p.size, encoded)
	}
	for i := range p.lines {
		e := p.entry(i)
		if e.key != object.SortKey(e.o.Name) || e.key <= *last {
			return fmt.Errorf("%q after %q", e.key, *last)
		}
		*last = e.key
		if err := e.o.Check(); err != nil && e.content == nil {
			return err
		}
		if e.o.Kind == object.Folder {
			if err := n.inspectFolder(ctx, e); err != nil {
				return err
			}
		}
	}
	for i := range p.children {
		if p.children[i].first <= *last {
			return fmt.Errorf("a page from %q on after %q", p.children[i].first, *last)
		}
		sub, err := n.childPage(ctx, p, i)
		if err != nil {
			return err
		}
		if err := n.inspect(ctx, sub, last); err != nil {
			return err
		}
	}
	return nil
}

// object returns the page as if all its children lay in other blobs, which makes the longest encoding.
func (p *page) object() *object.Page {
	far := object.Ref{Blob: crypto.BlobName{1}, Off: crypto.MaxBlobSize, Len: object.MaxNode}
	o := &object.Page{Level: p.level}
	for i := range p.lines {
		e := p.entry(i)
		c := e.o
		if c.Kind == object.Folder {
			c.Root = far
		}
		if e.content != nil {
			c.Content, _ = e.content.Load()
			c.Content.Chunks = []object.Chunk{{Blob: far.Blob, Off: far.Off}}
		}
		o.Entries = append(o.Entries, c)
	}
	for _, c := range p.children {
		o.Children = append(o.Children, object.Child{First: c.first, Count: c.count, Size: c.bytes, Page: far})
	}
	return o
}

// Shape returns how a tree is cut into pages.
func Shape(ctx context.Context, t Tree) (string, error) {
	var b strings.Builder
	err := t.nodes.shape(ctx, t.root, &b)
	return b.String(), err
}

func (n *Nodes) shape(ctx context.Context, folder *entry, b *strings.Builder) error {
	root, err := n.rootPage(ctx, folder)
	if err != nil || root == nil {
		return err
	}
	return n.shapePage(ctx, root, b)
}

func (n *Nodes) shapePage(ctx context.Context, p *page, b *strings.Builder) error {
	fmt.Fprintf(b, "(%d:", p.level)
	for i := range p.lines {
		e := p.entry(i)
		fmt.Fprintf(b, "%q", e.key)
		if e.o.Kind == object.Folder {
			if err := n.shape(ctx, e, b); err != nil {
				return err
			}
		}
	}
	for i := range p.children {
		sub, err := n.childPage(ctx, p, i)
		if err != nil {
			return err
		}
		if err := n.shapePage(ctx, sub, b); err != nil {
			return err
		}
	}
	b.WriteByte(')')
	return nil
}

// Pages returns how many pages a Nodes keeps, and their estimated bytes.
func (n *Nodes) Pages() (int, int64) {
	n.kept.mu.Lock()
	defer n.kept.mu.Unlock()
	return n.kept.pages.Len(), n.kept.used
}

// SavedAt is savedAt.
var SavedAt = savedAt
