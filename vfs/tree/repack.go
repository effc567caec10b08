package tree

import (
	"context"
	"fmt"
	"io"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// RepackOptions are the parameters of a Repacking. All fields but Leads are required.
type RepackOptions struct {
	// Source reads the blobs that are to be emptied.
	Source Source
	// Moves reports whether a blob is to be emptied.
	Moves func(crypto.BlobName) bool
	// Leads reports whether a page is in such a blob, or has a page or chunk in one at any depth below; nil: all may. A
	// false positive only costs time.
	Leads func(object.Ref) bool
	// Emit stores a blob, which it owns from then on, and returns its name.
	Emit func(ctx context.Context, blob []byte) (crypto.BlobName, error)
	Rand io.Reader
}

// Repacking moves the contents of some blobs to new blobs: pages, the chunks of small files, and all pages above either
// are sealed again under fresh keys, so that no blob reveals what it shares with another. Files, folders and states of
// the history share afterwards what they shared before, over all trees moved by one Repacking. It is not safe for
// concurrent use.
//
// Index nodes, and the chunks of files of several chunks, stay where they are.
type Repacking struct {
	o     RepackOptions
	nodes *Nodes
	pages map[mark]target
	links map[*link]target
	files map[mark]*Content
	k     packer

	sealed []dirtyPage // in a blob without a name yet
	chunks []*Content  // likewise
	moved  int64
}

// NewRepacking returns a Repacking. Nothing is read before Move.
func NewRepacking(o RepackOptions) *Repacking {
	return &Repacking{
		o:     o,
		nodes: NewNodes(o.Source, Options{Memory: 1}),
		pages: map[mark]target{}, links: map[*link]target{}, files: map[mark]*Content{},
		k: packer{o: Packing{Emit: o.Emit, Rand: o.Rand}, places: map[*link]spot{}, pieces: map[*Content]placed{}},
	}
}

// Moved returns the number of bytes sealed so far.
func (r *Repacking) Moved() int64 { return r.moved }

// Move returns a tree that is equivalent to t and refers to no blob that is to be emptied. Unsealed parts of t stay in
// memory. When it returns, everything moved has been emitted. Errors: vfs.ErrUnavailable, vfs.ErrCorrupt, those of
// Emit; after an error the Repacking must not be used.
func (r *Repacking) Move(ctx context.Context, t Tree) (Tree, error) {
	r.k.ctx = ctx
	root, err := r.target(ctx, t.root.root)
	if err == nil && len(r.k.blob) > 0 {
		err = r.k.flush()
	}
	if err != nil {
		return Tree{}, fmt.Errorf("repack: %w", err)
	}
	r.settle()
	if root == t.root.root {
		return t, nil
	}
	e := *t.root
	e.root = root
	return Tree{t.nodes, &e, t.mounts}, nil
}

// target moves a page with everything below it. It keeps a stack of its own, since folders can be nested without bound.
func (r *Repacking) target(ctx context.Context, t target) (target, error) {
	type job struct {
		at   target
		page *page // loaded; everything below it is on the stack, or was
	}
	for stack := []job{{at: t}}; len(stack) > 0; {
		last := len(stack) - 1
		j := stack[last]
		if _, done := r.known(j.at); done {
			stack = stack[:last]
			continue
		}
		if j.page != nil {
			stack = stack[:last]
			if err := r.page(ctx, j.at, j.page); err != nil {
				return t, err
			}
			continue
		}
		p, err := r.nodes.peek(ctx, j.at)
		if err != nil {
			return t, err
		}
		stack[last].page = p
		below := p.targets()
		for i := range below { // the first comes first
			if at := below[len(below)-1-i]; !at.empty() {
				stack = append(stack, job{at: at})
			}
		}
	}
	moved, _ := r.known(t)
	return moved, nil
}

// targets returns the pages that a page refers to: the root pages of the folders in it, and its children.
func (p *page) targets() []target {
	var found []target
	for i := range p.lines {
		if p.lines[i].count == 1 {
			continue // a file, or a folder without pages
		}
		if e := p.entry(i); e.o.Kind == object.Folder {
			found = append(found, e.root)
		}
	}
	for i := range p.children {
		found = append(found, p.children[i].at)
	}
	return found
}

// known returns the new place of a page, or its unchanged place; false if it was not visited yet.
func (r *Repacking) known(t target) (target, bool) {
	p, ref := t.load()
	if t.empty() {
		return t, true
	}
	if p != nil {
		moved, ok := r.links[t.link]
		return moved, ok
	}
	if r.o.Leads != nil && !r.o.Moves(ref.Blob) && !r.o.Leads(ref) {
		return t, true
	}
	moved, ok := r.pages[refMark(ref)]
	return moved, ok
}

// page moves one page after everything below it.
func (r *Repacking) page(ctx context.Context, t target, p *page) error {
	dirty, ref := t.load()
	next, err := r.below(ctx, p)
	if err != nil {
		return err
	}
	if dirty != nil {
		r.links[t.link] = t
		if next != nil {
			r.links[t.link] = fresh(next)
		}
		return nil
	}
	moved := t
	if next == nil && r.o.Moves(ref.Blob) {
		next = p
	}
	if next != nil {
		moved = fresh(next)
		if err := r.seal(dirtyPage{moved.link, next}); err != nil {
			return err
		}
	}
	r.pages[refMark(ref)] = moved
	return nil
}

// below returns the page with the new places of everything below it; nil if nothing was moved.
func (r *Repacking) below(ctx context.Context, p *page) (*page, error) {
	var lines []line
	for i := range p.lines {
		e := p.entry(i)
		moved, err := r.entry(ctx, e)
		if err != nil {
			return nil, err
		}
		if moved != e && lines == nil {
			lines = slices.Clone(p.lines)
		}
		if moved != e {
			lines[i] = lineOf(moved)
		}
	}
	if lines != nil {
		return leaf(lines, p.from), nil
	}
	var children []child
	for i, c := range p.children {
		at, _ := r.known(c.at)
		if at != c.at && children == nil {
			children = slices.Clone(p.children)
		}
		if at != c.at {
			children[i].at = at
		}
	}
	if children != nil {
		return inner(p.level, children), nil
	}
	return nil, nil
}

func (r *Repacking) entry(ctx context.Context, e *entry) (*entry, error) {
	moved := *e
	if e.o.Kind == object.Folder {
		if moved.root, _ = r.known(e.root); moved.root == e.root {
			return e, nil
		}
		return &moved, nil
	}
	c, piece := e.o.Content, crypto.BlobName{}
	if e.content != nil {
		c, piece = e.content.Load()
	}
	if !piece.IsZero() || len(c.Chunks) != 1 || !r.o.Moves(c.Chunks[0].Blob) {
		return e, nil
	}
	var err error
	if moved.content, err = r.chunk(ctx, c.Chunks[0], int(e.o.Size)); err != nil {
		return e, err
	}
	moved.o.Content = object.Content{}
	return &moved, nil
}

// chunk reseals a chunk, once.
func (r *Repacking) chunk(ctx context.Context, c object.Chunk, size int) (*Content, error) {
	key := chunkMark(c)
	if moved, ok := r.files[key]; ok {
		return moved, nil
	}
	sealed, err := ReadChunk(ctx, r.o.Source, c, 0, size)
	if err != nil {
		return nil, err
	}
	if err := r.k.room(len(sealed)); err != nil {
		return nil, err
	}
	r.emitted()
	at, err := r.k.addChunk(c, sealed)
	if err != nil {
		return nil, err
	}
	moved := newContent(object.Content{Chunks: []object.Chunk{at.keys}}, crypto.BlobName{})
	r.k.pieces[moved] = at
	r.files[key] = moved
	r.chunks = append(r.chunks, moved)
	r.moved += int64(len(sealed))
	return moved, nil
}

// seal appends a page to the current blob.
func (r *Repacking) seal(d dirtyPage) error {
	if err := r.k.room(d.page.size + crypto.NodeOverhead); err != nil {
		return err
	}
	r.emitted()
	if err := r.k.addPage(d); err != nil {
		return err
	}
	r.sealed = append(r.sealed, d)
	r.moved += int64(r.k.places[d.link].len)
	return nil
}

// emitted gives the pages and chunks of the emitted blob their places.
func (r *Repacking) emitted() {
	if len(r.k.blob) == 0 {
		r.settle()
	}
}

func (r *Repacking) settle() {
	for _, c := range r.chunks {
		c.state.Store(&contentState{content: r.k.content(c)})
		delete(r.k.pieces, c)
	}
	for _, d := range r.sealed {
		d.link.state.Store(&linkState{ref: r.k.refTo(r.k.places[d.link])})
		delete(r.k.places, d.link)
	}
	r.chunks, r.sealed = nil, nil
}

// ReadChunk reads a sealed chunk of plain bytes and returns it still sealed, if all of it opens as the chunk of that
// number of a file. Errors: those of vfs.Authentic.
func ReadChunk(ctx context.Context, src Source, c object.Chunk, number uint64, plain int) ([]byte, error) {
	sealed := make([]byte, crypto.SealedChunkSize(plain))
	err := vfs.Authentic(ctx, func(ctx context.Context) error {
		if err := src.GetRange(ctx, c.Blob, int64(c.Off), sealed); err != nil {
			return err
		}
		return openChunk(c, number, plain, sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("read chunk at %d in blob %v: %w", c.Off, c.Blob, err)
	}
	return sealed, nil
}

func openChunk(c object.Chunk, number uint64, plain int, sealed []byte) error {
	meta, err := crypto.OpenChunkMeta(c.Meta, sealed[:crypto.ChunkMetaSize])
	if err != nil {
		return err
	}
	if meta.Number != number || int(meta.Size) != plain {
		return fmt.Errorf("%w: chunk %d of %d bytes where %d of %d belongs", crypto.ErrFormat, meta.Number, meta.Size, number,
			plain)
	}
	segments := crypto.NewSegments(c.Bytes)
	buf := make([]byte, 0, crypto.SegmentSize)
	for i := range crypto.SegmentCount(plain) {
		off, n, last := crypto.SealedSegmentAt(plain, i)
		if _, err := segments.Open(buf, uint32(i), last, sealed[off:off+n]); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
	}
	return nil
}
