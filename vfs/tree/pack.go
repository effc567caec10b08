package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Pieces returns the sealed chunks of small files in the journal, by their names.
type Pieces interface {
	Piece(ctx context.Context, name crypto.BlobName) ([]byte, error)
}

// Packing has the parameters of Pack. All fields are required.
type Packing struct {
	Pieces Pieces
	// Emit stores a blob, which it owns from then on, and returns its name (crypto.NameOf).
	Emit func(ctx context.Context, blob []byte) (crypto.BlobName, error)
	// Commit returns the plain encoding of the signed commit. If root is in the commit's own blob, its blob name is zero;
	// front is the hash of everything before the commit there, for object.Commit.Front.
	Commit func(root object.Entry, front crypto.BlobName) ([]byte, error)
	Rand   io.Reader
}

// Packed is the result of Pack: the sealed form of everything that a tree had in memory only.
type Packed struct {
	Commit object.Ref        // refers to the commit
	Hash   object.CommitHash // of the commit, for its child
	Root   object.Entry      // the root in the commit, with the name of its blob
	Blobs  []crypto.BlobName // in the order of Emit: none refers to a later one
	Pages  int
	Pieces int

	settle func()
}

// Settle gives all trees the new places of their pages and pieces. Call it once the blobs are durable at the remote, or
// at least readable by the trees' Source. The trees keep their meaning, and readers do not wait.
func (p *Packed) Settle() {
	if p.settle != nil {
		p.settle()
		p.settle = nil // releases the pages
	}
}

// Pack seals everything that is in memory only: the pieces first, then the pages from the leaves up, then the commit,
// in as few blobs as possible, each padded. It neither reads nor visits what was sealed before. Each attempt seals
// every page and every piece under fresh keys, so that the packs of two attempts share no ciphertext. The tree can be
// read and changed meanwhile; a second Pack must wait until the first has settled or was abandoned.
func Pack(ctx context.Context, t Tree, o Packing) (*Packed, error) {
	k := packer{ctx: ctx, o: o, places: map[*link]spot{}, pieces: map[*Content]placed{}}
	k.collect(t.root.root)
	for _, c := range k.pending {
		if err := k.addPiece(c); err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
	}
	for _, l := range k.order {
		if err := k.addPage(l); err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
	}
	packed, err := k.finish(t)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	packed.settle = func() { k.settle(t.nodes) }
	return packed, nil
}

// spot is a place in the pack. blob is the number of the blob within the pack.
type spot struct {
	blob     int
	off, len int
	key      crypto.NodeKey
}

// placed is the new place of a sealed chunk, and its new keys.
type placed struct {
	spot
	keys object.Chunk
}

type dirtyPage struct {
	link *link
	page *page
}

type packer struct {
	ctx context.Context
	o   Packing

	order   []dirtyPage // pages after those below them
	pending []*Content
	places  map[*link]spot
	pieces  map[*Content]placed

	blob  []byte // being filled
	names []crypto.BlobName
	plain []byte // scratch
}

// collect finds the pages below t that are in memory only, each once: a page that was copied by reference has one
// place. A sealed page never refers to an unsealed one, so the search ends there. It keeps a stack of its own, since
// folders can be nested without bound.
func (k *packer) collect(t target) {
	stack := k.enter(nil, t)
	for len(stack) > 0 {
		last := len(stack) - 1
		d := stack[last]
		if d.below { // everything below it has been collected
			stack = stack[:last]
			k.order = append(k.order, d.dirtyPage)
			continue
		}
		if _, seen := k.places[d.link]; seen { // since it was pushed, below another page
			stack = stack[:last]
			continue
		}
		k.places[d.link] = spot{}
		stack[last].below = true
		begin := len(stack)
		for i := range d.page.lines {
			e := d.page.lines[i].entry
			if e == nil { // the entry is still encoded, so everything below it is sealed
				continue
			}
			stack = k.enter(stack, e.root)
			k.await(e.content)
		}
		for i := range d.page.children {
			stack = k.enter(stack, d.page.children[i].at)
		}
		slices.Reverse(stack[begin:]) // the first comes first
	}
}

// collected is a page on the stack of collect.
type collected struct {
	dirtyPage
	below bool // everything below it is on the stack, or was
}

// enter pushes the page of t, unless it is sealed or was collected.
func (k *packer) enter(stack []collected, t target) []collected {
	if t.link == nil {
		return stack
	}
	p, _ := t.load()
	if _, seen := k.places[t.link]; seen || p == nil {
		return stack
	}
	return append(stack, collected{dirtyPage: dirtyPage{t.link, p}})
}

// await records a file whose piece is in the journal.
func (k *packer) await(c *Content) {
	if c == nil {
		return
	}
	if _, seen := k.pieces[c]; !seen && !c.state.Load().piece.IsZero() {
		k.pieces[c] = placed{}
		k.pending = append(k.pending, c)
	}
}

func (k *packer) addPiece(c *Content) error {
	o, name := c.Load()
	sealed, err := k.o.Pieces.Piece(k.ctx, name)
	if err != nil {
		return err
	}
	if len(sealed) == 0 || len(sealed) > crypto.MaxBlobSize || crypto.NameOf(sealed) != name {
		return fmt.Errorf("%w: piece %v is not what was written to the journal", vfs.ErrCorrupt, name)
	}
	at, err := k.addChunk(o.Chunks[0], sealed)
	if err != nil {
		return fmt.Errorf("piece %v: %w", name, err)
	}
	k.pieces[c] = at
	return nil
}

