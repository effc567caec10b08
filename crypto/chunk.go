package crypto

import (
	"encoding/binary"
	"fmt"
)

// ChunkMetaSize is the length of the sealed metadata in front of a chunk's segments, in bytes.
const ChunkMetaSize = 96

// The layout of the plain metadata; the rest is zero and reserved for later formats.
const (
	metaPlainSize  = ChunkMetaSize - TagSize
	metaOffSize    = 4  // u32, after a u32 that is the layout
	metaOffNumber  = 8  // u64
	metaOffVersion = 16 // 16 bytes
	metaOffZero    = 32
	metaLayout     = 1
)

// ChunkMeta identifies a chunk of a version of a file, so that a program with the metadata key alone can identify it.
type ChunkMeta struct {
	Number  uint64   // from 0
	Size    uint32   // plain bytes, 1 to ChunkSize
	Version [16]byte // of the file for which it was written; a copy keeps it
}

// SealChunkMeta appends the sealed metadata, ChunkMetaSize bytes, to dst. k must be fresh and is used for nothing else.
// A Size beyond its bounds is sealed but will not open.
func SealChunkMeta(dst []byte, k MetaKey, m ChunkMeta) []byte {
	var plain [metaPlainSize]byte
	binary.BigEndian.PutUint32(plain[0:], metaLayout)
	binary.BigEndian.PutUint32(plain[metaOffSize:], m.Size)
	binary.BigEndian.PutUint64(plain[metaOffNumber:], m.Number)
	copy(plain[metaOffVersion:], m.Version[:])
	return sealOnce(dst, k, plain[:], []byte(labelChunkMeta))
}

// OpenChunkMeta opens sealed metadata, exactly ChunkMetaSize bytes. The error is ErrOpen, or ErrFormat when it is
// authentic but not what this format writes.
func OpenChunkMeta(k MetaKey, sealed []byte) (ChunkMeta, error) {
	if len(sealed) != ChunkMetaSize {
		return ChunkMeta{}, fmt.Errorf("chunk metadata: %w: %d bytes instead of %d", ErrFormat, len(sealed), ChunkMetaSize)
	}
	plain, err := openOnce(nil, k, sealed, []byte(labelChunkMeta))
	if err != nil {
		return ChunkMeta{}, fmt.Errorf("chunk metadata: %w", err)
	}
	return parseChunkMeta(plain)
}

func parseChunkMeta(plain []byte) (ChunkMeta, error) {
	if layout := binary.BigEndian.Uint32(plain); layout != metaLayout {
		return ChunkMeta{}, fmt.Errorf("chunk metadata: %w: layout %d", ErrFormat, layout)
	}
	for _, b := range plain[metaOffZero:] {
		if b != 0 {
			return ChunkMeta{}, fmt.Errorf("chunk metadata: %w: reserved bytes in use", ErrFormat)
		}
	}
	m := ChunkMeta{
		Number:  binary.BigEndian.Uint64(plain[metaOffNumber:]),
		Size:    binary.BigEndian.Uint32(plain[metaOffSize:]),
		Version: [16]byte(plain[metaOffVersion:metaOffZero]),
	}
	if m.Size == 0 || m.Size > ChunkSize {
		return ChunkMeta{}, fmt.Errorf("chunk metadata: %w: a chunk of %d bytes", ErrFormat, m.Size)
	}
	return m, nil
}
