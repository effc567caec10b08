package fsck

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// visit checks a part that the walk has reached.
func (c *check) visit(ctx context.Context, v tree.Visit) error {
	c.mu.Lock()
	if v.Parent != 0 {
		c.edges = append(c.edges, tree.Edge{From: v.Parent, To: v.ID})
	}
	c.mu.Unlock()
	if v.Again {
		return nil
	}
	if v.Kind == tree.VisitMount {
		if c.Mounted != nil {
			c.Mounted(v.Entry.Mount())
		}
		return nil
	}
	if name, _, ok := v.Place(); ok {
		c.miss(ctx, name)
	}
	found := finding{err: v.Err}
	if v.Kind == tree.VisitChunk {
		found = c.chunk(ctx, v)
	}
	c.count(v)
	if found.err == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case corrupt(found.err):
		found.blob, _, _ = v.Place()
		c.bad[v.ID] = &found
	case len(c.report.Unchecked) < maxUnchecked:
		c.report.Unchecked = append(c.report.Unchecked, v.Path())
	default:
		c.report.More = true
	}
	return nil
}

// miss looks up a blob that was not listed, once. The result is ignored: the call makes the first remote of a mirror
// restore a lost blob from the others, whereas reads are satisfied by any of them.
func (c *check) miss(ctx context.Context, name crypto.BlobName) {
	c.mu.Lock()
	_, known := c.sizes[name]
	known = known || c.asked[name]
	c.asked[name] = true
	c.mu.Unlock()
	if !known {
		_, _ = c.Store.Stat(remote.PastCaches(ctx), name)
	}
}

// count adds a visit to the counts.
func (c *check) count(v tree.Visit) {
	c.mu.Lock()
	counts := &c.report.Counts
	if v.Kind == tree.VisitChunk {
		counts.Chunks++
		counts.Bytes += v.Bytes
	} else {
		counts.Nodes++
	}
	if v.Kind == tree.VisitPage && v.Root && v.Path() == filesPath {
		counts.Total = v.Bytes
	}
	now := *counts
	c.mu.Unlock()
	if c.Progress != nil {
		c.Progress(now)
	}
}

// chunk checks that a chunk exists, or that every byte of it can be read.
func (c *check) chunk(ctx context.Context, v tree.Visit) finding {
	whole := finding{ranges: []Range{{v.Offset, v.Bytes}}}
	if whole.err = c.there(ctx, v.Chunk.Blob, int64(v.Chunk.Off)+int64(v.Sealed)); whole.err != nil || !c.ReadData {
		return whole
	}
	_, err := tree.ReadChunk(ctx, c.healer, v.Chunk, uint64(v.Offset/crypto.ChunkSize), int(v.Bytes))
	if err == nil || !corrupt(err) {
		return finding{err: err}
	}
	return finding{err: err, ranges: c.segments(ctx, v)}
}

// segments returns the byte ranges of a chunk that can't be read.
func (c *check) segments(ctx context.Context, v tree.Visit) (bad []Range) {
	keys := crypto.NewSegments(v.Chunk.Bytes)
	for i := range crypto.SegmentCount(int(v.Bytes)) {
		off, n, last := crypto.SealedSegmentAt(int(v.Bytes), i)
		sealed := make([]byte, n)
		err := c.healer.GetRange(ctx, v.Chunk.Blob, int64(v.Chunk.Off)+int64(off), sealed)
		if err == nil {
			_, err = keys.Open(nil, uint32(i), last, sealed)
		}
		if err == nil {
			continue
		}
		at := v.Offset + int64(i)*crypto.SegmentSize
		bad = add(bad, Range{at, int64(n - crypto.TagSize)})
	}
	return bad
}

// add appends a range, or extends the last one if they are adjacent.
func add(ranges []Range, r Range) []Range {
	if n := len(ranges); n > 0 && ranges[n-1].Offset+ranges[n-1].Length == r.Offset {
		ranges[n-1].Length += r.Length
		return ranges
	}
	return append(ranges, r)
}

// there returns nil if a blob exists and has at least need bytes. A listing may lag or be incomplete, so blobs missing
// from it are looked up.
func (c *check) there(ctx context.Context, name crypto.BlobName, need int64) error {
	c.mu.Lock()
	size, listed := c.sizes[name]
	c.mu.Unlock()
	if listed && size >= need {
		return nil
	}
	var last [1]byte
	err := c.healer.GetRange(ctx, name, need-1, last[:])
	switch {
	case err == nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sizes[name] = max(size, need)
		return nil
	case errors.Is(err, remote.ErrUnavailable):
		return fmt.Errorf("%w: %w", vfs.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", vfs.ErrCorrupt, err)
}

// tainted returns the numbers of all parts that are damaged or lead to damage.
func (c *check) tainted() map[uint32]bool {
	tainted := make(map[uint32]bool, len(c.bad))
	for id := range c.bad {
		tainted[id] = true
	}
	tree.AddAbove(tainted, c.edges)
	return tainted
}

// sound reports whether nothing that an entry leads to is damaged, as far as it was checked.
func (c *check) sound(e object.Entry, tainted map[uint32]bool) bool {
	if e.Kind == object.Folder {
		return e.Root == object.Ref{} || !tainted[c.walker.NodeID(e.Root)]
	}
	for _, chunk := range e.Content.Chunks {
		if tainted[c.walker.ChunkID(chunk)] {
			return false
		}
	}
	for _, node := range e.Content.Nodes {
		if tainted[c.walker.NodeID(node)] {
			return false
		}
	}
	return true
}
