package gc_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/remote/localfs"
	"postern/remote/localfs/simfs"
	"postern/vfs/gc"
	"postern/vfs/object"
)

func notes(t *rapid.T) gc.Notes {
	n := gc.Notes{
		Walked: object.CommitHash{rapid.Byte().Draw(t, "walked")},
		Blobs:  map[crypto.BlobName]int64{},
		Last:   gc.Last{At: rapid.Int64().Draw(t, "at"), Needed: rapid.Int64Min(0).Draw(t, "needed"), Candidates: 3},
	}
	for range rapid.IntRange(0, 50).Draw(t, "blobs") {
		n.Blobs[crypto.BlobName{rapid.Byte().Draw(t, "name"), 31: 1}] = rapid.Int64Min(0).Draw(t, "since")
	}
	spaces := rapid.IntRange(0, 3).Draw(t, "spaces")
	for i := range spaces {
		n.Spaces = append(n.Spaces, gc.Seen{ID: crypto.PointerID{byte(i + 1)},
			Walked: object.CommitHash{rapid.Byte().Draw(t, "walked there")}})
	}
	for name := range n.Blobs {
		if spaces > 0 && name[0]%2 == 1 {
			if n.From == nil {
				n.From = map[crypto.BlobName][]uint32{}
			}
			n.From[name] = [][]uint32{{0, 1}, {1}, {uint32(spaces)}, {}}[name[0]/2%4]
		}
	}
	if rapid.Bool().Draw(t, "due") {
		n.Last.Due = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "seconds"), 0).UTC()
	}
	return n
}

func newDisk(t testing.TB) *simfs.FS {
	t.Helper()
	disk := simfs.New()
	if err := disk.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	return disk
}

func save(t testing.TB, l gc.Ledger, n gc.Notes) {
	t.Helper()
	if err := l.Save(n); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, l gc.Ledger) gc.Notes {
	t.Helper()
	n, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLedgers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		for _, l := range []gc.Ledger{&gc.Memory{}, &gc.File{Path: "/d/garbage", FS: newDisk(t)}} {
			if n := load(t, l); len(n.Blobs) != 0 || n.Last.At != 0 {
				rt.Fatalf("before all: %+v", n)
			}
			for range 2 {
				n := notes(rt)
				save(t, l, n)
				if diff := cmp.Diff(n, load(t, l)); diff != "" {
					rt.Fatalf("%T: %s", l, diff)
				}
			}
		}
	})
}

// TestFileOfOneSpace writes a file that builds with a single space can read, as long as there is no other space, and
// reads what they have written.
func TestFileOfOneSpace(t *testing.T) {
	const before = "706f737465726e20676172626167650a00000002010000000000000000000000000000000000000000000000" +
		"0000000000000000000000000000000700000000000000000000000000000000000000000000000000000000000000000000000000000000" +
		"01000000000000000000000000000000000000000000000000000000000000000000000000000003" +
		"02000000000000000000000000000000000000000000000000000000000000000000000000000000"
	want := gc.Notes{
		Walked: object.CommitHash{1}, Blobs: map[crypto.BlobName]int64{{1}: 3, {2}: 0}, Last: gc.Last{At: 7},
	}
	disk := newDisk(t)
	l := &gc.File{Path: "/d/garbage", FS: disk}
	save(t, l, want)
	b := content(t, disk)
	if got := hex.EncodeToString(b[:len(b)-32]); got != before {
		t.Errorf("the file is another one:\n%s\n%s", got, before)
	}
	if diff := cmp.Diff(want, load(t, l)); diff != "" {
		t.Error(diff)
	}
	want.Spaces = []gc.Seen{{ID: crypto.PointerID{1}}}
	save(t, l, want)
	if b = content(t, disk); b[19] != 3 { // those builds take it for damaged
		t.Errorf("version %d", b[19])
	}
}

// TestFilePowerLoss cuts the power after a save that failed at any step. One state or the other must be there; the old
// one if the failure came before the rename.
func TestFilePowerLoss(t *testing.T) {
	ill := errors.New("the disk is ill")
	first := gc.Notes{Blobs: map[crypto.BlobName]int64{{1}: 1}}
	second := gc.Notes{Blobs: map[crypto.BlobName]int64{{2}: 2}}
	for name, fail := range map[string]func(*simfs.FS){
		"all syncs": func(d *simfs.FS) { d.FailSyncs(ill) },
		"directory": func(d *simfs.FS) {
			d.FailSyncsOf(func(path string) error {
				if path == "/d" {
					return ill
				}
				return nil
			})
		},
		"full disk": func(d *simfs.FS) { d.SetCapacity(d.Used() + 10) },
	} {
		for seed := range uint64(50) {
			disk := newDisk(t)
			l := &gc.File{Path: "/d/garbage", FS: disk}
			save(t, l, first)
			fail(disk)
			if err := l.Save(second); err == nil {
				t.Fatalf("%s: saved", name)
			}
			l.FS = disk.PowerLoss(rand.New(rand.NewPCG(seed, 0)))
			got := load(t, l)
			if diff := cmp.Diff(first, got); diff != "" && (name != "directory" || cmp.Diff(second, got) != "") {
				t.Fatalf("%s: %s", name, diff)
			}
		}
	}
}

