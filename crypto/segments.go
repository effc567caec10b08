package crypto

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// Segments seals and opens the bytes of one chunk in segments of SegmentSize, each of which can be opened alone. It is
// the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, “Online Authenticated-Encryption and its Nonce-Reuse
// Misuse-Resistance”, 2015; age uses it likewise): the nonce consists of the segment's position and a flag for the
// last one, so a segment that was moved, left out, repeated or cut off does not open. The zero value is not usable; any
// number of goroutines may use one.
type Segments struct {
	aead cipher.AEAD
}

// NewSegments returns the segments of the chunk whose bytes k seals. To write a chunk, k must be fresh.
func NewSegments(k BytesKey) Segments { return Segments{newAEAD(k)} }

// Seal appends a sealed segment to dst: len(plain)+TagSize bytes. All segments but the last hold SegmentSize bytes; the
// caller ensures that. It does not allocate when dst has room.
func (s Segments) Seal(dst []byte, index uint32, last bool, plain []byte) []byte {
	return s.aead.Seal(dst, segmentNonce(index, last), plain, segmentAD)
}

// Open appends the plain bytes of a sealed segment to dst. The error is ErrOpen, or ErrFormat for a length or a
// position that no segment has; the spare room of dst is then undefined. It does not allocate when dst has room.
func (s Segments) Open(dst []byte, index uint32, last bool, sealed []byte) ([]byte, error) {
	if index >= segmentsPerChunk || !fitsSegment(index, last, len(sealed)) {
		return nil, fmt.Errorf("segment %d of %d sealed bytes: %w", index, len(sealed), ErrFormat)
	}
	plain, err := s.aead.Open(dst, segmentNonce(index, last), sealed, segmentAD)
	if err != nil {
		return nil, fmt.Errorf("segment %d: %w", index, ErrOpen)
	}
	return plain, nil
}

// fitsSegment reports whether a segment may have n sealed bytes: all but the last are full, and only an empty chunk has
// an empty segment.
func fitsSegment(index uint32, last bool, n int) bool {
	switch {
	case !last:
		return n == SealedSegmentSize
	case index == 0:
		return n >= TagSize && n <= SealedSegmentSize
	default:
		return n > TagSize && n <= SealedSegmentSize
	}
}

// segmentAD is never written to; a new slice would cost an allocation for each segment.
var segmentAD = []byte(labelSegment)

// segmentNonces holds every nonce that a chunk can need, since a new nonce would escape to the heap through
// cipher.AEAD. It never changes after the start.
var segmentNonces = func() (table [2 * segmentsPerChunk][nonceSize]byte) {
	for i := range uint32(segmentsPerChunk) {
		table[2*i] = makeSegmentNonce(i, false)
		table[2*i+1] = makeSegmentNonce(i, true)
	}
	return table
}()

func segmentNonce(index uint32, last bool) []byte {
	if index >= segmentsPerChunk { // no chunk is so long, but the nonce must be right anyway
		nonce := makeSegmentNonce(index, last)
		return nonce[:]
	}
	i := 2 * index
	if last {
		i++
	}
	return segmentNonces[i][:]
}

// makeSegmentNonce writes the position as 11 bytes, big-endian, and 1 after it for the last segment, as age does.
func makeSegmentNonce(index uint32, last bool) (nonce [nonceSize]byte) {
	binary.BigEndian.PutUint32(nonce[nonceSize-5:], index)
	if last {
		nonce[nonceSize-1] = 1
	}
	return nonce
}
