package content

import (
	"context"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// segmentPool has buffers for segments of which a read needs a part.
var segmentPool = sync.Pool{New: func() any { return new([crypto.SegmentSize]byte) }}

// fetcher reads and opens ranges of a file. It may be used by several goroutines at once.
type fetcher struct {
	src     Source
	locator locator
	size    int64
}

// chunkSize is the plain size of a chunk.
func (f *fetcher) chunkSize(number int64) int {
	return int(min(f.size-number*crypto.ChunkSize, crypto.ChunkSize))
}

// fill fills p with the file's bytes from off on. All of p must lie within the file.
func (f *fetcher) fill(ctx context.Context, p []byte, off int64) error {
	for len(p) > 0 {
		number := off / crypto.ChunkSize
		in := int(off % crypto.ChunkSize)
		// No more than farUnit, counted from the beginning of the segment that contains off.
		n := min(len(p), f.chunkSize(number)-in, farUnit-in%crypto.SegmentSize)
		if err := f.read(ctx, off, n, func() []byte { return p[:n] }); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// read fetches n bytes of one chunk, of no more segments than farUnit has, and opens them into the slice that into
// returns. It calls into once the sealed bytes have arrived, so that no memory waits for them.
func (f *fetcher) read(ctx context.Context, off int64, n int, into func() []byte) error {
	number := off / crypto.ChunkSize
	c, err := f.locator.chunk(ctx, number)
	if err != nil {
		return err
	}
	if err := f.readFrom(ctx, c, number, int(off%crypto.ChunkSize), n, into); err != nil {
		return fmt.Errorf("read chunk %d, blob %v: %w", number, c.Blob, err)
	}
	return nil
}

// readFrom is read for a chunk that is known; in is where the bytes begin in it.
func (f *fetcher) readFrom(
	ctx context.Context, c object.Chunk, number int64, in, n int, into func() []byte,
) error {
	plain := f.chunkSize(number)
	run := crypto.SegmentsFor(plain, in, n)
	pool := sealedPools.of(run.Len)
	buf := pool.Get().(*[]byte)
	defer pool.Put(buf)
	sealed := (*buf)[:run.Len]
	segments := crypto.NewSegments(c.Bytes)
	return vfs.Authentic(ctx, func(ctx context.Context) error {
		if err := f.src.GetRange(ctx, c.Blob, int64(c.Off)+int64(run.Off), sealed); err != nil {
			return err
		}
		return openRun(segments, run, plain, sealed, into(), in)
	})
}

// openRun opens a run of segments into p. The first byte of p is the byte in of the chunk. Whole segments are opened in
// place.
func openRun(segments crypto.Segments, run crypto.SegmentRange, plain int, sealed, p []byte, in int) error {
	for i := run.First; i <= run.Last; i++ {
		off, n, last := crypto.SealedSegmentAt(plain, i)
		piece := sealed[off-run.Off : off-run.Off+n]
		start := i*crypto.SegmentSize - in // the segment's start in p
		size := n - crypto.TagSize
		if start >= 0 && start+size <= len(p) {
			if _, err := segments.Open(p[start:start:start+size], uint32(i), last, piece); err != nil {
				return err
			}
			continue
		}
		buf := segmentPool.Get().(*[crypto.SegmentSize]byte)
		whole, err := segments.Open(buf[:0], uint32(i), last, piece)
		if err == nil {
			copy(p[max(start, 0):], whole[max(-start, 0):])
		}
		segmentPool.Put(buf)
		if err != nil {
			return err
		}
	}
	return nil
}
