package staging

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/remote/localfs/simfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dir = "/home/staging"

func open(t testing.TB, o Options) *Area {
	t.Helper()
	a, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func blob(seed, n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(p)
	return p
}

// stage stages blobs, seals the batch and ends it.
func stage(t testing.TB, a *Area, blobs ...[]byte) []crypto.BlobName {
	t.Helper()
	b := a.Begin()
	var names []crypto.BlobName
	for _, p := range blobs {
		name, err := b.Add(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := b.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Done()
	return names
}

func holds(t testing.TB, a *Area, name crypto.BlobName, want []byte) {
	t.Helper()
	got, err := a.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("blob %v has other bytes", name)
	}
}

// sizes are close to the buffer's size and to the alignment of direct writes.
var sizes = []int{1, 4095, 4096, 4097, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 5000,
	crypto.MaxBlobSize}

// director notes which files were made for writes past the page cache.
type director struct {
	localfs.OS
	direct []bool
}

func (d *director) Create(path string) (localfs.File, error) {
	d.direct = append(d.direct, false)
	return d.OS.Create(path)
}

func (d *director) CreateDirect(path string) (localfs.File, error) {
	d.direct = append(d.direct, true)
	return d.OS.CreateDirect(path)
}

// TestThroughCache: the first blobs of a change go through the page cache, later ones past it.
func TestThroughCache(t *testing.T) {
	d := &director{}
	a, err := Open(filepath.Join(t.TempDir(), "staging"), Options{FS: d})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b := a.Begin()
		for range cached/crypto.MaxBlobSize + 1 {
			w, err := b.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Discard()
		}
		b.Abort()
		last := len(d.direct) - 1
		if !d.direct[last] || slices.Contains(d.direct[:last], true) {
			t.Errorf("blobs of a change that are written past the page cache: %v", d.direct)
		}
		d.direct = nil
	}
}

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		fs    localfs.FS
		begun int64
	}{"simulated": {fs: simfs.New()}, "system": {}, "past the page cache": {begun: cached}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "staging")
			o := Options{FS: c.fs}
			a, err := Open(path, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range sizes {
				p := blob(i, n)
				b := a.Begin()
				b.begun = c.begun
				w, err := b.Create(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for rest := p; len(rest) > 0; rest = rest[min(len(rest), 70001):] {
					if _, err := w.Write(rest[:min(len(rest), 70001)]); err != nil {
						t.Fatal(err)
					}
				}
				name, err := w.Finish(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if name != crypto.NameOf(p) {
					t.Errorf("%d bytes got another name", n)
				}
				if err := b.Seal(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.Done()
				b.Abort() // no effect after Done
				holds(t, a, name, p)
				part := make([]byte, min(n, 100))
				if err := a.GetRange(t.Context(), name, int64(n-len(part)), part); err != nil ||
					!bytes.Equal(part, p[n-len(part):]) {
					t.Errorf("the end of %d bytes: %v", n, err)
				}
				if err := a.GetRange(t.Context(), name, int64(n-len(part))+1, part); !errors.Is(err, remote.ErrCorrupt) {
					t.Errorf("a range past %d bytes: %v", n, err)
				}
			}
			again, err := Open(path, o)
			if err != nil {
				t.Fatal(err)
			}
			used, _ := again.Used()
			before, _ := a.Used()
			if len(again.Names()) != len(sizes) || used != before {
				t.Errorf("%d blobs of %d bytes after opening again", len(again.Names()), used)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	for name, o := range map[string]Options{"simulated": {FS: simfs.New()}, "system": {}} {
		a, err := Open(filepath.Join(t.TempDir(), "staging"), o)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range sizes {
			p := blob(i, n)
			b := a.Begin()
			w, _ := b.Create(t.Context())
			w.Write(p)
			head := blob(77, min(n, 96))
			if err := w.Rewrite(head); err != nil {
				t.Fatal(err)
			}
			if err := w.Rewrite(make([]byte, n+1)); err == nil {
				t.Error("more was rewritten than there is")
			}
			copy(p, head)
			got, err := w.Finish(t.Context())
			if err != nil || got != crypto.NameOf(p) {
				t.Fatalf("%s, %d bytes: %v, %v", name, n, got, err)
			}
			if err := b.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			holds(t, a, got, p)
			b.Abort()
			if a.Has(got) {
				t.Error("an aborted batch left a blob")
			}
		}
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	sim := simfs.New()
	a := open(t, Options{FS: sim})
	kept := stage(t, a, blob(1, 5000))
	b := a.Begin()
	b.Add(t.Context(), blob(2, 5000))
	b.Add(t.Context(), blob(1, 5000)) // already there, and stays
	w, _ := b.Create(t.Context())
	w.Write(blob(3, 2*bufferSize))
	w.Discard()
	w.Discard()
	b.Abort()
	b.Abort()
	if names := a.Names(); len(names) != 1 || names[0] != kept[0] {
		t.Errorf("left: %v", names)
	}
	if list, _ := sim.List(dir); len(list) != 1 {
		t.Errorf("files left: %v", list)
	}
	if used, _ := a.Used(); used != 5000 {
		t.Errorf("%d bytes used", used)
	}
	if _, err := b.Add(t.Context(), blob(4, 10)); err == nil {
		t.Error("a batch that has ended took a blob")
	}
	holds(t, a, kept[0], blob(1, 5000))
}

func TestReleaseAndKeep(t *testing.T) {
	sim := simfs.New()
	names := stage(t, open(t, Options{FS: sim}), blob(1, 10), blob(2, 20), blob(3, 30))
	f, _ := sim.Create(dir + "/stale" + tempSuffix)
	f.Close()
	a := open(t, Options{FS: sim})
	if n := a.Keep(map[crypto.BlobName]struct{}{names[0]: {}, names[2]: {}}); n != 1 {
		t.Errorf("%d blobs released, want 1", n)
	}
	a.Release(names[2], names[2], crypto.BlobName{9})
	if list, _ := sim.List(dir); len(list) != 1 || list[0].Name != names[0].String() {
		t.Errorf("files left: %v", list)
	}
	if used, _ := a.Used(); used != 10 {
		t.Errorf("%d bytes used", used)
	}
	if _, err := a.Get(t.Context(), names[1]); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a released blob: %v", err)
	}
	if _, err := a.Body(names[1]); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("the body of a released blob: %v", err)
	}
}

// TestReleaseDuringBatch: a blob that an open batch also holds survives the release of its name.
func TestReleaseDuringBatch(t *testing.T) {
	a := open(t, Options{FS: simfs.New()})
	names := stage(t, a, blob(1, 10))
	b := a.Begin()
	b.Add(t.Context(), blob(1, 10))
	if err := b.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Release(names...)
	holds(t, a, names[0], blob(1, 10))
	b.Done()
	holds(t, a, names[0], blob(1, 10))
	if len(a.Names()) != 1 {
		t.Error("a blob that a batch kept is gone")
	}
}

func TestSyncFails(t *testing.T) {
	sim := simfs.New()
	a := open(t, Options{FS: sim})
	sim.FailSyncs(io.ErrClosedPipe)
	b := a.Begin()
	if _, err := b.Add(t.Context(), blob(1, 100)); err != nil {
		t.Fatal(err)
	}
	if err := b.Seal(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("seal: %v", err)
	}
	if err := b.Seal(t.Context()); err == nil {
		t.Error("a batch that failed was sealed")
	}
	b.Abort()
	if list, _ := sim.List(dir); len(list) != 0 {
		t.Errorf("files left: %v", list)
	}
}

// TestPowerLoss: after any power loss sealed blobs are whole, and a file with a blob's name has the blob's bytes.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		sim := simfs.New()
		a, err := Open(dir, Options{FS: sim})
		if err != nil {
			t.Fatal(err)
		}
		sealed := map[crypto.BlobName]bool{}
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 5), 1, 6).Draw(t, "batches") {
			b := a.Begin()
			var names []crypto.BlobName
			for k := range n {
				name, err := b.Add(context.Background(), blob(100*i+k, 1+rnd.IntN(20000)))
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
			if rnd.IntN(3) == 0 {
				continue // never sealed
			}
			if err := b.Seal(context.Background()); err != nil {
				t.Fatal(err)
			}
			b.Done()
			for _, name := range names {
				sealed[name] = true
			}
			if rnd.IntN(3) == 0 {
				a.Release(names[0])
				delete(sealed, names[0])
			}
		}
		for range 5 {
			after, err := Open(dir, Options{FS: sim.PowerLoss(rnd)})
			if err != nil {
				t.Fatal(err)
			}
			for name := range sealed {
				if !after.Has(name) {
					t.Fatalf("blob %v was sealed and is lost", name)
				}
			}
			for _, name := range after.Names() {
				p, err := after.Get(context.Background(), name)
				if err != nil || crypto.NameOf(p) != name {
					t.Fatalf("blob %v is not whole: %v", name, err)
				}
			}
		}
	})
}

