package content

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/staging"
)

// bodyOf yields size bytes, copied from a block as from a socket.
type bodyOf struct {
	left  int64
	block []byte
}

func (b *bodyOf) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), b.left)], b.block)
	b.left -= int64(n)
	return n, nil
}

func randomBytes(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

func benchmarkWriter(b *testing.B, size int64, fs localfs.FS) {
	area, err := staging.Open(b.TempDir(), staging.Options{Limit: -1, FS: fs})
	if err != nil {
		b.Fatal(err)
	}
	block := randomBytes(512 << 10)
	ctx := context.Background()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		batch := area.Begin()
		w := NewWriter(ctx, batch, WriterOptions{})
		if _, err := w.ReadFrom(&bodyOf{left: size, block: block}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
		if err := batch.Seal(ctx); err != nil {
			b.Fatal(err)
		}
		batch.Abort()
	}
}

// plain hides that a file system can write directly.
type plain struct{ localfs.FS }

func BenchmarkWriter1GiB(b *testing.B)         { benchmarkWriter(b, 1<<30, localfs.OS{}) }
func BenchmarkWriter100MiB(b *testing.B)       { benchmarkWriter(b, 100<<20, localfs.OS{}) }
func BenchmarkWriterCached100MiB(b *testing.B) { benchmarkWriter(b, 100<<20, plain{localfs.OS{}}) }
func BenchmarkWriter4KiB(b *testing.B)         { benchmarkWriter(b, 4<<10, localfs.OS{}) }

// BenchmarkWriterHTTP reads the body from a real socket, with the client on the same machine.
func BenchmarkWriterHTTP(b *testing.B) {
	const size = 256 << 20
	area, err := staging.Open(b.TempDir(), staging.Options{Limit: -1})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		batch := area.Begin()
		defer batch.Abort()
		w := NewWriter(r.Context(), batch, WriterOptions{Size: r.ContentLength})
		if _, err := w.ReadFrom(r.Body); err != nil {
			b.Error(err)
		}
		if _, err := w.Finish(); err != nil {
			b.Error(err)
		}
		if err := batch.Seal(r.Context()); err != nil {
			b.Error(err)
		}
	}))
	defer server.Close()
	block := randomBytes(512 << 10)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		req, _ := http.NewRequestWithContext(b.Context(), http.MethodPut, server.URL, &bodyOf{left: size, block: block})
		req.ContentLength = size
		res, err := server.Client().Do(req)
		if err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
	}
}

// staged writes a file into a new area.
func staged(b testing.TB, size int64) (*staging.Area, Result) {
	b.Helper()
	area, err := staging.Open(b.TempDir(), staging.Options{Limit: -1})
	if err != nil {
		b.Fatal(err)
	}
	batch := area.Begin()
	w := NewWriter(b.Context(), batch, WriterOptions{})
	if _, err := w.ReadFrom(&bodyOf{left: size, block: randomBytes(512 << 10)}); err != nil {
		b.Fatal(err)
	}
	res, err := w.Finish()
	if err != nil {
		b.Fatal(err)
	}
	if err := batch.Seal(b.Context()); err != nil {
		b.Fatal(err)
	}
	batch.Done()
	return area, res
}

func BenchmarkReaderSequential(b *testing.B) {
	const size = 512 << 20
	area, res := staged(b, size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(b.Context(), area, res.Content, size, ReaderOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := r.WriteNTo(discard{}, size); err != nil || n != size {
			b.Fatal(n, err)
		}
		r.Close()
	}
}

// discard has no ReadFrom, unlike io.Discard.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkReaderRandom64KiB(b *testing.B) {
	const size = 512 << 20
	area, res := staged(b, size)
	r, err := NewReader(b.Context(), area, res.Content, size, ReaderOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetBytes(crypto.SegmentSize)
	b.ReportAllocs()
	b.ResetTimer()
	var seed atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		rnd := rand.New(rand.NewPCG(seed.Add(1), 2))
		p := make([]byte, crypto.SegmentSize)
		for pb.Next() {
			if _, err := r.ReadAt(p, rnd.Int64N(size-int64(len(p)))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReaderOpen64KiBRange(b *testing.B) {
	const size = 512 << 20
	area, res := staged(b, size)
	rnd := rand.New(rand.NewPCG(1, 2))
	nodes := NewNodeCache(16)
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(b.Context(), area, res.Content, size, ReaderOptions{Nodes: nodes})
		if err != nil {
			b.Fatal(err)
		}
		r.Seek(rnd.Int64N(size-64<<10), io.SeekStart)
		if _, err := r.WriteNTo(discard{}, 64<<10); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
