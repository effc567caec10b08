package object

import (
	"slices"

	"postern/crypto"
)

// A reference into the blob that contains it has no blob name in the encoding, since a blob's name is known only once
// the blob is complete. Reading adds the name; writing leaves it out, also where it is still zero.

func appendBlob(b []byte, name, self crypto.BlobName) []byte {
	if name.IsZero() || name == self {
		return appendBytes(b, nil)
	}
	return appendBytes(b, name[:])
}

// blob reads the name of a blob and an offset in it. A reference into the node's own blob must point before the node,
// so that no chain of references forms a cycle.
func (r *reader) blob() (name crypto.BlobName, off uint32) {
	v := r.raw(majorBytes, len(name))
	off = uint32(r.uint(crypto.MaxBlobSize))
	switch {
	case r.err != nil:
	case len(v) == 0 && r.at.Blob.IsZero():
	case len(v) == 0 && off >= r.at.Off:
		r.fail("a reference to what comes later in the same blob")
	case len(v) == 0:
		name = r.at.Blob
	case len(v) != len(name):
		r.fail("a blob name of %d bytes", len(v))
	default:
		name = crypto.BlobName(v)
		if name.IsZero() || name == r.at.Blob {
			r.fail("a blob name where none belongs")
		}
	}
	return name, off
}

const (
	minRef   = 1 + 1 + 1 + 1 + 34 // least sizes of encodings, to bound allocations for a false array head
	minChunk = 1 + 1 + 1 + 34 + 34
)

func appendRef(b []byte, v Ref, self crypto.BlobName) []byte {
	b = appendArray(b, 4)
	b = appendBlob(b, v.Blob, self)
	b = appendUint(b, uint64(v.Off))
	b = appendUint(b, uint64(v.Len))
	return appendBytes(b, v.Key[:])
}

func (r *reader) ref() (v Ref) {
	r.tuple(4)
	v.Blob, v.Off = r.blob()
	v.Len = uint32(r.uint(MaxNode + crypto.NodeOverhead))
	r.fixed(v.Key[:])
	switch {
	case r.err != nil:
	case v.Len <= crypto.NodeOverhead:
		r.fail("a reference to nothing")
	case int(v.Off)+int(v.Len) > crypto.MaxBlobSize:
		r.fail("a reference past the end of every blob")
	case !v.Blob.IsZero() && v.Blob == r.at.Blob && v.Off+v.Len > r.at.Off:
		r.fail("a reference to what comes later in the same blob")
	}
	return v
}

func appendChunk(b []byte, v Chunk, self crypto.BlobName) []byte {
	b = appendArray(b, 4)
	b = appendBlob(b, v.Blob, self)
	b = appendUint(b, uint64(v.Off))
	b = appendBytes(b, v.Meta[:])
	return appendBytes(b, v.Bytes[:])
}

func (r *reader) chunk() (v Chunk) {
	r.tuple(4)
	v.Blob, v.Off = r.blob()
	r.fixed(v.Meta[:])
	r.fixed(v.Bytes[:])
	return v
}

func appendContent(b []byte, c *Content, self crypto.BlobName) []byte {
	b = appendArray(b, 2)
	b = appendUint(b, uint64(c.Level))
	if c.Level == 0 {
		b = appendArray(b, len(c.Chunks))
		for i := range c.Chunks {
			b = appendChunk(b, c.Chunks[i], self)
		}
		return b
	}
	b = appendArray(b, len(c.Nodes))
	for i := range c.Nodes {
		b = appendRef(b, c.Nodes[i], self)
	}
	return b
}

// content reads a content into c and reuses its slices.
func (r *reader) content(c *Content, limit int) {
	r.tuple(2)
	*c = Content{Level: uint8(r.uint(MaxContentLevel)), Chunks: c.Chunks[:0], Nodes: c.Nodes[:0]}
	if c.Level == 0 {
		n := r.array(limit, minChunk)
		c.Chunks = slices.Grow(c.Chunks, n)
		for range n {
			c.Chunks = append(c.Chunks, r.chunk())
		}
		return
	}
	n := r.array(limit, minRef)
	c.Nodes = slices.Grow(c.Nodes, n)
	for range n {
		c.Nodes = append(c.Nodes, r.ref())
	}
}
