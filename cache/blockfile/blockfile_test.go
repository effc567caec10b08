package blockfile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/crypto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(i int) Key {
	return Key{Blob: crypto.NameOf([]byte(strconv.Itoa(i / 3))), Index: uint32(i % 3)}
}

func bytesOf(i, n int) []byte {
	data := make([]byte, n)
	var seed [32]byte
	seed[0], seed[1] = byte(i), byte(i>>8)
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	return data
}

func opened(t *testing.T, dir string, o Options) *Tier {
	t.Helper()
	tier, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tier.Close)
	return tier
}

// onDiskBytes is what the files below a folder take.
func onDiskBytes(t *testing.T, dir string) (sum int64, n int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sum += onDisk(info.Size())
	}
	return sum, len(paths)
}

// TestBounded: the bound holds while blocks come, and at the next start also when it is smaller then; what was used last
// stays.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	tier := opened(t, dir, Options{Limit: 10 * 8192})
	put := func(i int) {
		tier.Put(key(i), bytesOf(i, 8000), 0)
		tier.Settle()
	}
	for i := range 10 {
		put(i)
	}
	for i := range 5 {
		if _, _, ok := tier.Get(key(i)); !ok {
			t.Fatalf("block %d is gone, and all of them fit", i)
		}
	}
	for i := 10; i < 15; i++ {
		put(i)
	}
	for i := range 15 {
		if _, _, ok := tier.Get(key(i)); ok != (i < 5 || i >= 10) {
			t.Errorf("block %d is there: %v", i, ok)
		}
	}
	s := tier.Stats()
	if sum, n := onDiskBytes(t, dir); sum != s.Bytes || sum > s.Limit || n != 10 || s.Evicted != 5 {
		t.Errorf("the folder has %d files of %d bytes, the stats say %+v", n, sum, s)
	}
	tier.Close()

	// Written at different times, so that the order is known.
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 10; i < 15; i++ {
		if err := os.Chtimes(tier.path(key(i)), base, base.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		if err := os.Chtimes(tier.path(key(i)), base, base); err != nil {
			t.Fatal(err)
		}
	}
	tier = opened(t, dir, Options{Limit: 3 * 8192})
	tier.Settle()
	for i := range 15 {
		data, _, ok := tier.Get(key(i))
		if ok != (i >= 12) || ok && string(data) != string(bytesOf(i, 8000)) {
			t.Errorf("after the start block %d is there: %v", i, ok)
		}
	}
	if sum, n := onDiskBytes(t, dir); n != 3 || sum > 3*8192 {
		t.Errorf("after the start the folder has %d files of %d bytes", n, sum)
	}
	tier.Put(key(20), bytesOf(20, 3*8192), 0) // more than fits at all
	tier.Settle()
	if s := tier.Stats(); s.Entries != 3 || s.Dropped != 1 {
		t.Errorf("a block above the bound: %+v", s)
	}
}

// TestStrangers: what is not the tier's is left alone, what an interrupted write left is removed.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	tier := opened(t, dir, Options{})
	tier.Put(key(0), []byte("zero"), 4)
	tier.Settle()
	tier.Close()
	mine := tier.path(key(0))
	strangers := []string{
		filepath.Join(dir, "README"), filepath.Join(filepath.Dir(mine), "notes.txt"), filepath.Join(dir, "zz", "x"),
		filepath.Join(filepath.Dir(mine), filepath.Base(mine)[:64]+"-0A"), mine + ".bak", filepath.Join(dir, "no", filepath.Base(mine)),
	}
	torn := tier.path(key(1)) + suffix
	for _, path := range append(strangers, torn) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tier = opened(t, dir, Options{})
	tier.Settle()
	if s := tier.Stats(); s.Entries != 1 {
		t.Errorf("the index is %+v", s)
	}
	for _, path := range strangers {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(torn); err == nil {
		t.Error("a torn file is still there")
	}
}

