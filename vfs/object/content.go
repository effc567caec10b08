package object

import (
	"fmt"

	"postern/crypto"
)

// MaxFileSize is the largest file of the format, in bytes: InlineItems full index nodes of the highest level.
const MaxFileSize = int64(InlineItems*IndexFanout*IndexFanout*IndexFanout*IndexFanout) * crypto.ChunkSize

// Shape returns the level and number of items that the contents of a file of size bytes have in its entry. The level is
// the lowest whose items fit into an entry.
func Shape(size int64) (level uint8, items int) {
	n := (size + crypto.ChunkSize - 1) / crypto.ChunkSize
	for n > InlineItems {
		level++
		n = (n + IndexFanout - 1) / IndexFanout
	}
	return level, int(n)
}

// Check returns crypto.ErrFormat unless c has the one shape for a file of size bytes.
func (c Content) Check(size int64) error {
	if size < 0 || size > MaxFileSize {
		return fmt.Errorf("%w: a file of %d bytes", crypto.ErrFormat, size)
	}
	level, items := Shape(size)
	have, other := len(c.Chunks), len(c.Nodes)
	if level > 0 {
		have, other = other, have
	}
	if c.Level != level || have != items || other != 0 {
		return fmt.Errorf("%w: %d chunks and %d nodes at level %d do not fit a file of %d bytes", crypto.ErrFormat,
			len(c.Chunks), len(c.Nodes), c.Level, size)
	}
	return nil
}

// Every node starts with a number for its kind, so that one kind cannot be mistaken for another.
const (
	nodePage = iota + 1
	nodeIndex
	nodeCommit
	nodeRoster
)

// AppendIndex appends the encoding of an index node with the items of c. References with a zero blob name are encoded
// as references into the node's own blob.
func AppendIndex(b []byte, c Content) []byte {
	b = appendArray(b, 2)
	b = appendUint(b, nodeIndex)
	return appendContent(b, &c, crypto.BlobName{})
}

// DecodeIndex decodes the index node at at. level is the node's level, one above that of its items. Only the caller
// knows how many items there must be: IndexFanout, except in the last node of a level. The error is crypto.ErrFormat.
func DecodeIndex(b []byte, at Ref, level uint8) (Content, error) {
	r := reader{b: b, at: at}
	r.tuple(2)
	if kind := r.uint(nodeRoster); r.err == nil && kind != nodeIndex {
		r.fail("not a file index")
	}
	var c Content
	r.content(&c, IndexFanout)
	if r.err == nil && (level == 0 || c.Level != level-1) {
		r.fail("an index node of level %d where %d belongs", c.Level+1, level)
	}
	if r.err == nil && len(c.Chunks)+len(c.Nodes) == 0 {
		r.fail("an empty index node")
	}
	if err := r.done(); err != nil {
		return Content{}, fmt.Errorf("file index: %w", err)
	}
	return c, nil
}
