package cache

import (
	"postern/cache/tier"
	"postern/crypto"
)

// The grid of blocks within a blob: the first block is head+blockSize bytes long, all others blockSize. A full chunk is
// of maxBlocks whole blocks exactly.
const (
	head      = crypto.ChunkMetaSize
	blockSize = crypto.SealedSegmentSize
	maxBlocks = (crypto.MaxBlobSize - head + blockSize - 1) / blockSize
)

// whole is the index under which a whole blob is fetched; no block has it.
const whole = ^uint32(0)

// indexOf returns the block that the byte at off lies in.
func indexOf(off int64) int { return int(max(off-head, 0) / blockSize) }

// startOf returns where a block begins in its blob.
func startOf(index int) int64 {
	if index == 0 {
		return 0
	}
	return head + int64(index)*blockSize
}

// endOf returns where a block ends, if the blob is that long.
func endOf(index int) int64 { return head + int64(index+1)*blockSize }

// cacheable reports whether a range can lie within a blob; the remote rejects all others.
func cacheable(off int64, n int) bool {
	return off >= 0 && n > 0 && off <= crypto.MaxBlobSize && int64(n) <= crypto.MaxBlobSize-off
}

// span is a requested range, and the buffer for its bytes.
type span struct {
	name crypto.BlobName
	off  int64
	p    []byte
}

func (s span) end() int64  { return s.off + int64(len(s.p)) }
func (s span) first() int  { return indexOf(s.off) }
func (s span) last() int   { return indexOf(s.end() - 1) }
func (s span) blocks() int { return s.last() - s.first() + 1 }

func (s span) key(index int) tier.Key {
	return tier.Key{Blob: s.name, Index: uint32(index)}
}

// need returns how many bytes from the beginning of a block the span needs.
func (s span) need(index int) int { return int(min(endOf(index), s.end()) - startOf(index)) }

// take copies the span's part of a block, which must be long enough.
func (s span) take(index int, block []byte) {
	if start := startOf(index); start < s.off {
		copy(s.p, block[s.off-start:])
	} else {
		copy(s.p[start-s.off:], block)
	}
}
