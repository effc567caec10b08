package content

import (
	"sync"
	"sync/atomic"

	"postern/crypto"
)

const (
	// blockSize is how much of a body passes through the writer at once: small enough to stay in the processor's cache
	// through hashing, sealing and writing, and a whole number of segments and a divisor of a chunk.
	blockSize = 4 * crypto.SegmentSize
	// sealedBlockSize is the size of a sealed block with the metadata before the first.
	sealedBlockSize = crypto.ChunkMetaSize + 4*crypto.SealedSegmentSize
	// blocksInFlight limits what one writer holds: 3 MiB; or 1 MiB when the shared budget is used up. Fewer blocks would
	// stall it.
	blocksInFlight = 12
	fewBlocks      = 4
)

// block is a piece of a body, shared by the goroutines that hash and seal it.
type block struct {
	data  [blockSize]byte
	n     int
	last  bool // nothing follows
	users atomic.Int32
}

// free returns the unused rest of the block's slice.
func (b *block) free() []byte { return b.data[b.n:] }

func (b *block) bytes() []byte { return b.data[:b.n] }

var blocks = sync.Pool{New: func() any { return new(block) }}

func newBlock() *block {
	b := blocks.Get().(*block)
	b.n, b.last = 0, false
	return b
}

var sealedBlocks = sync.Pool{New: func() any { return new([sealedBlockSize]byte) }}