// TestQueueIsBounded: who puts never waits; what the disk can't keep up with is dropped and counted.
func TestQueueIsBounded(t *testing.T) {
	tier := newTier(t.TempDir(), Options{Queue: 10_000})
	for i := range 10 { // the writer does not run yet
		tier.Put(key(i), bytesOf(i, 4000), 0)
	}
	if s := tier.Stats(); s.Dropped != 8 || tier.queued != 8000 {
		t.Errorf("%d bytes wait, %d blocks were dropped", tier.queued, s.Dropped)
	}
	tier.Put(key(0), bytesOf(0, 5000), 0) // in place of the one that waits
	if tier.queued != 9000 {
		t.Errorf("%d bytes wait after one was replaced", tier.queued)
	}
	tier.done.Go(tier.scan)
	tier.done.Go(tier.writer)
	defer tier.Close()
	tier.Settle()
	s := tier.Stats()
	if s.Written != 2 || tier.queued != 0 {
		t.Errorf("%d blocks were written, %d bytes wait", s.Written, tier.queued)
	}
	if data, _, ok := tier.Get(key(0)); !ok || len(data) != 5000 {
		t.Errorf("the block that was replaced in the queue has %d bytes", len(data))
	}
	tier.Put(Key{Index: MaxIndex + 1}, []byte("x"), 0)
	tier.Put(key(0), make([]byte, MaxBlock+1), 0)
	tier.Settle()
	if got := tier.Stats().Written; got != s.Written {
		t.Error("a block that can't be named or is too long was written")
	}
}

// TestDropBeforeScan: a blob dropped before it is known what lies there stays away.
func TestDropBeforeScan(t *testing.T) {
	dir := t.TempDir()
	tier := opened(t, dir, Options{})
	tier.Put(key(0), []byte("zero"), 4)
	tier.Settle()
	tier.Close()
	again := newTier(dir, Options{})
	again.Drop(key(0).Blob)
	again.scan()
	if _, _, ok := again.Get(key(0)); ok {
		t.Error("what was dropped came back")
	}
	if _, n := onDiskBytes(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestAgainstMap: blocks put, replaced, dropped and read in any order, across restarts, are the newest put or a miss; and
// within the bound never a miss.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		tier, err := Open(dir, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { tier.Close() }()
		type value struct {
			data string
			size int64
		}
		want := map[Key]value{}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				data := bytesOf(rapid.IntRange(0, 1000).Draw(rt, "seed"), rapid.IntRange(0, 9000).Draw(rt, "n"))
				size := rapid.Int64Range(0, 1<<30).Draw(rt, "size")
				want[k] = value{string(data), size}
				tier.Put(k, data, size)
			},
			"get": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				data, size, ok := tier.Get(k)
				w, there := want[k]
				if ok != there || string(data) != w.data || size != w.size {
					rt.Fatalf("%d bytes, size %d, %v; want %d, %d, %v", len(data), size, ok, len(w.data), w.size, there)
				}
			},
			"drop": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				tier.Drop(k.Blob)
				for i := range 3 {
					delete(want, Key{Blob: k.Blob, Index: uint32(i)})
				}
			},
			"settle": func(*rapid.T) { tier.Settle() },
			"restart": func(rt *rapid.T) {
				tier.Settle()
				tier.Close()
				if tier, err = Open(dir, Options{}); err != nil {
					rt.Fatal(err)
				}
				tier.Settle()
			},
		})
	})
}

func TestConcurrent(t *testing.T) {
	tier := opened(t, t.TempDir(), Options{Limit: 40 * 4096})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 300 {
				i := r.IntN(60)
				switch r.IntN(8) {
				case 0:
					tier.Drop(key(i).Blob)
				case 1, 2, 3:
					tier.Put(key(i), bytesOf(i, 100+i), int64(i))
				default:
					if data, size, ok := tier.Get(key(i)); ok && (string(data) != string(bytesOf(i, 100+i)) || size != int64(i)) {
						t.Errorf("block %d came back as something else", i)
					}
				}
			}
		})
	}
	wg.Wait()
	tier.Settle()
	if s := tier.Stats(); s.Bytes > s.Limit || s.Corrupt != 0 || s.Faults != 0 {
		t.Errorf("stats are %+v", s)
	}
}
