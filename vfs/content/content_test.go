package content

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs/simfs"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/staging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is an area with its pieces, as a Source.
type store struct {
	*staging.Area
	mu     sync.Mutex
	pieces map[crypto.BlobName][]byte
}

func newStore(t testing.TB, o staging.Options) *store {
	t.Helper()
	if o.FS == nil {
		o.FS = simfs.New()
	}
	area, err := staging.Open("/home/staging", o)
	if err != nil {
		t.Fatal(err)
	}
	return &store{Area: area, pieces: map[crypto.BlobName][]byte{}}
}

func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	piece, ok := s.pieces[name]
	s.mu.Unlock()
	if !ok {
		return s.Area.GetRange(ctx, name, off, p)
	}
	if off+int64(len(p)) > int64(len(piece)) {
		return remote.ErrCorrupt
	}
	copy(p, piece[off:])
	return nil
}

// write writes a file and keeps it.
func (s *store) write(t testing.TB, o WriterOptions, feed func(*Writer) error) Result {
	t.Helper()
	batch := s.Begin()
	w := NewWriter(t.Context(), batch, o)
	if err := feed(w); err != nil {
		t.Fatal(err)
	}
	res, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch.Done()
	w.Abort() // has no effect after Finish
	if res.Piece != nil {
		s.pieces[res.Content.Chunks[0].Blob] = res.Piece
	}
	return res
}

