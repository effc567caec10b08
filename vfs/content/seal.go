package content

import (
	"context"
	"fmt"
	"io"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/staging"
)

// sealer turns blocks into staged chunks.
type sealer struct {
	ctx   context.Context
	batch *staging.Batch
	o     WriterOptions
	index *index
	buf   *[sealedBlockSize]byte

	number uint64 // of the chunk
	done   int64  // bytes in the chunks before it

	blob     *staging.Blob // nil: no chunk is open
	chunk    object.Chunk
	segments crypto.Segments
	assumed  uint32 // the size in the metadata
	plain    int    // bytes sealed so far
}

func newSealer(ctx context.Context, batch *staging.Batch, o WriterOptions) *sealer {
	return &sealer{ctx: ctx, batch: batch, o: o, index: &index{batch: batch, rand: o.Rand},
		buf: sealedBlocks.Get().(*[sealedBlockSize]byte)}
}

// close aborts an unfinished chunk.
func (s *sealer) close() {
	if s.blob != nil {
		s.blob.Discard()
		s.blob = nil
	}
	if s.buf != nil {
		sealedBlocks.Put(s.buf)
		s.buf = nil
	}
}

// seal seals the next block. All blocks but the last are full, and only the last block may end a chunk in its middle.
func (s *sealer) seal(b *block) error {
	buf := s.buf[:0]
	var err error
	if s.blob == nil {
		if buf, err = s.begin(buf); err != nil {
			return err
		}
	}
	for p := b.bytes(); len(p) > 0; {
		segment := p[:min(len(p), crypto.SegmentSize)]
		p = p[len(segment):]
		i := uint32(s.plain / crypto.SegmentSize)
		s.plain += len(segment)
		end := s.plain == crypto.ChunkSize || b.last && len(p) == 0
		buf = s.segments.Seal(buf, i, end, segment)
	}
	if _, err := s.blob.Write(buf); err != nil {
		return err
	}
	if s.plain == crypto.ChunkSize || b.last {
		return s.end()
	}
	return nil
}

// begin begins a chunk. Its metadata comes first and contains its size, which is known only if the body has announced
// its own. Otherwise it assumes a full chunk, and is wrong once, at the end of the file.
func (s *sealer) begin(buf []byte) ([]byte, error) {
	var err error
	if s.chunk, err = newChunk(s.o.Rand); err != nil {
		return nil, err
	}
	s.segments = crypto.NewSegments(s.chunk.Bytes)
	s.plain, s.assumed = 0, crypto.ChunkSize
	if rest := s.o.Size - s.done; rest > 0 && rest < crypto.ChunkSize {
		s.assumed = uint32(rest)
	}
	if s.blob, err = s.batch.Create(s.ctx); err != nil {
		return nil, err
	}
	return crypto.SealChunkMeta(buf, s.chunk.Meta, s.meta(s.assumed)), nil
}

func (s *sealer) meta(size uint32) crypto.ChunkMeta {
	return crypto.ChunkMeta{Number: s.number, Size: size, Version: s.o.Version}
}

// end pads the chunk and adds it to the file.
func (s *sealer) end() error {
	if err := s.pad(); err != nil {
		return err
	}
	if s.plain != int(s.assumed) {
		var err error
		if s.chunk.Meta, err = crypto.Random[crypto.MetaKey](s.o.Rand); err != nil { // each key seals only once
			return err
		}
		if err := s.blob.Rewrite(crypto.SealChunkMeta(s.buf[:0], s.chunk.Meta, s.meta(uint32(s.plain)))); err != nil {
			return err
		}
	}
	blob := s.blob
	s.blob = nil
	name, err := blob.Finish(s.ctx)
	if err != nil {
		return err
	}
	s.chunk.Blob = name
	s.number++
	s.done += int64(s.plain)
	return s.index.add(s.ctx, s.chunk)
}

func (s *sealer) pad() error {
	size := int(s.blob.Size())
	for rest := crypto.PaddedSize(size) - size; rest > 0; {
		p := s.buf[:min(rest, len(s.buf))]
		if _, err := io.ReadFull(s.o.Rand, p); err != nil {
			return fmt.Errorf("pad blob: no randomness: %w", err)
		}
		if _, err := s.blob.Write(p); err != nil {
			return err
		}
		rest -= len(p)
	}
	return nil
}

func newChunk(rand io.Reader) (c object.Chunk, err error) {
	if c.Meta, err = crypto.Random[crypto.MetaKey](rand); err != nil {
		return c, err
	}
	c.Bytes, err = crypto.Random[crypto.BytesKey](rand)
	return c, err
}

// sealPiece seals a small file as one chunk that no blob holds yet. All blocks but the last are full.
func sealPiece(blocks [][]byte, size int, o WriterOptions) (object.Content, []byte, error) {
	c, err := newChunk(o.Rand)
	if err != nil {
		return object.Content{}, nil, err
	}
	piece := make([]byte, 0, crypto.SealedChunkSize(size))
	piece = crypto.SealChunkMeta(piece, c.Meta, crypto.ChunkMeta{Size: uint32(size), Version: o.Version})
	segments := crypto.NewSegments(c.Bytes)
	plain := 0
	for _, p := range blocks {
		for len(p) > 0 {
			segment := p[:min(len(p), crypto.SegmentSize)]
			p = p[len(segment):]
			i := uint32(plain / crypto.SegmentSize)
			plain += len(segment)
			piece = segments.Seal(piece, i, plain == size, segment)
		}
	}
	c.Blob = crypto.NameOf(piece)
	return object.Content{Chunks: []object.Chunk{c}}, piece, nil
}
