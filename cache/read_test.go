package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/cache/tier"
	"postern/crypto"
	"postern/remote"
)

func TestGrid(t *testing.T) {
	if startOf(0) != 0 || endOf(maxBlocks-1) != crypto.MaxBlobSize {
		t.Fatalf("the blocks reach from %d to %d, want 0 to %d", startOf(0), endOf(maxBlocks-1), crypto.MaxBlobSize)
	}
	for i := range maxBlocks {
		if i > 0 && startOf(i) != endOf(i-1) {
			t.Errorf("block %d begins at %d, the one before ends at %d", i, startOf(i), endOf(i-1))
		}
		for _, off := range []int64{startOf(i), startOf(i) + 1, endOf(i) - 1} {
			if indexOf(off) != i {
				t.Errorf("byte %d lies in block %d, want %d", off, indexOf(off), i)
			}
		}
		// One block covers a segment of a full chunk.
		off, n, _ := crypto.SealedSegmentAt(crypto.ChunkSize, i)
		s := span{off: int64(off), p: make([]byte, n)}
		if s.first() != i || s.last() != i || startOf(i)+int64(s.need(i)) != endOf(i) {
			t.Errorf("segment %d lies in blocks %d to %d and needs %d", i, s.first(), s.last(), s.need(i))
		}
	}
	for _, c := range []struct {
		off  int64
		n    int
		want bool
	}{
		{0, 1, true}, {0, 0, false}, {-1, 5, false}, {crypto.MaxBlobSize - 1, 1, true}, {crypto.MaxBlobSize, 1, false},
		{1 << 62, 1, false}, {1, crypto.MaxBlobSize, false}, {0, crypto.MaxBlobSize, true},
	} {
		if got := cacheable(c.off, c.n); got != c.want {
			t.Errorf("cacheable(%d, %d) = %v", c.off, c.n, got)
		}
	}
}

// TestSegments reads a full chunk as the reader of a file does: each segment is fetched once and exactly.
func TestSegments(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, crypto.MaxBlobSize)
	for _, i := range []int{40, 0, 79, 41} {
		off, n, _ := crypto.SealedSegmentAt(crypto.ChunkSize, i)
		start := startOf(i)
		f.wants(f.reads(name, data, off, n), ranged(start, int64(off+n)-start))
		f.wants(f.reads(name, data, off, n))
		f.wants(f.reads(name, data, off+100, 4096))
	}
	// Cached blocks in the middle are not fetched again; missing ones beside them are, in one request per gap.
	f.wants(f.reads(name, data, int(startOf(39)), 4*blockSize), ranged(startOf(39), blockSize),
		ranged(startOf(42), blockSize))
	f.wants(f.reads(name, data, int(startOf(50)), 3*blockSize), ranged(startOf(50), 3*blockSize))
	f.wants(f.reads(name, data, int(startOf(51))+1, 10))
}

// TestPages reads nodes of a pack: the first read ends at the needed end, rounded to hide the exact size, the second
// fetches the rest of the block, the others make no request.
func TestPages(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, 50_000)
	f.wants(f.reads(name, data, 4000, 2000), ranged(0, int64(crypto.CoverEnd(6000))))
	f.wants(f.reads(name, data, 1000, 5000))
	f.wants(f.reads(name, data, 6000, 3000), ranged(0, endOf(0)))
	f.wants(f.reads(name, data, 49_000, 1000))
	f.wants(f.reads(name, data, 0, 50_000))

	if err := f.GetRange(t.Context(), name, 49_000, make([]byte, 1001)); !errors.Is(err, remote.ErrCorrupt) {
		t.Errorf("a range past the end: %v", err)
	}
	f.wants(f.reads(name, data, 49_000, 1000))
}

// TestDistant reads nodes of a pack at a distance: blocks are fetched whole, so their neighbours need no request.
func TestDistant(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, 100_000)
	for _, c := range []struct {
		pace remote.Pace
		want request
	}{
		{remote.Pace{}, ranged(0, int64(crypto.CoverEnd(6000)))},
		{remote.Pace{RoundTrip: 50 * time.Millisecond, Down: 1e6}, ranged(0, int64(crypto.CoverEnd(6000)))},
		{remote.Pace{RoundTrip: 50 * time.Millisecond, Down: 2e6}, ranged(0, endOf(0))},
	} {
		f.pace = func() remote.Pace { return c.pace }
		f.drop(name)
		f.wants(f.reads(name, data, 4000, 2000), c.want)
	}
	f.wants(f.reads(name, data, 60_000, 1000))
	f.wants(f.reads(name, data, 90_000, 1000), ranged(startOf(1), blockSize))
	f.wants(f.reads(name, data, 99_000, 1000))
}

