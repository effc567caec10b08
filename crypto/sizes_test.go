package crypto

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestSizesTable(t *testing.T) {
	for _, c := range []struct{ plain, segments, sealed int }{
		{0, 1, 96 + 16},
		{1, 1, 96 + 1 + 16},
		{65535, 1, 96 + 65535 + 16},
		{65536, 1, 96 + 65536 + 16},
		{65537, 2, 96 + 65537 + 32},
		{131072, 2, 96 + 131072 + 32},
		{512 << 10, 8, 96 + 524288 + 128},
		{ChunkSize - 1, 80, MaxBlobSize - 1},
		{ChunkSize, 80, 5244256},
	} {
		if got := SegmentCount(c.plain); got != c.segments {
			t.Errorf("%d bytes: %d segments, want %d", c.plain, got, c.segments)
		}
		if got := SealedChunkSize(c.plain); got != c.sealed {
			t.Errorf("%d bytes: %d sealed, want %d", c.plain, got, c.sealed)
		}
	}
	if MaxBlobSize != SealedChunkSize(ChunkSize) {
		t.Errorf("MaxBlobSize is %d, a full chunk %d", MaxBlobSize, SealedChunkSize(ChunkSize))
	}
}

func TestSegmentsTileTheChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := chunkSizes().Draw(t, "plain")
		next, count := ChunkMetaSize, SegmentCount(plain)
		for i := range count {
			off, n, last := SealedSegmentAt(plain, i)
			if off != next || n < TagSize || n > SealedSegmentSize || last != (i == count-1) {
				t.Fatalf("segment %d of %d: %d bytes at %d, last %v; the one before ends at %d", i, count, n, off, last, next)
			}
			next = off + n
		}
		if next != SealedChunkSize(plain) {
			t.Fatalf("the segments end at %d, the chunk at %d", next, SealedChunkSize(plain))
		}
	})
	for _, index := range []int{-1, 3, math.MaxInt, math.MinInt} {
		if off, n, last := SealedSegmentAt(3*SegmentSize, index); off != 0 || n != 0 || last {
			t.Errorf("segment %d of 3: %d bytes at %d, last %v", index, n, off, last)
		}
	}
}

// chunkSizes draws sizes of chunks, often near the edges.
func chunkSizes() *rapid.Generator[int] {
	return rapid.Custom(func(t *rapid.T) int {
		n := rapid.IntRange(0, segmentsPerChunk).Draw(t, "segments")*SegmentSize + rapid.IntRange(-1, 1).Draw(t, "beside")
		if rapid.Bool().Draw(t, "anywhere") {
			n = rapid.IntRange(0, ChunkSize).Draw(t, "size")
		}
		return min(max(n, 0), ChunkSize)
	})
}

// A range covers the requested bytes, and no segment more.
func TestSegmentsFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := chunkSizes().Draw(t, "plain")
		off := rapid.OneOf(rapid.IntRange(-2, plain+2), rapid.Int()).Draw(t, "off")
		n := rapid.OneOf(rapid.IntRange(-2, plain+2), rapid.Int()).Draw(t, "n")
		r := SegmentsFor(plain, off, n)

		if off < 0 || off >= plain || n <= 0 {
			if r.Len != 0 || r.Last >= r.First {
				t.Fatalf("there is nothing, got %+v", r)
			}
			return
		}
		start, end := off, plain
		if n < plain-off {
			end = off + n
		}
		if r.First*SegmentSize > start || (r.First+1)*SegmentSize <= start {
			t.Fatalf("byte %d is not in segment %d", start, r.First)
		}
		if r.Last*SegmentSize > end-1 || (r.Last+1)*SegmentSize <= end-1 {
			t.Fatalf("byte %d is not in segment %d", end-1, r.Last)
		}
		first, _, _ := SealedSegmentAt(plain, r.First)
		lastOff, lastLen, _ := SealedSegmentAt(plain, r.Last)
		if r.Off != first || r.Off+r.Len != lastOff+lastLen {
			t.Fatalf("%+v does not begin at %d or end at %d", r, first, lastOff+lastLen)
		}
	})
}

func TestSegmentsForTable(t *testing.T) {
	none := SegmentRange{First: 0, Last: -1}
	for _, c := range []struct {
		plain, off, n int
		want          SegmentRange
	}{
		{0, 0, 10, none},
		{100, 100, 1, none},
		{100, 5, 0, none},
		{100, 5, -1, none},
		{100, math.MaxInt, math.MaxInt, none},
		{100, math.MinInt, 5, none},
		{100, 0, math.MaxInt, SegmentRange{0, 0, 96, 116}},
		{100, 99, 1, SegmentRange{0, 0, 96, 116}},
		{100, -5, 6, none},
		{ChunkSize, 4096, 4096, SegmentRange{0, 0, 96, SealedSegmentSize}},
		{ChunkSize, 65535, 2, SegmentRange{0, 1, 96, 2 * SealedSegmentSize}},
		{ChunkSize, 65536, 65536, SegmentRange{1, 1, 96 + SealedSegmentSize, SealedSegmentSize}},
		{ChunkSize, 0, ChunkSize, SegmentRange{0, 79, 96, MaxBlobSize - 96}},
		{65537, 65536, 1, SegmentRange{1, 1, 96 + SealedSegmentSize, 17}},
	} {
		if got := SegmentsFor(c.plain, c.off, c.n); got != c.want {
			t.Errorf("%d bytes from %d of %d: %+v, want %+v", c.n, c.off, c.plain, got, c.want)
		}
	}
}

// Every blob with the bytes up to end also has those up to CoverEnd(end).
func TestCoverEndLiesWithinEveryBlob(t *testing.T) {
	covers := 0
	for end := 1; end <= MaxBlobSize; end++ {
		cover := CoverEnd(end)
		if cover < end || cover-end >= maxCover {
			t.Fatalf("the end %d is covered to %d", end, cover)
		}
		if smallest := PaddedSize(end); cover > smallest { // the smallest blob that is long enough
			t.Fatalf("the end %d is covered to %d, beyond a blob of %d", end, cover, smallest)
		}
		if CoverEnd(cover) != cover {
			t.Fatalf("the end %d is covered to %d, and that to %d", end, cover, CoverEnd(cover))
		}
		if cover == end {
			covers++
		}
	}
	// THREATS.md gives the figure.
	if covers != 1346 {
		t.Errorf("there are %d ends to be seen", covers)
	}
	for _, end := range []int{-1, 0, MaxBlobSize + 1} {
		if got := CoverEnd(end); got != end {
			t.Errorf("the end %d, which no range has, is covered to %d", end, got)
		}
	}
}
