package tree_test

import (
	"fmt"
	"runtime"
	"testing"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
	"postern/vfs/vfstest"
)

// photo returns the entry of a file of one chunk in a blob, as most entries are.
func photo(path string, n int) tree.Put {
	return tree.Put{Path: path, Entry: object.Entry{
		Kind: object.File, Size: 3 << 20, Modified: 1_700_000_000_123_456_789 + int64(n), Created: 1_700_000_000_123_456_789,
		ContentType: "image/jpeg", Version: vfs.Version{1, 15: byte(n)}, MD5: [16]byte{2}, SHA1: [20]byte{3},
		Content: object.Content{Chunks: []object.Chunk{{Blob: crypto.BlobName{4, byte(n), byte(n >> 8)}, Off: 96,
			Meta: crypto.MetaKey{5}, Bytes: crypto.BytesKey{6}}}},
	}}
}

// folder returns a tree with n photos in /photos, written in order, as programs do, and sealed every 20,000.
func folder(tb testing.TB, s *store, n int) (tree.Tree, object.Ref) {
	tb.Helper()
	tr := must(tb, empty(s, 0), tree.Mkdir{Path: "/photos"})
	var last object.Ref
	for i := range n {
		tr = must(tb, tr, photo(fmt.Sprintf("/photos/IMG_%07d.jpg", i), i))
		if i%20000 == 19999 || i == n-1 {
			p := seal(tb, s, tr)
			p.Settle()
			last = p.Commit
		}
	}
	return tr, last
}

func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr, _ := folder(b, newStore(), n)
			op := photo("/photos/IMG_0000500.jpg", 1)
			for i := 0; b.Loop(); i++ {
				op.Path = fmt.Sprintf("/photos/IMG_%07d.jpg", i*7919%n)
				tr = must(b, tr, op)
			}
		})
	}
}

func BenchmarkListCold(b *testing.B) {
	const n = 10_000
	s := newStore()
	_, at := folder(b, s, n)
	for b.Loop() {
		tr := reopen(b, s, at, 0)
		if got := len(names(b, tr, "/photos")); got != n {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkLookup(b *testing.B) {
	const n = 100_000
	tr, _ := folder(b, newStore(), n)
	for i := 0; b.Loop(); i++ {
		if _, err := tr.Lookup(b.Context(), fmt.Sprintf("/photos/IMG_%07d.jpg", i*7919%n)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPackOneChange(b *testing.B) {
	s := newStore()
	tr, _ := folder(b, s, 100_000)
	for i := 0; b.Loop(); i++ {
		tr = must(b, tr, photo("/photos/IMG_0005000.jpg", i))
		seal(b, s, tr).Settle()
	}
}

func BenchmarkEncodeOp(b *testing.B) {
	op := photo("/photos/IMG_0005000.jpg", 1)
	for b.Loop() {
		if _, err := tree.EncodeOp(op); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMillionEntries(t *testing.T) {
	if testing.Short() || vfstest.UnderRace {
		t.Skip("skipped: a folder of a million entries takes half a minute, ten times that under the race detector")
	}
	const n = 1_000_000
	s := newStore()
	tr, at := folder(t, s, n)
	if e, err := tr.Lookup(t.Context(), "/photos"); err != nil || e.Count() != n || e.Info().Size != n*3<<20 {
		t.Fatalf("a folder of %d entries (%v)", e.Count(), err)
	}

	t.Run("a look touches a page of each level", func(t *testing.T) {
		tr := reopen(t, s, at, 0)
		before := s.reads
		if _, err := tr.Lookup(t.Context(), "/photos/IMG_0777777.jpg"); err != nil {
			t.Fatal(err)
		}
		if got := s.reads - before; got > 6 {
			t.Errorf("%d pages were read for one look", got)
		}
	})
	t.Run("a change seals a page of each level", func(t *testing.T) {
		tr := must(t, reopen(t, s, at, 0), photo("/photos/IMG_0777777.jpg", 9))
		p := seal(t, s, tr)
		if size := len(s.blobs[p.Blobs[0]]); len(p.Blobs) != 1 || p.Pages > 6 || size > 48<<10 {
			t.Errorf("one change made %d pages in %d blobs, the first of %d bytes", p.Pages, len(p.Blobs), size)
		}
	})
	t.Run("a listing takes little memory", func(t *testing.T) {
		const memory = 4 << 20
		nodes := tree.NewNodes(s, tree.Options{Memory: memory})
		c, _, err := nodes.Commit(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		tr := tree.New(nodes, c.Root)
		base, most, count := heap(), int64(0), 0
		for _, err := range tr.List(t.Context(), "/photos") {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count%100_000 == 0 {
				most = max(most, heap())
			}
		}
		if count != n {
			t.Errorf("listed %d entries, want %d", count, n)
		}
		if pages, used := nodes.Pages(); used > memory || pages == 0 {
			t.Errorf("%d pages of %d bytes are kept, want at most %d bytes", pages, used, memory)
		}
		if most > base+3*memory {
			t.Errorf("the heap grew from %d to %d bytes", base, most)
		}
	})
}

// TestForget: forgotten pages take no memory, and are loaded again.
func TestForget(t *testing.T) {
	s := newStore()
	_, at := folder(t, s, 5000)
	pages := tree.NewPages(0)
	nodes := tree.NewNodes(s, tree.Options{Pages: pages})
	c, _, err := nodes.Commit(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	tr := tree.New(nodes, c.Root)
	for range 2 {
		n := 0
		for _, err := range tr.List(t.Context(), "/photos") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if kept, used := nodes.Pages(); n != 5000 || kept < 10 || used < 5000*100 {
			t.Fatalf("%d entries were listed, and %d pages of %d bytes are kept", n, kept, used)
		}
		pages.Forget()
		if kept, used := nodes.Pages(); kept != 0 || used != 0 {
			t.Errorf("%d pages of %d bytes are kept after all were forgotten", kept, used)
		}
	}
}

// TestSettledPagesAreDropped: committed pages are released from memory although the tree, the pack and earlier trees
// are still referenced.
func TestSettledPagesAreDropped(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a folder of 50,000 entries")
	}
	const n = 50_000
	s := newStore()
	begin := heap()
	tr := empty(s, 1<<20)
	old := tr
	for i := range n {
		if tr = must(t, tr, photo(fmt.Sprintf("/IMG_%07d.jpg", i), i)); i == n/2 {
			old = tr
		}
	}
	dirty := heap() - begin
	p := seal(t, s, tr)
	for _, b := range s.blobs {
		begin += int64(cap(b))
	}
	p.Settle()
	if left := heap() - begin; left > dirty/5 || dirty < n*300 {
		t.Errorf("%d bytes in memory when dirty, %d when settled", dirty, left)
	}
	if e, err := tr.Lookup(t.Context(), "/IMG_0000000.jpg"); err != nil || e.IsZero() {
		t.Error(err)
	}
	if got := len(names(t, old, "/")); got != n/2+1 {
		t.Errorf("the old tree lists %d", got)
	}
	p.Settle() // a second call does nothing
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
