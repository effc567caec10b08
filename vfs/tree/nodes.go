package tree

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Source is where sealed nodes are read from. GetRange fills p with the bytes from off on, or returns one of remote's
// errors. remote.Blobs is a Source; a Source should find staged blobs as well.
type Source interface {
	GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error
}

// DefaultMemory is how many bytes of decoded pages are kept: the pages of some 50,000 entries.
const DefaultMemory = 32 << 20

// Options shape Nodes. The zero value is right for most.
type Options struct {
	Memory int64  // bytes of decoded pages that are kept, about; 0: DefaultMemory
	Pages  *Pages // where decoded pages are kept, shared with other Nodes; nil: one of its own, of Memory
}

// Pages keeps decoded pages for any number of Nodes. A page is found only under the reference that holds its key.
type Pages struct{ kept *kept }

// NewPages makes a store of decoded pages of about so many bytes; 0: DefaultMemory.
func NewPages(memory int64) *Pages {
	if memory <= 0 {
		memory = DefaultMemory
	}
	return &Pages{newKept(memory)}
}

// Forget forgets all decoded pages. They are loaded again when they are needed.
func (p *Pages) Forget() { p.kept.forget() }

// Nodes loads sealed pages and keeps some of them decoded. All trees of a space share one. It may be used by any number
// of goroutines.
type Nodes struct {
	src    Source
	kept   *kept
	sealed sync.Pool // of *[]byte, to read sealed nodes into
}

// NewNodes makes a Nodes that reads from src.
func NewNodes(src Source, o Options) *Nodes {
	if o.Pages == nil {
		o.Pages = NewPages(o.Memory)
	}
	return &Nodes{src: src, kept: o.Pages.kept}
}

// Commit loads a commit and verifies its signature; whether its author may write is for the caller to judge. The hash
// is what a following commit names its parent by. Errors: vfs.ErrUnavailable, vfs.ErrCorrupt.
func (n *Nodes) Commit(ctx context.Context, at object.Ref) (object.Commit, object.CommitHash, error) {
	var c object.Commit
	var hash object.CommitHash
	err := n.open(ctx, at, func(plain []byte) (err error) {
		c, err = object.DecodeCommit(plain, at)
		hash = object.HashCommit(plain)
		return err
	})
	return c, hash, err
}

// Roster loads a roster and verifies that the owner it names has signed it. Errors: vfs.ErrUnavailable, vfs.ErrCorrupt.
func (n *Nodes) Roster(ctx context.Context, at object.Ref) (o object.Roster, err error) {
	err = n.open(ctx, at, func(plain []byte) (err error) {
		o, err = object.DecodeRoster(plain)
		return err
	})
	return o, err
}

// open fetches, opens and reads one node. Errors: those of vfs.Authentic.
func (n *Nodes) open(ctx context.Context, at object.Ref, read func(plain []byte) error) error {
	buffer, _ := n.sealed.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer n.sealed.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], int(at.Len))
	sealed := (*buffer)[:at.Len]
	err := vfs.Authentic(ctx, func(ctx context.Context) error {
		if err := n.src.GetRange(ctx, at.Blob, int64(at.Off), sealed); err != nil {
			return err
		}
		plain, err := crypto.OpenNode(at.Key, sealed)
		if err != nil {
			return err
		}
		return read(plain)
	})
	if err != nil {
		return fmt.Errorf("read node at %d in blob %v: %w", at.Off, at.Blob, err)
	}
	return nil
}

// page returns the page that t leads to.
func (n *Nodes) page(ctx context.Context, t target) (*page, error) {
	p, ref := t.load()
	if p != nil {
		return p, nil
	}
	if p = n.kept.get(ref); p != nil {
		return p, nil
	}
	err := n.open(ctx, ref, func(plain []byte) (err error) {
		p, err = decode(plain, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.kept.add(ref, p)
	return p, nil
}

// rootPage returns the root page of a folder, nil when it is empty, and checks that its sums are those of the folder's
// entry.
func (n *Nodes) rootPage(ctx context.Context, folder *entry) (*page, error) {
	if folder.root.empty() {
		return nil, nil
	}
	p, err := n.page(ctx, folder.root)
	if err == nil && (p.count != folder.o.Count || p.bytes != folder.o.Size) {
		err = fmt.Errorf("%w: a folder holds other than its entry says", vfs.ErrCorrupt)
	}
	return p, err
}

// childPage returns a child of an inner page, and checks that level, first key and sums are those in the page. The
// level falls with each step, so no chain of pages is endless.
func (n *Nodes) childPage(ctx context.Context, p *page, i int) (*page, error) {
	c := &p.children[i]
	sub, err := n.page(ctx, c.at)
	if err == nil && (sub.level != p.level-1 || sub.count != c.count || sub.bytes != c.bytes || sub.first() != c.first) {
		err = fmt.Errorf("%w: a folder page holds other than the page above says", vfs.ErrCorrupt)
	}
	return sub, err
}
