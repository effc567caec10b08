package tree

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// VisitKind is the kind of a visit.
type VisitKind uint8

// The kinds of visits. Pieces in the journal are not visited.
const (
	VisitPage  VisitKind = iota + 1 // a page of a folder
	VisitIndex                      // a node of a file's index
	VisitChunk                      // a sealed chunk of a file, which the walk does not read
	VisitMount                      // a mount, whose space is not walked
)

// Visit is one step of a walk.
type Visit struct {
	Kind   VisitKind
	ID     uint32 // number of the visited node or chunk, from 1 on
	Parent uint32 // the page or index node that refers to it; 0: the root of a tree
	Again  bool   // already visited by another way; nothing below is visited again
	Err    error  // it could not be loaded or is wrong: nothing below is visited

	Ref    object.Ref   // of a page or an index node; zero for a page in memory only
	Chunk  object.Chunk // of a chunk
	Sealed int          // bytes from Ref's or Chunk's place on

	Entry  Entry  // the folder that the page belongs to, or the file or mount
	First  string // of a page: its lowest sort key, "" for a folder's root page
	Until  string // of a page: the sort key before which it ends, "" for a folder's last page
	Root   bool   // of a page: it is the folder's root page
	Level  uint8  // of a page that is not a root page, and of an index node, whose items are one level below
	Count  int64  // of a page: entries below, according to its parent
	Bytes  int64  // of a page likewise; of an index node or a chunk: its bytes of the file
	Offset int64  // of an index node or a chunk: its offset in the file
	folder string
	name   string
}

// Path returns the path by which the walk arrived: of a page the folder, else the file. There may be other paths.
func (v Visit) Path() string { return join2(v.folder, v.name) }

// Place returns its blob and offset; false for a page in memory only.
func (v Visit) Place() (blob crypto.BlobName, off uint32, ok bool) {
	if v.Kind == VisitChunk {
		return v.Chunk.Blob, v.Chunk.Off, true
	}
	return v.Ref.Blob, v.Ref.Off, v.Ref != object.Ref{}
}

// maxPath bounds the paths of a walk, in bytes: deeper folders have the path of the last one that fits, followed by
// elided. Without a bound the paths of a deep tree would take memory by the square of its depth.
const (
	maxPath = 64 << 10
	elided  = "/…"
)

func join2(folder, name string) string {
	switch {
	case name == "":
		return folder
	case len(folder) > maxPath && strings.HasSuffix(folder, elided):
		return folder
	case len(folder) > maxPath:
		return folder + elided
	case folder == "/":
		return "/" + name
	}
	return folder + "/" + name
}

// DefaultParallel is the number of nodes that a walk loads at once: enough for 300 nodes a second over a line of 50 ms.
const DefaultParallel = 16

// Walker visits everything that trees refer to, each reference once for all of its trees, since trees of one space
// share most of their nodes. It remembers some 70 bytes for each.
type Walker struct {
	parallel int

	mu    sync.Mutex
	seen  map[mark]uint32
	links map[*link]uint32
	last  uint32
}

// NewWalker returns a Walker that loads the given number of nodes at once; 0: DefaultParallel.
func NewWalker(parallel int) *Walker {
	if parallel <= 0 {
		parallel = DefaultParallel
	}
	return &Walker{parallel: parallel, seen: map[mark]uint32{}, links: map[*link]uint32{}}
}

// mark identifies a reference: names of blobs and keys are random, so parts of them suffice.
type mark [24]byte

func markOf(blob crypto.BlobName, off uint32, key []byte) (m mark) {
	copy(m[:12], blob[:])
	binary.LittleEndian.PutUint32(m[12:], off)
	copy(m[16:], key)
	return m
}

func refMark(r object.Ref) mark     { return markOf(r.Blob, r.Off, r.Key[:]) }
func chunkMark(c object.Chunk) mark { return markOf(c.Blob, c.Off, c.Bytes[:]) }

// mountMark returns the mark of a mount. It differs from the mark of any reference, since no blob is so long.
func mountMark(t *object.Target) mark {
	return markOf(crypto.BlobName(t.Capability.ID), math.MaxUint32, t.Capability.Read[:])
}

// NodeID returns the number under which a node was visited; 0: not visited.
func (w *Walker) NodeID(r object.Ref) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[refMark(r)]
}

// ChunkID returns the number under which a chunk was visited; 0: not visited.
func (w *Walker) ChunkID(c object.Chunk) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[chunkMark(c)]
}

// Walk visits everything that t refers to. Several goroutines call visit at once; a slow visit slows the walk down. An
// error of visit or of the context ends the walk and is returned. A node that cannot be loaded is visited with its
// error, and the walk continues. Pages that were not in memory before are not kept.
func (w *Walker) Walk(ctx context.Context, t Tree, visit func(context.Context, Visit) error) error {
	return w.run(ctx, t, visit, nil)
}

