package crypto

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// sealAll seals a chunk's bytes and returns its segments.
func sealAll(s Segments, plain []byte) (sealed [][]byte) {
	count := SegmentCount(len(plain))
	for i := range count {
		part := plain[i*SegmentSize : min((i+1)*SegmentSize, len(plain))]
		sealed = append(sealed, s.Seal(nil, uint32(i), i == count-1, part))
	}
	return sealed
}

// openAll opens segments as those of a whole chunk.
func openAll(s Segments, sealed [][]byte) (plain []byte, err error) {
	for i, segment := range sealed {
		if plain, err = s.Open(plain, uint32(i), i == len(sealed)-1, segment); err != nil {
			return nil, err
		}
	}
	return plain, nil
}

func TestSegmentsRoundTrip(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "round trip"))
	for _, n := range []int{0, 1, 15, 16, 17, SegmentSize - 1, SegmentSize, SegmentSize + 1, 3*SegmentSize - 1,
		3 * SegmentSize, ChunkSize - 1, ChunkSize} {
		plain := someBytes(t, "plain", n)
		sealed := sealAll(s, plain)
		got, err := openAll(s, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d, error %v", n, len(got), err)
		}
		for i, segment := range sealed {
			if _, want, _ := SealedSegmentAt(n, i); len(segment) != want {
				t.Errorf("%d bytes, segment %d: %d sealed bytes, want %d", n, i, len(segment), want)
			}
		}
	}
}

func TestSegmentsNoticeDamage(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "damage"))
	sealed := s.Seal(nil, 4, true, []byte("some bytes of a film"))
	eachFlip(sealed, func(_ int, damaged []byte) {
		_, err := s.Open(nil, 4, true, damaged)
		wantKind(t, err, ErrOpen, "a flipped bit")
	})
	eachLength(sealed, func(damaged []byte) {
		kind := ErrOpen
		if len(damaged) <= TagSize {
			kind = ErrFormat
		}
		_, err := s.Open(nil, 4, true, damaged)
		wantKind(t, err, kind, fmt.Sprintf("%d of %d bytes", len(damaged), len(sealed)))
	})
	_, err := NewSegments(fresh[BytesKey](t, "another")).Open(nil, 4, true, sealed)
	wantKind(t, err, ErrOpen, "another key")
}

// A segment opens only at its place, and the last only as the last.
func TestSegmentsKeepTheirPlace(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "place"))
	plain := someBytes(t, "plain", SegmentSize)
	for _, index := range []uint32{0, 1, 2, 78, 79} {
		for _, last := range []bool{false, true} {
			sealed := s.Seal(nil, index, last, plain)
			for at := range uint32(segmentsPerChunk) {
				for _, asLast := range []bool{false, true} {
					_, err := s.Open(nil, at, asLast, sealed)
					if at == index && asLast == last {
						if err != nil {
							t.Errorf("segment %d, last %v: %v", index, last, err)
						}
						continue
					}
					wantKind(t, err, ErrOpen, fmt.Sprintf("segment %d (last %v) opened as %d (last %v)", index, last, at, asLast))
				}
			}
		}
	}
}

func TestSegmentsCannotBeRearranged(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "rearranged"))
	other := NewSegments(fresh[BytesKey](t, "another chunk"))
	chunk := sealAll(s, someBytes(t, "plain", 4*SegmentSize))
	foreign := sealAll(other, someBytes(t, "foreign", 4*SegmentSize))

	for name, spliced := range map[string][][]byte{
		"the end cut off":      chunk[:3],
		"the beginning cut":    chunk[1:],
		"the middle left out":  {chunk[0], chunk[1], chunk[3]},
		"one repeated":         {chunk[0], chunk[1], chunk[1], chunk[2], chunk[3]},
		"two exchanged":        {chunk[0], chunk[2], chunk[1], chunk[3]},
		"one of another chunk": {chunk[0], foreign[1], chunk[2], chunk[3]},
		"something appended":   {chunk[0], chunk[1], chunk[2], chunk[3], chunk[3]},
	} {
		_, err := openAll(s, spliced)
		wantKind(t, err, ErrOpen, name)
	}
}