// addChunk reseals a chunk into the current blob. The error is vfs.ErrCorrupt if the chunk does not open.
func (k *packer) addChunk(c object.Chunk, sealed []byte) (placed, error) {
	if err := k.room(len(sealed)); err != nil {
		return placed{}, err
	}
	at := placed{spot: spot{blob: len(k.names), off: len(k.blob), len: len(sealed)}}
	blob, keys, err := reseal(k.blob, c, sealed, k.o.Rand)
	if errors.Is(err, crypto.ErrOpen) || errors.Is(err, crypto.ErrFormat) {
		err = fmt.Errorf("%w: %w", vfs.ErrCorrupt, err)
	}
	if err != nil {
		return placed{}, err
	}
	k.blob, at.keys = blob, keys
	return at, nil
}

func (k *packer) addPage(d dirtyPage) error {
	if err := k.room(d.page.size + crypto.NodeOverhead); err != nil {
		return err
	}
	o := object.Page{Level: d.page.level}
	for i := range d.page.lines {
		o.Entries = append(o.Entries, k.entry(d.page.entry(i)))
	}
	for _, c := range d.page.children {
		o.Children = append(o.Children, object.Child{First: c.first, Count: c.count, Size: c.bytes, Page: k.ref(c.at)})
	}
	k.plain = object.AppendPage(k.plain[:0], &o, crypto.BlobName{})
	at, err := k.seal(k.plain)
	if err != nil {
		return err
	}
	k.places[d.link] = at
	return nil
}

// seal appends a node to the current blob.
func (k *packer) seal(plain []byte) (spot, error) {
	if len(plain) > object.MaxNode || len(k.blob)+len(plain)+crypto.NodeOverhead > crypto.MaxBlobSize {
		return spot{}, fmt.Errorf("%w: a node of %d bytes", vfs.ErrTooLarge, len(plain))
	}
	key, err := crypto.Random[crypto.NodeKey](k.o.Rand)
	if err != nil {
		return spot{}, err
	}
	at := spot{blob: len(k.names), off: len(k.blob), len: len(plain) + crypto.NodeOverhead, key: key}
	k.blob = slices.Grow(k.blob, at.len) // sealing would grow it by only that, and copy it each time
	k.blob = crypto.SealNode(k.blob, key, plain)
	return at, nil
}

// entry returns an entry as it is to be encoded.
func (k *packer) entry(e *entry) object.Entry {
	o := e.o
	if o.Kind == object.Folder {
		o.Root = k.ref(e.root)
	}
	if e.content != nil {
		o.Content = k.content(e.content)
	}
	return o
}

// ref returns the reference to a page, with a zero blob name if the page is in the current blob.
func (k *packer) ref(t target) object.Ref {
	if t.link != nil {
		if at, ok := k.places[t.link]; ok {
			return k.refTo(at)
		}
	}
	return t.sealed()
}

func (k *packer) refTo(at spot) object.Ref {
	return object.Ref{Blob: k.blobName(at), Off: uint32(at.off), Len: uint32(at.len), Key: at.key}
}

func (k *packer) content(c *Content) object.Content {
	o, _ := c.Load()
	if at, ok := k.pieces[c]; ok {
		chunk := at.keys
		chunk.Blob, chunk.Off = k.blobName(at.spot), uint32(at.off)
		o.Chunks = []object.Chunk{chunk}
	}
	return o
}

func (k *packer) blobName(at spot) crypto.BlobName {
	if at.blob == len(k.names) {
		return crypto.BlobName{}
	}
	return k.names[at.blob]
}

// room ensures that n bytes fit into the current blob: else it emits the blob and begins the next.
func (k *packer) room(n int) error {
	if len(k.blob)+n <= crypto.MaxBlobSize {
		return nil
	}
	return k.flush()
}

func (k *packer) flush() error {
	if err := k.ctx.Err(); err != nil {
		return err
	}
	padded, err := crypto.Pad(k.blob, k.o.Rand)
	if err != nil {
		return err
	}
	name, err := k.o.Emit(k.ctx, padded)
	if err != nil {
		return err
	}
	k.names, k.blob = append(k.names, name), nil
	return nil
}

// finish adds the commit, in the blob of the root page if that has room for the largest possible commit.
func (k *packer) finish(t Tree) (*Packed, error) {
	if err := k.room(object.MaxNode + crypto.NodeOverhead); err != nil {
		return nil, err
	}
	plain, err := k.o.Commit(k.entry(t.root), crypto.NameOf(k.blob))
	if err != nil {
		return nil, err
	}
	// An unreadable commit would destroy the space, so this is checked now.
	if _, err := object.DecodeCommit(plain, object.Ref{}); err != nil {
		return nil, err
	}
	at, err := k.seal(plain)
	if err != nil {
		return nil, err
	}
	if err := k.flush(); err != nil {
		return nil, err
	}
	return &Packed{
		Commit: k.refTo(at),
		Hash:   object.HashCommit(plain),
		Root:   k.entry(t.root),
		Blobs:  k.names,
		Pages:  len(k.order),
		Pieces: len(k.pending),
	}, nil
}

// settle gives pieces and pages their places. The pages stay in memory for a while, as the most recently used ones.
func (k *packer) settle(nodes *Nodes) {
	for _, c := range k.pending {
		c.state.Store(&contentState{content: k.content(c)})
	}
	for _, d := range k.order {
		ref := k.refTo(k.places[d.link])
		d.link.state.Store(&linkState{ref: ref})
		nodes.kept.add(ref, d.page)
	}
}
