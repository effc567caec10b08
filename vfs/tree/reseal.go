package tree

import (
	"fmt"
	"io"
	"slices"

	"postern/crypto"
	"postern/vfs/object"
)

// reseal appends the chunk in sealed to dst, sealed again under fresh keys, and returns those keys in a Chunk without a
// place. The remote must not see one ciphertext in two blobs: the shared part would reveal where a chunk begins and
// ends, and so its exact size. Errors: crypto.ErrOpen and crypto.ErrFormat if sealed does not open; those of random.
// dst then keeps its length.
func reseal(dst []byte, old object.Chunk, sealed []byte, random io.Reader) (all []byte, now object.Chunk, err error) {
	if len(sealed) < crypto.ChunkMetaSize {
		return dst, now, fmt.Errorf("chunk of %d bytes: %w", len(sealed), crypto.ErrFormat)
	}
	meta, err := crypto.OpenChunkMeta(old.Meta, sealed[:crypto.ChunkMetaSize])
	if err != nil {
		return dst, now, err
	}
	size := int(meta.Size)
	if crypto.SealedChunkSize(size) != len(sealed) {
		return dst, now, fmt.Errorf("chunk of %d bytes, sealed in %d: %w", size, len(sealed), crypto.ErrFormat)
	}
	if now.Meta, err = crypto.Random[crypto.MetaKey](random); err != nil {
		return dst, now, err
	}
	if now.Bytes, err = crypto.Random[crypto.BytesKey](random); err != nil {
		return dst, now, err
	}
	all = crypto.SealChunkMeta(slices.Grow(dst, len(sealed)), now.Meta, meta)
	from, to := crypto.NewSegments(old.Bytes), crypto.NewSegments(now.Bytes)
	buf := make([]byte, 0, min(size, crypto.SegmentSize))
	for i := range crypto.SegmentCount(size) {
		off, n, last := crypto.SealedSegmentAt(size, i)
		plain, err := from.Open(buf, uint32(i), last, sealed[off:off+n])
		if err != nil {
			return dst, now, err
		}
		all = to.Seal(all, uint32(i), last, plain)
	}
	return all, now, nil
}
