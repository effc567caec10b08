package cache

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"postern/crypto"
)

// TestHitAllocatesNothing: a hit only copies.
func TestHitAllocatesNothing(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, crypto.MaxBlobSize)
	f.reads(name, data, 100_000, 4096)
	p := make([]byte, 4096)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if err := f.GetRange(ctx, name, 100_000, p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

func benchCache(b *testing.B, o Options) (*Cache, *spy) {
	s := newSpy()
	c, err := New(s, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c, s
}

func BenchmarkHit(b *testing.B) {
	for _, n := range []int{4096, blockSize} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c, s := benchCache(b, Options{})
			name, _ := s.store(b, 1, crypto.MaxBlobSize)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				p := make([]byte, n)
				for i := 0; pb.Next(); i++ {
					if err := c.GetRange(context.Background(), name, startOf(i%maxBlocks), p); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkFromDisk reads whole chunks from the disk tier.
func BenchmarkFromDisk(b *testing.B) {
	c, s := benchCache(b, Options{Dir: filepath.Join(b.TempDir(), "cache")})
	name, data := s.store(b, 1, crypto.MaxBlobSize)
	p := make([]byte, len(data))
	if err := c.GetRange(context.Background(), name, 0, p); err != nil {
		b.Fatal(err)
	}
	c.settle()
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.GetRange(context.Background(), name, 0, p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMiss measures the overhead of the cache over a remote that answers at once.
func BenchmarkMiss(b *testing.B) {
	for _, n := range []int{4096, head + blockSize, crypto.MaxBlobSize} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c, s := benchCache(b, Options{Memory: -1})
			name, _ := s.store(b, 1, crypto.MaxBlobSize)
			p := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.GetRange(context.Background(), name, 0, p); err != nil {
					b.Fatal(err)
				}
				s.seen()
			}
		})
	}
}
