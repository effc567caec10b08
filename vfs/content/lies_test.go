package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/staging"
)

// scripted is a Source that a test observes and manipulates.
type scripted struct {
	Source
	mu     sync.Mutex
	asked  []int // lengths of requests
	past   int   // number of requests past caches
	meddle func(ctx context.Context, off int64, p []byte) error
}

func (s *scripted) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s.mu.Lock()
	s.asked = append(s.asked, len(p))
	if remote.IsPastCaches(ctx) {
		s.past++
	}
	meddle := s.meddle
	s.mu.Unlock()
	if err := s.Source.GetRange(ctx, name, off, p); err != nil {
		return err
	}
	if meddle != nil {
		return meddle(ctx, off, p)
	}
	return nil
}

// scriptedFile writes a file behind a scripted source.
func scriptedFile(t *testing.T, size int) (*scripted, Result, []byte) {
	t.Helper()
	s := newStore(t, staging.Options{})
	body := randomBytes(size)
	res := s.write(t, WriterOptions{}, func(w *Writer) error { _, err := w.Write(body); return err })
	return &scripted{Source: s}, res, body
}

func (s *scripted) open(t *testing.T, res Result, o ReaderOptions) *Reader {
	t.Helper()
	r, err := NewReader(t.Context(), s, res.Content, res.Sums.Size, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

const indexed = 5*crypto.ChunkSize + 1000 // a file with an index node

// TestFlippedBytes checks that the reader reports a flipped byte anywhere and never returns a wrong byte.
func TestFlippedBytes(t *testing.T) {
	for _, size := range []int{1000, SmallLimit + 1000, indexed} {
		src, res, body := scriptedFile(t, size)
		src.meddle = func(_ context.Context, _ int64, p []byte) error { p[len(p)/2] ^= 1; return nil }
		r := src.open(t, res, ReaderOptions{})
		p := make([]byte, 100)
		if _, err := r.ReadAt(p, int64(size)-100); !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("ReadAt of %d bytes: %v", size, err)
		}
		if n, err := r.Read(p); n != 0 || !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("Read of %d bytes: %d, %v", size, n, err)
		}
		if n, err := r.WriteNTo(io.Discard, int64(size)); n != 0 || !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("WriteNTo of %d bytes: %d, %v", size, n, err)
		}
		src.mu.Lock() // reading ahead may still be running
		src.meddle = nil
		src.mu.Unlock()
		var got bytes.Buffer // the reader recovers once the bytes are right
		if _, err := r.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), body) {
			t.Errorf("after the lie: %v", err)
		}
	}
}

// TestLyingCache checks that a lying cache is bypassed, once for each range.
func TestLyingCache(t *testing.T) {
	src, res, body := scriptedFile(t, indexed)
	src.meddle = func(ctx context.Context, _ int64, p []byte) error {
		if !remote.IsPastCaches(ctx) {
			clear(p)
		}
		return nil
	}
	var got bytes.Buffer
	if _, err := src.open(t, res, ReaderOptions{}).WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), body) {
		t.Fatalf("read %d bytes: %v", got.Len(), err)
	}
	if src.past*2 != len(src.asked) {
		t.Errorf("%d of %d requests went past the caches, want half", src.past, len(src.asked))
	}
}

func TestKindsOfFailure(t *testing.T) {
	for _, c := range []struct {
		give, want error
		past       int
	}{
		{&remote.Error{Op: "get", On: "x", Kind: remote.ErrNotFound}, vfs.ErrCorrupt, 0},
		{&remote.Error{Op: "get", On: "x", Kind: remote.ErrUnavailable}, vfs.ErrUnavailable, 0},
		{&remote.Error{Op: "get", On: "x", Kind: remote.ErrCorrupt}, vfs.ErrCorrupt, 1},
		{io.ErrClosedPipe, io.ErrClosedPipe, 0},
	} {
		src, res, _ := scriptedFile(t, 1000)
		src.meddle = func(context.Context, int64, []byte) error { return c.give }
		_, err := src.open(t, res, ReaderOptions{}).ReadAt(make([]byte, 10), 0)
		if !errors.Is(err, c.want) || !errors.Is(err, c.give) || src.past != c.past {
			t.Errorf("%v became %v, asked past caches %d times", c.give, err, src.past)
		}
	}
}

// TestWrongSize checks that a file whose size does not match its chunks does not open, or fails at its end.
func TestWrongSize(t *testing.T) {
	src, res, _ := scriptedFile(t, 2*crypto.ChunkSize-1000)
	for _, size := range []int64{-1, 0, 1, crypto.ChunkSize, 2*crypto.ChunkSize + 1, 1 << 62} {
		if _, err := NewReader(t.Context(), src, res.Content, size, ReaderOptions{}); !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("opened with size %d: %v", size, err)
		}
	}
	for _, size := range []int64{2*crypto.ChunkSize - 999, 2 * crypto.ChunkSize, crypto.ChunkSize + 1,
		2*crypto.ChunkSize - 1001} {
		r, err := NewReader(t.Context(), src, res.Content, size, ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.WriteTo(io.Discard); !errors.Is(err, vfs.ErrCorrupt) || n >= size {
			t.Errorf("read %d bytes of size %d: %v", n, size, err)
		}
		r.Close()
	}
}

