package content

import (
	"sync"

	"postern/crypto"
)

// buffers are pools of byte slices in four sizes: one for the segment or two that a small read touches, one for a unit
// of a near file, and two for units of a distant file.
type buffers [4]struct {
	size int
	pool sync.Pool // of *[]byte
}

// plainPools have buffers for whole units, sealedPools for the same segments sealed.
var plainPools, sealedPools = newBuffers(crypto.SegmentSize), newBuffers(crypto.SealedSegmentSize)

// newBuffers returns pools of buffers for segments of a size.
func newBuffers(segment int) *buffers {
	var all buffers
	for i, n := range []int{2, unitSize / crypto.SegmentSize, 16, farUnit / crypto.SegmentSize} {
		size := n * segment
		all[i].size = size
		all[i].pool.New = func() any { b := make([]byte, size); return &b }
	}
	return &all
}

// at returns which pool has buffers of n bytes.
func (b *buffers) at(n int) int {
	for i := range b {
		if n <= b[i].size {
			return i
		}
	}
	panic("content: a read of more than one unit")
}

// of returns the pool of buffers of at least n bytes.
func (b *buffers) of(n int) *sync.Pool { return &b[b.at(n)].pool }

// cost returns how many bytes a buffer for n bytes takes.
func (b *buffers) cost(n int) int64 { return int64(b[b.at(n)].size) }