// Trace visits, after Walk, every path in t to the numbered nodes for which leads is true, also several paths to one
// node. leads must be true for the nodes along such a path, too, or the trace ends there.
func (w *Walker) Trace(ctx context.Context, t Tree, leads func(id uint32) bool,
	visit func(context.Context, Visit) error) error {
	return w.run(ctx, t, visit, leads)
}

func (w *Walker) run(ctx context.Context, t Tree, visit func(context.Context, Visit) error,
	leads func(uint32) bool) error {
	g, ctx := errgroup.WithContext(ctx)
	run := &walk{Walker: w, nodes: t.nodes, visit: visit, leads: leads}
	run.idle = sync.NewCond(&run.jobs)
	first,
		err := run.page(ctx, nil, t.root.root,
		Visit{Entry: Entry{t.root}, Root: true, Count: t.root.o.Count, Bytes: t.root.o.Size, folder: "/"})
	if err != nil {
		return err
	}
	run.waiting = first
	defer context.AfterFunc(ctx, func() {
		run.jobs.Lock()
		defer run.jobs.Unlock()
		run.idle.Broadcast()
	})()
	for range w.parallel {
		g.Go(func() error { return run.work(ctx) })
	}
	return g.Wait()
}

// walk is one Walk: a stack of nodes to load, whose height stays about that of the tree.
type walk struct {
	*Walker
	nodes *Nodes
	visit func(context.Context, Visit) error
	leads func(id uint32) bool // nil: visit everything once

	jobs    sync.Mutex
	idle    *sync.Cond
	waiting []job
	busy    int
}

// job is a node to load.
type job struct {
	visit Visit
	at    target // of a page
}

func (w *walk) work(ctx context.Context) error {
	for {
		j, ok := w.take(ctx)
		if !ok {
			return ctx.Err()
		}
		more, err := w.do(ctx, j)
		w.done(more)
		if err != nil {
			return err
		}
	}
}

func (w *walk) take(ctx context.Context) (job, bool) {
	w.jobs.Lock()
	defer w.jobs.Unlock()
	for len(w.waiting) == 0 && w.busy > 0 && ctx.Err() == nil {
		w.idle.Wait()
	}
	if len(w.waiting) == 0 || ctx.Err() != nil {
		return job{}, false
	}
	last := len(w.waiting) - 1
	j := w.waiting[last]
	w.waiting[last] = job{}
	w.waiting = w.waiting[:last]
	w.busy++
	return j, true
}

func (w *walk) done(more []job) {
	w.jobs.Lock()
	defer w.jobs.Unlock()
	for i := range more { // the first is taken first
		w.waiting = append(w.waiting, more[len(more)-1-i])
	}
	w.busy--
	w.idle.Broadcast()
}

// enter returns the number of a node or chunk, and whether it was known.
func enter[K comparable](w *Walker, known map[K]uint32, key K) (id uint32, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id, again = known[key]; !again {
		w.last++
		id = w.last
		known[key] = id
	}
	return id, again
}

// page visits a page: it adds a job, unless the page is known.
func (w *walk) page(ctx context.Context, jobs []job, at target, v Visit) ([]job, error) {
	p, ref := at.load()
	switch {
	case at.empty():
		return jobs, nil
	case p != nil:
		v.ID, v.Again = enter(w.Walker, w.links, at.link)
	default:
		v.Ref, v.Sealed = ref, int(ref.Len)
		v.ID, v.Again = enter(w.Walker, w.seen, refMark(ref))
	}
	v.Kind = VisitPage
	if w.leads != nil {
		if !w.leads(v.ID) {
			return jobs, nil
		}
		v.Again = false
	}
	if v.Again {
		return jobs, w.visit(ctx, v)
	}
	return append(jobs, job{v, at}), nil
}