func TestBody(t *testing.T) {
	path := t.TempDir()
	a, err := Open(path, Options{Link: true})
	if err != nil {
		t.Fatal(err)
	}
	p := blob(1, 10000)
	body, err := a.Body(stage(t, a, p)[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := body.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, p) || body.Size() != int64(len(p)) {
			t.Errorf("read %d of %d bytes: %v", len(got), body.Size(), err)
		}
		r.Close()
	}
	second := filepath.Join(t.TempDir(), "second")
	if err := body.(remote.Linker).LinkTo(second); err != nil {
		t.Fatal(err)
	}
	a.Release(crypto.NameOf(p))
	if got, err := os.ReadFile(second); err != nil || !bytes.Equal(got, p) {
		t.Errorf("the second name: %v", err)
	}
	sim := open(t, Options{FS: simfs.New(), Link: true})
	body, _ = sim.Body(stage(t, sim, p)[0])
	if err := body.(remote.Linker).LinkTo("elsewhere"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("linking where that can't be done: %v", err)
	}
	apart := open(t, Options{FS: simfs.New()})
	if body, _ = apart.Body(stage(t, apart, p)[0]); body == nil {
		t.Fatal("no body")
	}
	if _, ok := body.(remote.Linker); ok {
		t.Error("a body can be linked though nobody allowed it")
	}
}

func TestForeignFilesStay(t *testing.T) {
	path := t.TempDir()
	os.WriteFile(filepath.Join(path, "notes.txt"), []byte("mine"), 0o600)
	a, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Keep(nil)
	if _, err := os.Stat(filepath.Join(path, "notes.txt")); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(path, "notes.txt", "below"), Options{}); err == nil ||
		!strings.Contains(err.Error(), "staging") {
		t.Errorf("an area below a file: %v", err)
	}
}

// TestDirectorySyncIsShared: one directory sync serves the batches that are sealed while another sync runs.
func TestDirectorySyncIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enter := make(chan chan struct{})
		count := 0
		g := groupSync{sync: func() error { count++; leave := make(chan struct{}); enter <- leave; <-leave; return nil }}
		done := make(chan error)
		go func() { done <- g.do() }()
		leave := <-enter
		for range 9 {
			go func() { done <- g.do() }()
		}
		synctest.Wait()
		close(leave)
		close(<-enter)
		for range 10 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if count != 2 {
			t.Errorf("10 callers took %d syncs", count)
		}
	})
}
