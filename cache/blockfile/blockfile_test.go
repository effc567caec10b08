package blockfile

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/cache/tier"
	"postern/crypto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(i int) tier.Key {
	return tier.Key{Blob: crypto.NameOf([]byte(strconv.Itoa(i / 3))), Index: uint32(i % 3)}
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
	disk, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	return disk
}

// put, get and drop handle one block or blob.
func put(disk *Tier, k tier.Key, data []byte, size int64) {
	if err := disk.Put(context.Background(),
		[]tier.Entry{{Key: k, Block: tier.Block{Data: data, Size: size}}}); err != nil {
		panic(err)
	}
}

func get(disk *Tier, k tier.Key) (data []byte, size int64, ok bool) {
	if err := disk.Get(context.Background(), []tier.Key{k},
		func(_ int, b tier.Block) { data, size, ok = b.Data, b.Size, true }); err != nil {
		panic(err)
	}
	return data, size, ok
}

func drop(disk *Tier, blob crypto.BlobName) { _ = disk.Delete(context.Background(), blob) }

// onDiskBytes returns the bytes on disk of the files below a folder, and their number.
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

// TestBounded: the bound holds while blocks are added, and at the next start even if it is smaller; recently used
// blocks stay.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	disk := opened(t, dir, Options{Limit: 10 * 8192})
	key := func(i int) tier.Key { return key(3 * i) } // each block is all of its blob
	store := func(i int) {
		put(disk, key(i), bytesOf(i, 8000), 0)
		disk.Scanned()
	}
	for i := range 10 {
		store(i)
	}
	for i := range 5 {
		if _, _, ok := get(disk, key(i)); !ok {
			t.Fatalf("block %d is gone, and all of them fit", i)
		}
	}
	for i := 10; i < 15; i++ {
		store(i)
	}
	for i := range 15 {
		if _, _, ok := get(disk, key(i)); ok != (i < 5 || i >= 10) {
			t.Errorf("block %d is there: %v", i, ok)
		}
	}
	s := disk.Stats()
	if sum, n := onDiskBytes(t, dir); sum != s.Bytes || sum > s.Limit || n != 10 || s.Evicted != 5 {
		t.Errorf("the folder has %d files of %d bytes, the stats say %+v", n, sum, s)
	}
	disk.Close()

	// Written at different times, so that the order is known.
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 10; i < 15; i++ {
		if err := os.Chtimes(disk.path(key(i).Blob), base, base.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		if err := os.Chtimes(disk.path(key(i).Blob), base, base); err != nil {
			t.Fatal(err)
		}
	}
	disk = opened(t, dir, Options{Limit: 3 * 8192})
	disk.Scanned()
	for i := range 15 {
		data, _, ok := get(disk, key(i))
		if ok != (i >= 12) || ok && string(data) != string(bytesOf(i, 8000)) {
			t.Errorf("after the start block %d is there: %v", i, ok)
		}
	}
	if sum, n := onDiskBytes(t, dir); n != 3 || sum > 3*8192 {
		t.Errorf("after the start the folder has %d files of %d bytes", n, sum)
	}
	put(disk, key(20), bytesOf(20, 3*8192), 0) // more than fits at all
	put(disk, tier.Key{Index: tier.MaxIndex + 1}, []byte("x"), 0)
	put(disk, key(21), make([]byte, tier.MaxBlock+1), 0)
	if s := disk.Stats(); s.Entries != 3 {
		t.Errorf("a block above the bound: %+v", s)
	}
}

// TestStrangers: foreign files are left alone, those of earlier builds are removed.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	disk := opened(t, dir, Options{})
	put(disk, key(0), []byte("zero"), 4)
	disk.Scanned()
	disk.Close()
	mine := disk.path(key(0).Blob)
	strangers := []string{
		filepath.Join(dir, "README"), filepath.Join(filepath.Dir(mine), "notes.txt"), filepath.Join(dir, "zz", "x"),
		mine + "-0A", mine + ".bak", filepath.Join(filepath.Dir(mine), strings.ToUpper(filepath.Base(mine))),
		filepath.Join(dir, "no", filepath.Base(mine)),
	}
	former := []string{mine + "-0a", mine + "-0b.new"}
	for _, path := range append(strangers, former...) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disk = opened(t, dir, Options{})
	disk.Scanned()
	if s := disk.Stats(); s.Entries != 1 {
		t.Errorf("the index is %+v", s)
	}
	for _, path := range strangers {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range former {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s of an earlier build is still there", filepath.Base(path))
		}
	}
}