func (s *store) open(t testing.TB, res Result, o ReaderOptions) *Reader {
	t.Helper()
	r, err := NewReader(t.Context(), s, res.Content, res.Sums.Size, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// edges are sizes around every boundary.
var edges = []int{0, 1, 4096, crypto.SegmentSize - 1, crypto.SegmentSize, crypto.SegmentSize + 1,
	blockSize - 1, blockSize, blockSize + 1,
	SmallLimit - 1, SmallLimit, SmallLimit + 1, SmallLimit + blockSize, 3*blockSize + 1,
	crypto.ChunkSize - 1, crypto.ChunkSize, crypto.ChunkSize + 1,
	crypto.ChunkSize + blockSize, 4 * crypto.ChunkSize, 4*crypto.ChunkSize + 1, 11*crypto.ChunkSize + 12345}

func TestRoundTrip(t *testing.T) {
	body := randomBytes(edges[len(edges)-1])
	for i, size := range edges {
		want := body[:size]
		s := newStore(t, staging.Options{})
		// the size is announced every other time
		o := WriterOptions{Version: vfs.Version{byte(i)}, Size: int64(size * (i % 2))}
		res := s.write(t, o, func(w *Writer) error {
			if i%3 == 0 {
				_, err := w.Write(want)
				return err
			}
			n, err := w.ReadFrom(iotest.HalfReader(bytes.NewReader(want)))
			if n != int64(size) {
				t.Errorf("read %d of %d bytes", n, size)
			}
			return err
		})
		if res.Sums != (vfs.Sums{Size: int64(size), MD5: md5.Sum(want), SHA1: sha1.Sum(want)}) {
			t.Errorf("%d bytes: sums %+v", size, res.Sums)
		}
		if small := size > 0 && size <= SmallLimit; small != (res.Piece != nil) || small && len(s.Names()) != 0 {
			t.Errorf("%d bytes: a piece of %d, %d blobs", size, len(res.Piece), len(s.Names()))
		}
		r := s.open(t, res, ReaderOptions{})
		var got bytes.Buffer
		if n, err := r.WriteNTo(&got, 1<<60); err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes: read %d: %v", size, n, err)
		}
		checkBlobs(t, s, res, vfs.Version{byte(i)})
	}
}

// checkBlobs opens the metadata of each chunk and checks the blobs' sizes.
func checkBlobs(t *testing.T, s *store, res Result, v vfs.Version) {
	t.Helper()
	l := locator{root: res.Content, load: NodeLoader(s), nodes: NewNodeCache(2)}
	f := fetcher{size: res.Sums.Size}
	for number := int64(0); number*crypto.ChunkSize < f.size; number++ {
		c, err := l.chunk(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		sealed := make([]byte, crypto.ChunkMetaSize)
		if err := s.GetRange(t.Context(), c.Blob, int64(c.Off), sealed); err != nil {
			t.Fatal(err)
		}
		m, err := crypto.OpenChunkMeta(c.Meta, sealed)
		want := crypto.ChunkMeta{Number: uint64(number), Size: uint32(f.chunkSize(number)), Version: v}
		if err != nil || m != want {
			t.Errorf("metadata of chunk %d: %+v, %v, want %+v", number, m, err, want)
		}
		if res.Piece == nil {
			blob, err := s.Get(t.Context(), c.Blob)
			if want := crypto.PaddedSize(crypto.SealedChunkSize(int(m.Size))); err != nil || len(blob) != want {
				t.Errorf("chunk %d lies in %d bytes, want %d: %v", number, len(blob), want, err)
			}
		}
	}
}

// TestReads compares random reads of all kinds with the plain bytes.
func TestReads(t *testing.T) {
	body := randomBytes(6*crypto.ChunkSize + 777)
	s := newStore(t, staging.Options{})
	results := map[int]Result{}
	for _, size := range []int{1000, SmallLimit, crypto.ChunkSize + 5, len(body)} {
		results[size] = s.write(t, WriterOptions{}, func(w *Writer) error { _, err := w.Write(body[:size]); return err })
	}
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{1000, SmallLimit, crypto.ChunkSize + 5, len(body)}).Draw(rt, "size")
		want := bytes.NewReader(body[:size])
		ahead := rapid.SampledFrom([]int64{0, -1, unitSize}).Draw(rt, "ahead")
		budget := NewBudget(rapid.SampledFrom([]int64{0, 2 * unitSize, 1 << 40}).Draw(rt, "budget"))
		start := budget.left.Load()
		pace := rapid.SampledFrom([]remote.Pace{{}, {RoundTrip: time.Second}, {RoundTrip: 1, Down: 1e9},
			{RoundTrip: 50 * time.Millisecond, Down: 1e6}, {RoundTrip: time.Second, Down: 1e9}}).Draw(rt, "pace")
		r := s.open(t, results[size],
			ReaderOptions{Ahead: ahead, Budget: budget, Pace: func() remote.Pace { return pace }})
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			sizes := []int{0, 1, 100, 4096, crypto.SegmentSize, 200000, unitSize + 1, crypto.ChunkSize}
			n := rapid.SampledFrom(sizes).Draw(rt, "n")
			off := rapid.Int64Range(0, int64(size)+10).Draw(rt, "off")
			switch rapid.IntRange(0, 3).Draw(rt, "op") {
			case 0:
				r.Seek(off, io.SeekStart)
				want.Seek(off, io.SeekStart)
			case 1:
				p, q := make([]byte, n), make([]byte, n)
				gotN, gotErr := r.ReadAt(p, off)
				wantN, wantErr := want.ReadAt(q, off)
				if n == 0 {
					continue // readers may return different counts
				}
				if gotN != wantN || gotErr != wantErr || !bytes.Equal(p, q) {
					rt.Fatalf("ReadAt(%d, %d) = %d, %v, want %d, %v", n, off, gotN, gotErr, wantN, wantErr)
				}
			case 2:
				p, q := make([]byte, n), make([]byte, n)
				gotN, gotErr := io.ReadFull(r, p)
				wantN, wantErr := io.ReadFull(want, q)
				if gotN != wantN || gotErr != wantErr || !bytes.Equal(p, q) {
					rt.Fatalf("Read(%d) = %d, %v, want %d, %v", n, gotN, gotErr, wantN, wantErr)
				}
			case 3:
				var p, q bytes.Buffer
				gotN, gotErr := r.WriteNTo(&p, int64(n))
				wantN, _ := io.CopyN(&q, want, int64(n))
				if gotN != wantN || gotErr != nil || !bytes.Equal(p.Bytes(), q.Bytes()) {
					rt.Fatalf("WriteNTo(%d) = %d, %v, want %d", n, gotN, gotErr, wantN)
				}
			}
		}
		r.Close()
		if left := budget.left.Load(); left != start {
			rt.Fatalf("%d bytes of the budget were not given back", start-left)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil {
			rt.Fatal("a closed file was read")
		}
	})
}