func (w *walk) do(ctx context.Context, j job) ([]job, error) {
	if j.visit.Kind == VisitIndex {
		return w.doIndex(ctx, j.visit)
	}
	p, err := w.nodes.peek(ctx, j.at)
	if err == nil {
		err = j.visit.fits(p)
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	v := j.visit
	v.Err = err
	if p != nil {
		v.Level = p.level
	}
	if ended := w.visit(ctx, v); ended != nil || err != nil {
		return nil, ended
	}
	var jobs []job
	for i := range p.children {
		c := &p.children[i]
		sub := Visit{Parent: v.ID, Entry: v.Entry, First: c.first, Until: v.Until, Level: p.level - 1, Count: c.count,
			Bytes: c.bytes, folder: v.folder}
		if i+1 < len(p.children) {
			sub.Until = p.children[i+1].first
		}
		if jobs, err = w.page(ctx, jobs, c.at, sub); err != nil {
			return jobs, err
		}
	}
	for i := range p.lines {
		if jobs, err = w.entry(ctx, jobs, p.entry(i), v); err != nil {
			return jobs, err
		}
	}
	return jobs, nil
}

func (w *walk) entry(ctx context.Context, jobs []job, e *entry, on Visit) ([]job, error) {
	if e.o.Kind == object.Folder {
		return w.page(ctx, jobs, e.root,
			Visit{Parent: on.ID, Entry: Entry{e}, Root: true, Count: e.o.Count, Bytes: e.o.Size,
				folder: join2(on.folder, e.o.Name)})
	}
	if e.o.Kind == object.Mount {
		return jobs, w.mount(ctx, Visit{Kind: VisitMount, Parent: on.ID, Entry: Entry{e}, folder: on.folder, name: e.o.Name})
	}
	c, piece := e.o.Content, crypto.BlobName{}
	if e.content != nil {
		c, piece = e.content.Load()
	}
	if !piece.IsZero() {
		return jobs, nil
	}
	return w.content(ctx, jobs, c,
		Visit{Parent: on.ID, Entry: Entry{e}, Bytes: e.o.Size, folder: on.folder, name: e.o.Name})
}

// mount visits a mount. Mounts of one space with the same keys have one number.
func (w *walk) mount(ctx context.Context, v Visit) error {
	v.ID, v.Again = enter(w.Walker, w.seen, mountMark(v.Entry.e.o.Target))
	if w.leads != nil && !w.leads(v.ID) {
		return nil
	}
	return w.visit(ctx, v)
}

// content visits the chunks or index nodes with Bytes bytes of a file from Offset on.
func (w *walk) content(ctx context.Context, jobs []job, c object.Content, v Visit) ([]job, error) {
	begin, end := v.Offset, v.Offset+v.Bytes
	span := int64(crypto.ChunkSize)
	for range c.Level {
		span *= object.IndexFanout
	}
	part := func(i int) Visit {
		sub := v
		sub.Offset = begin + int64(i)*span
		sub.Bytes = min(span, end-sub.Offset)
		return sub
	}
	for i, chunk := range c.Chunks {
		sub := part(i)
		sub.Kind, sub.Chunk, sub.Sealed = VisitChunk, chunk, crypto.SealedChunkSize(int(sub.Bytes))
		sub.ID, sub.Again = enter(w.Walker, w.seen, chunkMark(chunk))
		if w.leads != nil && !w.leads(sub.ID) {
			continue
		}
		if err := w.visit(ctx, sub); err != nil {
			return jobs, err
		}
	}
	for i, ref := range c.Nodes {
		sub := part(i)
		sub.Kind, sub.Ref, sub.Sealed, sub.Level = VisitIndex, ref, int(ref.Len), c.Level
		sub.ID, sub.Again = enter(w.Walker, w.seen, refMark(ref))
		if w.leads != nil && !w.leads(sub.ID) {
			continue
		}
		if !sub.Again || w.leads != nil {
			jobs = append(jobs, job{visit: sub})
		} else if err := w.visit(ctx, sub); err != nil {
			return jobs, err
		}
	}
	return jobs, nil
}

func (w *walk) doIndex(ctx context.Context, v Visit) ([]job, error) {
	var c object.Content
	err := w.nodes.open(ctx, v.Ref, func(plain []byte) (err error) {
		if c, err = object.DecodeIndex(plain, v.Ref, v.Level); err == nil {
			err = v.holds(c)
		}
		return err
	})
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	v.Err = err
	if ended := w.visit(ctx, v); ended != nil || err != nil {
		return nil, ended
	}
	sub := Visit{Parent: v.ID, Entry: v.Entry, Offset: v.Offset, Bytes: v.Bytes, folder: v.folder, name: v.name}
	return w.content(ctx, nil, c, sub)
}

// holds returns an error unless an index node has as many items as its part of the file needs.
func (v Visit) holds(c object.Content) error {
	span := int64(crypto.ChunkSize)
	for range c.Level {
		span *= object.IndexFanout
	}
	if have, want := len(c.Chunks)+len(c.Nodes), (v.Bytes+span-1)/span; int64(have) != want {
		return fmt.Errorf("%w: an index node of %d items where %d belong", crypto.ErrFormat, have, want)
	}
	return nil
}

// fits returns an error unless a page agrees with its parent.
func (v Visit) fits(p *page) error {
	if p.count != v.Count || p.bytes != v.Bytes || !v.Root && (p.level != v.Level || p.first() != v.First) {
		return fmt.Errorf("%w: a folder page differs from what its parent says", vfs.ErrCorrupt)
	}
	return nil
}

// peek returns a page like page, without changing which pages are kept.
func (n *Nodes) peek(ctx context.Context, t target) (*page, error) {
	p, ref := t.load()
	if p == nil {
		p = n.kept.get(ref)
	}
	if p != nil {
		return p, nil
	}
	err := n.open(ctx, ref, func(plain []byte) (err error) {
		p, err = decode(plain, ref)
		return err
	})
	return p, err
}
