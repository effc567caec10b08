package crypto

// Sizes in bytes. This file is arithmetic only.
const (
	// SegmentSize is how many bytes of a chunk are sealed at a time, and so how many a small read fetches.
	SegmentSize = 64 << 10
	// SealedSegmentSize is the length of a full sealed segment.
	SealedSegmentSize = SegmentSize + TagSize
	// ChunkSize is how many bytes of a file lie in one chunk; the last may be shorter.
	ChunkSize = 5 << 20
	// MinBlobSize is the size to which the smallest blobs are padded.
	MinBlobSize = 4096
	// MaxBlobSize is the length of a full sealed chunk; no blob is longer.
	MaxBlobSize = ChunkMetaSize + segmentsPerChunk*SealedSegmentSize

	segmentsPerChunk = ChunkSize / SegmentSize
)

// SegmentCount returns how many segments hold plain bytes of a chunk. It is at least one: an empty chunk has an empty
// segment.
func SegmentCount(plain int) int {
	if plain <= 0 {
		return 1
	}
	return (plain + SegmentSize - 1) / SegmentSize
}

// SealedChunkSize returns the length of a sealed chunk, metadata included.
func SealedChunkSize(plain int) int {
	return ChunkMetaSize + max(plain, 0) + SegmentCount(plain)*TagSize
}

// SealedSegmentAt returns the position of segment index within the sealed chunk of plain bytes, and whether it is the
// last. For an index that the chunk does not have it returns 0, 0, false.
func SealedSegmentAt(plain, index int) (off, n int, last bool) {
	count := SegmentCount(plain)
	if index < 0 || index >= count {
		return 0, 0, false
	}
	off = ChunkMetaSize + index*SealedSegmentSize
	if index == count-1 {
		return off, SealedChunkSize(plain) - off, true
	}
	return off, SealedSegmentSize, false
}

// SegmentRange is a run of segments, and where it lies within the sealed chunk.
type SegmentRange struct {
	First, Last int // indices, both included
	Off, Len    int // sealed bytes, counted from the start of the chunk's metadata
}

// SegmentsFor returns the segments that hold n plain bytes from off on, or as many as there are, of a chunk of plain
// bytes. If n is 0, or off lies outside the chunk, Len is 0 and Last is less than First.
func SegmentsFor(plain, off, n int) SegmentRange {
	if off < 0 || off >= plain || n <= 0 {
		return SegmentRange{First: 0, Last: -1}
	}
	end := off + min(n, plain-off) // the sum can't overflow so
	r := SegmentRange{First: off / SegmentSize, Last: (end - 1) / SegmentSize}
	r.Off, _, _ = SealedSegmentAt(plain, r.First)
	lastOff, lastLen, _ := SealedSegmentAt(plain, r.Last)
	r.Len = lastOff + lastLen - r.Off
	return r
}

// maxCover bounds the rounding of CoverEnd: small next to a segment, large next to the differences between files.
const maxCover = 4096

// CoverEnd returns a rounded end for a range that is read from a remote: end, or up to 4095 bytes more. Otherwise a
// range that ends with a file's last segment would show the exact size that the padding hides. Every blob of at least
// end bytes reaches the rounded end, since the sizes of blobs are rounded as well.
func CoverEnd(end int) int {
	switch {
	case end <= 0 || end >= MaxBlobSize:
		return end
	case end <= MinBlobSize:
		return MinBlobSize
	}
	step := min(paddingStep(end), maxCover)
	return min((end+step-1)&^(step-1), MaxBlobSize)
}
