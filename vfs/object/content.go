package object

import (
	"fmt"

	"postern/crypto"
)

// MaxFileSize is the largest file that the format holds, in bytes: InlineItems index nodes of the highest level, all
// full.
const MaxFileSize = int64(InlineItems*IndexFanout*IndexFanout*IndexFanout*IndexFanout) * crypto.ChunkSize

// Shape returns how the contents of a file of size bytes are held by its entry: at which level, and by how many items.
// The level is the lowest whose items fit into an entry.
func Shape(size int64) (level uint8, items int) {
	n := (size + crypto.ChunkSize - 1) / crypto.ChunkSize
	for n > InlineItems {
		level++
		n = (n + IndexFanout - 1) / IndexFanout
	}
	return level, int(n)
}

// Check reports whether c has the one shape that the contents of a file of size bytes have. The error is
// crypto.ErrFormat.
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
		return fmt.Errorf("%w: %d chunks and %d nodes at level %d can't be a file of %d bytes", crypto.ErrFormat,
			len(c.Chunks), len(c.Nodes), c.Level, size)
	}
	return nil
}

// Every node starts with a number that says what it is, so that none is taken for another.
const (
	nodePage = iota + 1
	nodeIndex
	nodeCommit
	nodeRoster
)

// AppendIndex appends the encoding of an index node, which holds c. References with a zero blob name lead into the blob
// that the node itself lies in.
func AppendIndex(b []byte, c Content) []byte {
	b = appendArray(b, 2)
	b = appendUint(b, nodeIndex)
	return appendContent(b, &c, crypto.BlobName{})
}

// DecodeIndex reads the index node that lies at at. Level says which level the node belongs to, that is one more than
// the level of what it holds; only its reader knows how many items there must be: IndexFanout, but in the last of a
// level. The error is crypto.ErrFormat.
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
