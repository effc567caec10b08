package crypto

import (
	"strconv"
	"testing"
)

func BenchmarkSegmentsSeal(b *testing.B) {
	s := NewSegments(fresh[BytesKey](b, "bench"))
	plain, sealed := make([]byte, SegmentSize), make([]byte, 0, SealedSegmentSize)
	b.SetBytes(SegmentSize)
	b.ReportAllocs()
	for b.Loop() {
		sealed = s.Seal(sealed[:0], 1, false, plain)
	}
}

func BenchmarkSegmentsOpen(b *testing.B) {
	s := NewSegments(fresh[BytesKey](b, "bench"))
	plain := make([]byte, 0, SegmentSize)
	sealed := s.Seal(nil, 1, false, make([]byte, SegmentSize))
	b.SetBytes(SegmentSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(plain, 1, false, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNameOf(b *testing.B) {
	for _, n := range []int{MinBlobSize, MaxBlobSize} {
		blob := make([]byte, n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				NameOf(blob)
			}
		})
	}
}

func BenchmarkNode(b *testing.B) {
	k, plain := fresh[NodeKey](b, "bench"), make([]byte, 8<<10)
	sealed := SealNode(nil, k, plain)
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			sealed = SealNode(sealed[:0], k, plain)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := OpenNode(k, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	k, plain := fresh[FrameKey](b, "bench"), make([]byte, 300)
	var sealed []byte
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		sealed = SealFrame(sealed[:0], k, 1, nil, plain)
	}
}

func BenchmarkPointer(b *testing.B) {
	k := NewWriterKey(fresh[[32]byte](b, "bench"))
	p := k.Sign(1, PointerValue{})
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			k.Sign(1, PointerValue{})
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := p.Verify(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCBOR(b *testing.B) {
	s := sample{Name: "report.odt", Size: 12345, Bytes: make([]byte, 20), List: make([]sampleItem, 4)}
	encoded, err := Encode(s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			if _, err := Encode(s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			var got sample
			if err := Decode(encoded, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	for b.Loop() {
		if _, err := NewLogin("alice", "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStamp tries 1,024 stamps; a letter takes a thousand times as many.
func BenchmarkStamp(b *testing.B) {
	l := Letter(someBytes(b, "bench", LetterSize))
	for b.Loop() {
		l[0]++
		l.Stamp(1 << 10)
	}
}