func TestSeek(t *testing.T) {
	s := newStore(t, staging.Options{})
	r := s.open(t, s.write(t, WriterOptions{}, func(w *Writer) error {
		_, err := w.Write(make([]byte, 100))
		return err
	}), ReaderOptions{})
	for _, c := range []struct {
		off    int64
		whence int
		want   int64
		ok     bool
	}{
		{10, io.SeekStart, 10, true}, {5, io.SeekCurrent, 15, true}, {-1, io.SeekEnd, 99, true},
		{-101, io.SeekEnd, 0, false}, {0, 9, 0, false}, {500, io.SeekStart, 500, true},
	} {
		if got, err := r.Seek(c.off, c.whence); got != c.want || (err == nil) != c.ok {
			t.Errorf("Seek(%d, %d) = %d, %v", c.off, c.whence, got, err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read past the end: %v", err)
	}
	if n, err := r.WriteTo(io.Discard); n != 0 || err != nil {
		t.Errorf("copy past the end: %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the beginning")
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	for _, size := range []int{0, 1000, SmallLimit + 1, 3*crypto.ChunkSize + 5} {
		for _, stage := range []string{"written", "summed", "finished"} {
			s := newStore(t, staging.Options{})
			w := NewWriter(t.Context(), s.Begin(), WriterOptions{})
			if _, err := w.Write(randomBytes(size)); err != nil {
				t.Fatal(err)
			}
			if stage != "written" {
				if sums, err := w.Sums(); err != nil || sums.Size != int64(size) {
					t.Fatal(sums, err)
				}
				if _, err := w.Write([]byte{1}); err == nil {
					t.Error("a file that has ended grew")
				}
			}
			if stage == "finished" {
				w.Finish()
			}
			w.Abort()
			w.Abort()
			if used, _ := s.Used(); used != 0 || len(s.Names()) != 0 {
				t.Errorf("%d bytes, %s: %d bytes are left", size, stage, used)
			}
			if _, err := w.Write([]byte{1}); err == nil {
				t.Error("an aborted file grew")
			}
			if _, err := w.Finish(); stage != "finished" && err == nil {
				t.Error("an aborted file was finished")
			}
		}
	}
}

func TestBodyFails(t *testing.T) {
	s := newStore(t, staging.Options{})
	cut := errors.New("connection cut")
	w := NewWriter(t.Context(), s.Begin(), WriterOptions{})
	n, err := w.ReadFrom(io.MultiReader(bytes.NewReader(make([]byte, 2*crypto.ChunkSize+5)), iotest.ErrReader(cut)))
	if n != 2*crypto.ChunkSize+5 || !errors.Is(err, cut) {
		t.Errorf("read %d: %v", n, err)
	}
	w.Abort()
	w = NewWriter(t.Context(), s.Begin(), WriterOptions{})
	if _, err := w.ReadFrom(stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader without progress: %v", err)
	}
	w.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	w = NewWriter(ctx, s.Begin(), WriterOptions{})
	w.Write(make([]byte, crypto.ChunkSize))
	cancel()
	if _, err := w.ReadFrom(&bodyOf{left: 1 << 30, block: make([]byte, 4096)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled writer: %v", err)
	}
	w.Abort()
	if used, _ := s.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestFullDisk(t *testing.T) {
	sim := simfs.New()
	s := newStore(t, staging.Options{FS: sim, KeepFree: -1})
	sim.SetCapacity(2*crypto.ChunkSize + 100)
	batch := s.Begin()
	w := NewWriter(t.Context(), batch, WriterOptions{})
	_, err := w.ReadFrom(&bodyOf{left: 20 * crypto.ChunkSize, block: make([]byte, blockSize)})
	if err == nil {
		_, err = w.Finish()
	}
	if err == nil {
		err = batch.Seal(t.Context())
	}
	if !errors.Is(err, vfs.ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	w.Abort()
	if n := sim.Used(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	s = newStore(t, staging.Options{Limit: crypto.ChunkSize, Patience: -1})
	w = NewWriter(t.Context(), s.Begin(), WriterOptions{})
	_, err = w.ReadFrom(&bodyOf{left: 20 * crypto.ChunkSize, block: make([]byte, blockSize)})
	if err == nil {
		_, err = w.Finish()
	}
	if !errors.Is(err, vfs.ErrFull) {
		t.Errorf("a full area: %v", err)
	}
	w.Abort()
}

// TestIndexShape checks that the index of a file has the shape that its size determines.
func TestIndexShape(t *testing.T) {
	s := newStore(t, staging.Options{})
	for _, n := range []int{1, 4, 5, 127, 128, 129, 511, 512, 513, 640, 128*128 - 1, 128 * 128, 128*128 + 1,
		4*128*128 + 1} {
		batch := s.Begin()
		x := &index{batch: batch, rand: rand.NewChaCha8([32]byte{2})}
		for i := range n {
			blob := crypto.BlobName{1, byte(i), byte(i >> 8), byte(i >> 16)}
			if err := x.add(t.Context(), object.Chunk{Blob: blob, Off: uint32(i)}); err != nil {
				t.Fatal(err)
			}
		}
		c, err := x.finish(t.Context())
		if err == nil {
			err = batch.Seal(t.Context())
		}
		if err == nil {
			err = c.Check(int64(n) * crypto.ChunkSize)
		}
		if err != nil {
			t.Fatalf("%d chunks: %v", n, err)
		}
		l := locator{root: c, load: NodeLoader(s), nodes: NewNodeCache(20)}
		for i := 0; i < n; i += 1 + n/1000 {
			for _, k := range []int{i, n - 1 - i} {
				if chunk, err := l.chunk(t.Context(), int64(k)); err != nil || chunk.Off != uint32(k) {
					t.Fatalf("chunk %d of %d is %d: %v", k, n, chunk.Off, err)
				}
			}
		}
		if n := l.nodes.nodes.Len(); n > 20 {
			t.Errorf("%d nodes are held", n)
		}
		batch.Abort()
	}
}
