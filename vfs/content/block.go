package content

import (
	"sync"
	"sync/atomic"

	"postern/crypto"
)

const (
	// blockSize is how much of a body travels through the writer at once: small enough that it is still in the processor's cache
	// when the last of hashing, sealing and writing gets to it, and a whole number of segments and part of a chunk.
	blockSize = 4 * crypto.SegmentSize
	// sealedBlockSize is a sealed block with the metadata that stands before the first.
	sealedBlockSize = crypto.ChunkMetaSize + 4*crypto.SealedSegmentSize
	// blocksInFlight bounds what one writer holds: 3 MiB; or 1 MiB when the shared budget is spent. Less would stand still.
	blocksInFlight = 12
	fewBlocks      = 4
)

// block is a piece of a body, shared by those who hash and seal it.
type block struct {
	data  [blockSize]byte
	n     int
	last  bool // nothing follows
	users atomic.Int32
}

// free returns a slice's unused rest.
func (b *block) free() []byte { return b.data[b.n:] }

func (b *block) bytes() []byte { return b.data[:b.n] }

var blocks = sync.Pool{New: func() any { return new(block) }}

func newBlock() *block {
	b := blocks.Get().(*block)
	b.n, b.last = 0, false
	return b
}

var sealedBlocks = sync.Pool{New: func() any { return new([sealedBlockSize]byte) }}