// TestFileDamaged checks that a file with any wrong byte counts as empty.
func TestFileDamaged(t *testing.T) {
	disk := newDisk(t)
	l := &gc.File{Path: "/d/garbage", FS: disk}
	save(t, l, gc.Notes{Walked: object.CommitHash{1}, Blobs: map[crypto.BlobName]int64{{1}: 1}})
	f, err := disk.Open("/d/garbage")
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	for i := range size {
		flip(t, f, i)
		if n := load(t, l); len(n.Blobs) != 0 {
			t.Errorf("byte %d is wrong, and the ledger says %+v", i, n)
		}
		flip(t, f, i)
	}
	if n := load(t, l); len(n.Blobs) != 1 {
		t.Errorf("%+v", n)
	}
	for n := range size {
		if err := f.Truncate(size - 1 - n); err != nil {
			t.Fatal(err)
		}
		if n := load(t, l); len(n.Blobs) != 0 {
			t.Errorf("a short ledger says %+v", n)
		}
	}
}

func flip(t *testing.T, f localfs.File, at int64) {
	t.Helper()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func TestWorth(t *testing.T) {
	const gb = 1 << 30
	last := func(ago time.Duration) gc.Last {
		return gc.Last{At: start.Add(-ago).UnixNano(), Needed: 100 * gb}
	}
	due := last(2 * day)
	due.Candidates, due.Due = gb, start.Add(-time.Hour)
	later := due
	later.Due = start.Add(time.Hour)
	for i, c := range []struct {
		f    gc.Figures
		want bool
	}{
		{gc.Figures{}, false},
		{gc.Figures{Put: gb}, true},
		{gc.Figures{Last: last(time.Hour), Put: 50 * gb}, false},
		{gc.Figures{Last: last(2 * day), Put: 50 * gb}, true},
		{gc.Figures{Last: last(2 * day), Removed: 50 * gb}, true},
		{gc.Figures{Last: last(2 * day), Put: gb}, false},
		{gc.Figures{Last: last(40 * day)}, true},
		{gc.Figures{Last: last(-day)}, true},
		{gc.Figures{Last: due}, true},
		{gc.Figures{Last: later}, false},
	} {
		c.f.Now = start
		if got := gc.Worth(c.f); got != c.want {
			t.Errorf("%d: %v of %s", i, got, fmt.Sprintf("%+v", c.f))
		}
	}
}

// FuzzFile reads any bytes as a ledger: they are a valid one, or yield nothing.
func FuzzFile(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("postern garbage\n"))
	disk := newDisk(f)
	l := &gc.File{Path: "/d/garbage", FS: disk}
	save(f, l, gc.Notes{Walked: object.CommitHash{1}, Blobs: map[crypto.BlobName]int64{{1}: 1, {2}: 0}})
	f.Add(content(f, disk))
	save(f, l, gc.Notes{
		Walked: object.CommitHash{1}, Blobs: map[crypto.BlobName]int64{{1}: 1, {2}: 0, {3}: 0},
		Spaces: []gc.Seen{{ID: crypto.PointerID{1}}, {ID: crypto.PointerID{2}, Walked: object.CommitHash{1}}},
		From:   map[crypto.BlobName][]uint32{{1}: {0, 2}, {2}: {1}},
	})
	f.Add(content(f, disk))
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			disk := newDisk(t)
			l := &gc.File{Path: "/d/garbage", FS: disk}
			file, err := disk.Create("/d/garbage")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteAt(b, 0); err != nil {
				t.Fatal(err)
			}
			n := load(t, l)
			if len(n.Blobs) == 0 {
				return
			}
			save(t, l, n)
			if diff := cmp.Diff(n, load(t, l)); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func content(t testing.TB, disk localfs.FS) []byte {
	t.Helper()
	file, err := disk.Open("/d/garbage")
	if err != nil {
		t.Fatal(err)
	}
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}