func TestSegmentsBounds(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "bounds"))
	full := s.Seal(nil, 0, false, make([]byte, SegmentSize))
	for name, c := range map[string]struct {
		index  uint32
		last   bool
		sealed []byte
	}{
		"beyond a chunk":              {segmentsPerChunk, true, s.Seal(nil, segmentsPerChunk, true, []byte("x"))},
		"far beyond a chunk":          {1<<32 - 1, true, s.Seal(nil, 1<<32-1, true, []byte("x"))},
		"short, not the last":         {0, false, s.Seal(nil, 0, false, make([]byte, SegmentSize-1))},
		"longer than a segment":       {0, true, s.Seal(nil, 0, true, make([]byte, SegmentSize+1))},
		"shorter than a tag":          {0, true, full[:TagSize-1]},
		"nothing":                     {0, true, nil},
		"empty behind a full segment": {1, true, s.Seal(nil, 1, true, nil)},
	} {
		_, err := s.Open(nil, c.index, c.last, c.sealed)
		wantKind(t, err, ErrFormat, name)
	}
}

// Nonces must differ, else the keystream of one segment opens another.
func TestSegmentNoncesDiffer(t *testing.T) {
	seen := make(map[[nonceSize]byte]string)
	for _, index := range []uint32{0, 1, 2, 63, 64, 78, 79, 80, 81, 255, 256, 1 << 16, 1<<24 + 1, 1<<32 - 1} {
		for _, last := range []bool{false, true} {
			name := fmt.Sprintf("%d, last %v", index, last)
			nonce := [nonceSize]byte(segmentNonce(index, last))
			if nonce != makeSegmentNonce(index, last) {
				t.Errorf("%s: the table has %x", name, nonce)
			}
			if other, ok := seen[nonce]; ok {
				t.Errorf("%s and %s have one nonce", name, other)
			}
			seen[nonce] = name
		}
	}
}

func TestSegmentsDoNotAllocate(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "allocations"))
	plain := make([]byte, SegmentSize)
	sealed := make([]byte, 0, SealedSegmentSize)
	opened := make([]byte, 0, SegmentSize)
	n := testing.AllocsPerRun(20, func() {
		sealed = s.Seal(sealed[:0], 3, false, plain)
		var err error
		if opened, err = s.Open(opened[:0], 3, false, sealed); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for one segment sealed and opened", n)
	}
}

// Sealing and opening in place saves a copy, and must give the same.
func TestSegmentsInPlace(t *testing.T) {
	s := NewSegments(fresh[BytesKey](t, "in place"))
	plain := someBytes(t, "plain", SegmentSize)
	want := s.Seal(nil, 2, true, plain)

	buffer := append(make([]byte, 0, SealedSegmentSize), plain...)
	sealed := s.Seal(buffer[:0], 2, true, buffer)
	if !bytes.Equal(sealed, want) {
		t.Fatal("sealed in place it is something else")
	}
	opened, err := s.Open(sealed[:0], 2, true, sealed)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("opened in place it is something else; error %v", err)
	}
}

// Any range of a chunk can be read from its sealed bytes with the arithmetic of sizes.go.
func TestAnyRangeOfAChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5*SegmentSize).Draw(t, "size")
		plain := counting(n)
		s := NewSegments(BytesKey{1})
		chunk := SealChunkMeta(nil, MetaKey{2}, ChunkMeta{Size: uint32(n)})
		chunk = append(chunk, bytes.Join(sealAll(s, plain), nil)...)
		if len(chunk) != SealedChunkSize(n) {
			t.Fatalf("%d bytes are sealed to %d, want %d", n, len(chunk), SealedChunkSize(n))
		}
		off := rapid.IntRange(0, n-1).Draw(t, "off")
		want := plain[off : off+rapid.IntRange(1, n-off).Draw(t, "n")]

		run := SegmentsFor(n, off, len(want))
		fetched := chunk[run.Off : run.Off+run.Len]
		var opened []byte
		for i := run.First; i <= run.Last; i++ {
			at, size, last := SealedSegmentAt(n, i)
			var err error
			if opened, err = s.Open(opened, uint32(i), last, fetched[at-run.Off:][:size]); err != nil {
				t.Fatal(err)
			}
		}
		if got := opened[off-run.First*SegmentSize:][:len(want)]; !bytes.Equal(got, want) {
			t.Fatalf("%d bytes from %d on differ", len(want), off)
		}
	})
}