// TestShortIndex checks that an authentic index node with too few items is detected.
func TestShortIndex(t *testing.T) {
	s := newStore(t, staging.Options{})
	key := crypto.NodeKey{1}
	sealed := crypto.SealNode(nil, key, object.AppendIndex(nil,
		object.Content{Chunks: []object.Chunk{{Blob: crypto.BlobName{1}}}}))
	s.pieces[crypto.NameOf(sealed)] = sealed
	c := object.Content{Level: 1, Nodes: []object.Ref{{Blob: crypto.NameOf(sealed), Len: uint32(len(sealed)), Key: key}}}
	r, err := NewReader(t.Context(), s, c, indexed, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.ReadAt(make([]byte, 1), indexed-1); !errors.Is(err, vfs.ErrCorrupt) {
		t.Error(err)
	}
}

// TestWhatIsFetched checks that a small read fetches only the segment it needs, and that a long one grows to large
// requests but never fetches more than was requested.
func TestWhatIsFetched(t *testing.T) {
	src, res, _ := scriptedFile(t, 4*crypto.ChunkSize)
	r := src.open(t, res, ReaderOptions{})
	r.ReadAt(make([]byte, 4096), 3*crypto.ChunkSize+crypto.SegmentSize+50)
	if !slices.Equal(src.asked, []int{crypto.SealedSegmentSize}) {
		t.Errorf("4 KiB took %v", src.asked)
	}
	src.asked = nil
	r.Seek(10*crypto.SegmentSize+5, io.SeekStart)
	r.Read(make([]byte, 10))
	if !slices.Equal(src.asked, []int{crypto.SealedSegmentSize}) {
		t.Errorf("10 bytes took %v", src.asked)
	}
	src.asked = nil
	r.Seek(crypto.ChunkSize, io.SeekStart)
	r.WriteNTo(io.Discard, crypto.SegmentSize)
	if !slices.Equal(src.asked, []int{crypto.SealedSegmentSize}) {
		t.Errorf("a segment took %v", src.asked)
	}
	src.asked = nil
	r.Seek(0, io.SeekStart)
	r.WriteNTo(io.Discard, 4*crypto.ChunkSize)
	total := 0
	for _, n := range src.asked {
		total += n
	}
	if len(src.asked) > 80 || total != 4*80*crypto.SealedSegmentSize {
		t.Errorf("20 MiB took %d requests, %d bytes: %v", len(src.asked), total, src.asked)
	}
}

// TestFarRequests checks that a distant file is read in few requests, of which the first is short.
func TestFarRequests(t *testing.T) {
	src, res, body := scriptedFile(t, 4*crypto.ChunkSize)
	r := src.open(t, res, ReaderOptions{Pace: func() remote.Pace { return remote.Pace{RoundTrip: time.Second} }})
	var got bytes.Buffer
	if n, err := r.WriteTo(&got); err != nil || n != int64(len(body)) || !bytes.Equal(got.Bytes(), body) {
		t.Fatalf("read %d of %d bytes: %v", n, len(body), err)
	}
	if first := firstUnit / crypto.SegmentSize * crypto.SealedSegmentSize; !slices.Contains(src.asked, first) {
		t.Errorf("no request was for %d bytes: %v", first, src.asked)
	}
	if len(src.asked) > 30 {
		t.Errorf("20 MiB took %d requests: %v", len(src.asked), src.asked)
	}
}

// TestAheadAndClose checks that the requests of a long read run concurrently, and that Close ends those that hang.
func TestAheadAndClose(t *testing.T) {
	src, res, _ := scriptedFile(t, 4*crypto.ChunkSize)
	entered := make(chan struct{}, 100)
	src.meddle = func(ctx context.Context, off int64, _ []byte) error {
		if off == crypto.ChunkMetaSize {
			return nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	r := src.open(t, res, ReaderOptions{Ahead: 4 * unitSize})
	if n, err := r.WriteNTo(cutAfter{firstUnit}, 4*crypto.ChunkSize); err != io.ErrShortWrite || n != firstUnit {
		t.Fatalf("wrote %d: %v", n, err)
	}
	for range 4 {
		<-entered
	}
	done := make(chan error)
	go func() {
		_, err := r.ReadAt(make([]byte, 1), crypto.ChunkSize-1)
		done <- err
	}()
	<-entered
	r.Close()
	r.Close()
	if err := <-done; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a read that Close ended: %v", err)
	}
}

// cutAfter accepts one write of n bytes and then fails.
type cutAfter struct{ n int }

func (c cutAfter) Write(p []byte) (int, error) {
	if len(p) != c.n {
		return 0, io.ErrClosedPipe
	}
	return len(p), io.ErrShortWrite
}

func TestContextEndsReads(t *testing.T) {
	src, res, _ := scriptedFile(t, 2*crypto.ChunkSize)
	ctx, cancel := context.WithCancel(t.Context())
	src.meddle = func(ctx context.Context, _ int64, _ []byte) error { cancel(); <-ctx.Done(); return ctx.Err() }
	r, err := NewReader(ctx, src, res.Content, res.Sums.Size, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
}

// TestConcurrentReadAt reads from many goroutines at once. An index node is fetched once.
func TestConcurrentReadAt(t *testing.T) {
	src, res, body := scriptedFile(t, indexed)
	r := src.open(t, res, ReaderOptions{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			p := make([]byte, 3000)
			for i := range 20 {
				off := int64((g*20 + i) * 160_000)
				if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, body[off:off+3000]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(res.Content.Nodes); n != 1 {
		t.Fatalf("%d nodes", n)
	}
	nodes := 0
	for _, n := range src.asked {
		if n == int(res.Content.Nodes[0].Len) {
			nodes++
		}
	}
	if nodes != 1 {
		t.Errorf("the index was fetched %d times", nodes)
	}
}