// TestDropBeforeScan: a blob that is dropped before the scan has ended stays away.
func TestDropBeforeScan(t *testing.T) {
	dir := t.TempDir()
	disk := opened(t, dir, Options{})
	put(disk, key(0), []byte("zero"), 4)
	disk.Scanned()
	disk.Close()
	again := newTier(dir, Options{})
	drop(again, key(0).Blob)
	again.scan()
	if _, _, ok := get(again, key(0)); ok {
		t.Error("what was dropped came back")
	}
	if _, n := onDiskBytes(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestRuns: blocks that are put together or one after the other lie in one file, and a block that is replaced often
// does not make it grow without bound.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	disk := opened(t, dir, Options{})
	disk.Scanned()
	blob := crypto.NameOf([]byte("blob"))
	var blocks []tier.Entry
	var keys []tier.Key
	for i := range 20 {
		k := tier.Key{Blob: blob, Index: uint32(i)}
		keys = append(keys, k)
		blocks = append(blocks, tier.Entry{Key: k, Block: tier.Block{Data: bytesOf(i, 60_000), Size: 20}})
	}
	for _, part := range [][]tier.Entry{blocks[3:15], blocks[:3], blocks[15:]} {
		if err := disk.Put(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		put(disk, keys[7], bytesOf(i, 60_000), 20)
		if size, n := onDiskBytes(t, dir); n != 1 || size > 4*mostDead || size != disk.Stats().Bytes {
			t.Fatalf("%d files with %d bytes, the stats say %+v", n, size, disk.Stats())
		}
	}
	for range 2 {
		found := 0
		if err := disk.Get(t.Context(), keys, func(i int, b tier.Block) {
			found++
			if i != 7 && string(b.Data) != string(bytesOf(i, 60_000)) {
				t.Errorf("block %d is another", i)
			}
		}); err != nil || found != disk.Stats().Entries || found == 0 {
			t.Errorf("%d of %d blocks are found: %v", found, disk.Stats().Entries, err)
		}
		if data, _, ok := get(disk, keys[7]); !ok || string(data) != string(bytesOf(199, 60_000)) {
			t.Error("the block that was replaced is not the newest")
		}
		entries := disk.Stats().Entries
		disk.Close()
		disk = opened(t, dir, Options{})
		disk.Scanned()
		if s := disk.Stats(); s.Entries != entries {
			t.Errorf("%d blocks after a start, there were %d", s.Entries, entries)
		}
	}
}

// TestAgainstMap: after any sequence of puts, drops, reads and restarts, a read returns the newest block or a miss, and
// within the bound never a miss.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		disk, err := Open(dir, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { disk.Close() }()
		type value struct {
			data string
			size int64
		}
		want := map[tier.Key]value{}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				data := bytesOf(rapid.IntRange(0, 1000).Draw(rt, "seed"), rapid.IntRange(0, 9000).Draw(rt, "n"))
				size := rapid.Int64Range(0, 1<<30).Draw(rt, "size")
				want[k] = value{string(data), size}
				put(disk, k, data, size)
			},
			"get": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				data, size, ok := get(disk, k)
				w, there := want[k]
				if ok != there || string(data) != w.data || size != w.size {
					rt.Fatalf("%d bytes, size %d, %v; want %d, %d, %v", len(data), size, ok, len(w.data), w.size, there)
				}
			},
			"drop": func(rt *rapid.T) {
				k := key(rapid.IntRange(0, 8).Draw(rt, "key"))
				drop(disk, k.Blob)
				for i := range 3 {
					delete(want, tier.Key{Blob: k.Blob, Index: uint32(i)})
				}
			},
			"settle": func(*rapid.T) { disk.Scanned() },
			"restart": func(rt *rapid.T) {
				disk.Scanned()
				disk.Close()
				if disk, err = Open(dir, Options{}); err != nil {
					rt.Fatal(err)
				}
				disk.Scanned()
			},
		})
	})
}

func TestConcurrent(t *testing.T) {
	disk := opened(t, t.TempDir(), Options{Limit: 40 * 4096})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 300 {
				i := r.IntN(60)
				switch r.IntN(8) {
				case 0:
					drop(disk, key(i).Blob)
				case 1, 2, 3:
					put(disk, key(i), bytesOf(i, 100+i), int64(i))
				default:
					if data, size, ok := get(disk, key(i)); ok && (string(data) != string(bytesOf(i, 100+i)) || size != int64(i)) {
						t.Errorf("block %d came back as something else", i)
					}
				}
			}
		})
	}
	wg.Wait()
	disk.Scanned()
	if s := disk.Stats(); s.Bytes > s.Limit || s.Corrupt != 0 {
		t.Errorf("stats are %+v", s)
	}
}