// TestEndLies: a remote that lies about where a blob ends costs requests, no more.
func TestEndLies(t *testing.T) {
	for _, lie := range []int64{0, 10, 20_100, 60_000, 1 << 40, -5} {
		f := newFixture(t, Options{})
		name, data := f.spy.store(t, 1, 50_000)
		f.inner = lyingEnd{f.spy, lie}
		f.pace = func() remote.Pace { return remote.Pace{RoundTrip: time.Second, Down: 1e9} }
		for _, off := range []int64{0, 20_000, 49_900, 20_000} {
			p := make([]byte, 100)
			if err := f.GetRange(t.Context(), name, off, p); err == nil && !bytes.Equal(p, data[off:off+100]) {
				t.Errorf("%d: other bytes from %d on", lie, off)
			}
		}
		f.inner = f.spy
		f.reads(name, data, 0, 50_000)
	}
}

// lyingEnd is a remote that ends blobs at a wrong place, if it may.
type lyingEnd struct {
	remote.Store
	size int64
}

func (l lyingEnd) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if q, err := remote.Clip(ctx, name, l.size, off, p); err == nil {
		p = q[:min(int64(len(q)), 50_000-off)]
	}
	return l.Store.GetRange(ctx, name, off, p)
}

func TestPutFills(t *testing.T) {
	f := newFixture(t, Options{})
	for _, c := range []struct {
		size int
		held bool
	}{{4096, true}, {int(endOf(0)), true}, {int(endOf(0)) + 1, false}, {crypto.MaxBlobSize, false}} {
		data := randomBytes(byte(c.size), c.size)
		name := crypto.NameOf(data)
		if err := f.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		if got := f.reads(name, data, c.size-100, 100); (len(got) == 0) != c.held {
			t.Errorf("after a Put of %d bytes the remote saw %v", c.size, got)
		}
		for i := range data { // the caller may reuse its buffer
			data[i] = 0
		}
		if got, err := f.Get(t.Context(), name); err != nil || crypto.NameOf(got) != name {
			t.Errorf("after a Put of %d bytes Get gave %d bytes, %v", c.size, len(got), err)
		}
	}
	wrong := crypto.NameOf([]byte("something else"))
	if err := f.Put(t.Context(), wrong, remote.BytesBody(randomBytes(9, 5000))); err != nil {
		t.Skip("this remote looks itself")
	}
	if b := f.mem.peek(span{name: wrong}.key(0)); b != nil {
		t.Error("bytes of another name were kept")
	}
}

func TestGetWhole(t *testing.T) {
	f := newFixture(t, Options{Memory: 64 << 20, Large: crypto.MaxBlobSize})
	for _, size := range []int{1, 4096, int(endOf(0)), int(endOf(0)) + 1, 300_000, crypto.MaxBlobSize} {
		name, data := f.spy.store(t, byte(size), size)
		f.spy.seen()
		for i := range 3 {
			got, err := f.Get(t.Context(), name)
			if err != nil || string(got) != string(data) {
				t.Fatalf("Get of %d bytes gave %d, %v", size, len(got), err)
			}
			clear(got) // it is the caller's
			if want := min(1, 1-i); len(f.spy.seen()) > max(want, 0) {
				t.Errorf("size %d, turn %d: the remote was asked again", size, i)
			}
		}
		f.wants(f.reads(name, data, size/2, size-size/2))
	}
}

// TestGetAssembledIsChecked: blocks that were fetched by range have no name; the assembled blob has one.
func TestGetAssembledIsChecked(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, 150_000)
	if _, err := f.Get(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	bad := &tier.Block{Data: randomBytes(7, blockSize), Size: 150_000}
	f.mem.set(span{name: name}.key(1), bad)
	f.spy.seen()
	got, err := f.Get(t.Context(), name)
	if err != nil || string(got) != string(data) {
		t.Fatalf("Get gave %d bytes, %v", len(got), err)
	}
	f.wants(f.spy.seen(), request{op: remote.OpGet})
	f.wants(f.reads(name, data, 80_000, 100))
}

func TestDelete(t *testing.T) {
	f := newFixture(t, Options{Dir: t.TempDir()})
	name, data := f.spy.store(t, 1, 200_000)
	f.reads(name, data, 0, 200_000)
	f.settle()
	if err := f.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := f.GetRange(t.Context(), name, 0, make([]byte, 10)); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a range of a deleted blob: %v", err)
	}
	if _, err := f.Get(t.Context(), name); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a deleted blob: %v", err)
	}
	f.settle()
	if s := f.Stats(); s.Memory.Entries != 0 || s.Disk.Entries != 0 {
		t.Errorf("after Delete the tiers hold %+v", s)
	}
}

// TestDeleteDuringFetch: a fetch under way when its blob is deleted is not kept.
func TestDeleteDuringFetch(t *testing.T) {
	f := newFixture(t, Options{Dir: t.TempDir()})
	name, data := f.spy.store(t, 1, 50_000)
	// The remote reads the bytes before the deletion; only its answer is late.
	read, answer := make(chan struct{}), make(chan struct{})
	f.spy.set(nil, func(string, []byte) { close(read); <-answer })
	var wg sync.WaitGroup
	wg.Go(func() {
		p := make([]byte, 100)
		if err := f.GetRange(t.Context(), name, 0, p); err != nil || string(p) != string(data[:100]) {
			t.Errorf("the read under way: %v", err)
		}
	})
	<-read
	if err := f.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	close(answer)
	wg.Wait()
	f.spy.set(nil, nil)
	f.settle()
	if err := f.GetRange(t.Context(), name, 0, make([]byte, 10)); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a range of a deleted blob: %v", err)
	}
}

func TestPastCaches(t *testing.T) {
	for _, o := range []Options{{}, {Memory: -1, Dir: t.TempDir()}, {Dir: t.TempDir()}, {Local: true}} {
		t.Run(fmt.Sprintf("%+v", o.Memory), func(t *testing.T) {
			f := newFixture(t, o)
			name, data := f.spy.store(t, 1, 60_000)
			// The remote lies once; both tiers hold the lie.
			f.spy.set(nil, func(_ string, p []byte) { clear(p) })
			lie := make([]byte, 1000)
			if err := f.GetRange(t.Context(), name, 100, lie); err != nil {
				t.Fatal(err)
			}
			f.settle()
			f.spy.set(nil, nil)
			f.spy.seen()
			if err := f.GetRange(t.Context(), name, 100, lie); err != nil || lie[0] != 0 || len(f.spy.seen()) != 0 {
				t.Fatal("the lie is not held, so this shows nothing")
			}
			p := make([]byte, 1000)
			past := remote.PastCaches(t.Context())
			if err := f.GetRange(past, name, 100, p); err != nil || string(p) != string(data[100:1100]) {
				t.Fatalf("past caches came something else, %v", err)
			}
			f.wants(f.spy.seen(), ranged(0, int64(crypto.CoverEnd(1100))))
			f.settle()
			f.wants(f.reads(name, data, 100, 1000)) // replaced, and held
			f.reads(name, data, 0, 60_000)
			if got, err := f.Get(past, name); err != nil || string(got) != string(data) {
				t.Fatalf("Get past caches: %v", err)
			}
		})
	}
}

// TestPastCachesReachesCachesBelow: the mark goes on with the request.
func TestPastCachesReachesCachesBelow(t *testing.T) {
	f := newFixture(t, Options{})
	name, data := f.spy.store(t, 1, 5000)
	marks := make(chan bool, 10)
	f.spy.set(func(ctx context.Context, _ string) error { marks <- remote.IsPastCaches(ctx); return nil }, nil)
	f.reads(name, data, 0, 100)
	p := make([]byte, 100)
	if err := f.GetRange(remote.PastCaches(t.Context()), name, 0, p); err != nil {
		t.Fatal(err)
	}
	if <-marks || !<-marks {
		t.Error("the mark of PastCaches was made up or lost")
	}
}

// TestLocal: large reads of a local remote bypass the cache, small ones are cached.
func TestLocal(t *testing.T) {
	f := newFixture(t, Options{Local: true, Dir: t.TempDir()})
	name, data := f.spy.store(t, 1, crypto.PaddedSize(500_000))
	if len(f.levels) > 0 {
		t.Error("a local remote has a disk tier")
	}
	for range 2 {
		f.wants(f.reads(name, data, 1000, DefaultLargeLocal+1), ranged(1000, DefaultLargeLocal+1))
	}
	f.reads(name, data, 300_000, 8000)
	f.wants(f.reads(name, data, 300_000, 8000))
	if s := f.Stats(); s.Passed != 2 || s.Memory.Entries != 1 {
		t.Errorf("stats are %+v", s)
	}
}

// TestScan: films read in large reads evict nothing, and films read by segment evict few blocks in use.
func TestScan(t *testing.T) {
	for name, c := range map[string]struct{ step, lost int }{"in one go": {crypto.MaxBlobSize, 0},
		"by segment": {blockSize, 40}} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{Memory: 8 << 20})
			film := func(seed byte, step int) {
				name, data := f.spy.store(t, seed, crypto.MaxBlobSize)
				for off := 0; off < len(data); off += step {
					f.reads(name, data, off, min(step, len(data)-off))
				}
			}
			film(99, blockSize) // the policy begins to count when memory is half full
			pages := map[crypto.BlobName][]byte{}
			for i := range 20 {
				name, data := f.spy.store(t, byte(i), crypto.PaddedSize(8000))
				pages[name] = data
			}
			lost := -len(pages) // they all must come once
			for i := range 10 {
				for name, data := range pages {
					for range 2 {
						lost += len(f.reads(name, data, 0, len(data)))
					}
				}
				film(byte(100+i), c.step)
			}
			if lost > c.lost {
				t.Errorf("of 400 reads of pages while 50 MB went by, %d missed", lost)
			}
			if s := f.Stats().Memory; s.Bytes > s.Limit {
				t.Errorf("memory holds %d bytes of at most %d", s.Bytes, s.Limit)
			}
		})
	}
}
