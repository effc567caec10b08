package cache

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/crypto"
)

// files returns the cached files below a folder.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestRestart: blocks on disk are there after a restart, both whole blobs and beginnings of blocks.
func TestRestart(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "cache")}
	f := newFixture(t, o)
	film, filmData := f.spy.store(t, 1, crypto.MaxBlobSize)
	pack, packData := f.spy.store(t, 2, 40_000)
	f.reads(film, filmData, 0, len(filmData))
	f.reads(pack, packData, 5000, 1000)
	f.reopen(o)
	f.wants(f.reads(film, filmData, 0, len(filmData)))
	f.wants(f.reads(pack, packData, 5000, 1000))
	f.reads(pack, packData, 30_000, 1000) // more than is held
	f.reopen(o)
	f.wants(f.reads(pack, packData, 0, 40_000))
	if got, err := f.Get(t.Context(), pack); err != nil || string(got) != string(packData) {
		t.Errorf("Get from disk gave %d bytes, %v", len(got), err)
	}
	f.wants(f.spy.seen())
	if s := f.Stats(); s.Disk.Hits == 0 || s.Fetches != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestModes(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "deep", "cache")}
	f := newFixture(t, o)
	name, data := f.spy.store(t, 1, 100_000)
	f.reads(name, data, 0, 100_000)
	f.settle()
	paths := files(t, o.Dir)
	if len(paths) == 0 {
		t.Fatal("nothing was written")
	}
	for _, path := range append(paths, o.Dir, filepath.Dir(paths[0])) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
}

// TestCorruption flips each of some bytes of a file in turn, cuts it, empties it, swaps it for another: always a miss.
func TestCorruption(t *testing.T) {
	o := Options{Memory: -1, Dir: filepath.Join(t.TempDir(), "cache")}
	f := newFixture(t, o)
	name, data := f.spy.store(t, 1, crypto.PaddedSize(5000))
	other, otherData := f.spy.store(t, 2, crypto.PaddedSize(5000))
	damage := map[string]func([]byte) []byte{
		"cut":    func(b []byte) []byte { return b[:len(b)-1] },
		"header": func(b []byte) []byte { return b[:20] },
		"empty":  func([]byte) []byte { return nil },
		"zeros":  func(b []byte) []byte { return make([]byte, len(b)) },
	}
	for _, at := range []int{0, 5, 10, 43, 44, 51, 52, 55, 56, 59, 60, 61, 3000, 5059} {
		damage["flip "+time.Duration(at).String()] = func(b []byte) []byte { b[at] ^= 0x40; return b }
	}
	for what, do := range damage {
		f.drop(name) // its file holds the blocks of earlier rounds, too
		f.settle()
		f.reads(name, data, 0, 5000)
		f.settle()
		f.wants(f.reads(name, data, 0, 5000))
		path := files(t, o.Dir)[0]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, do(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		before := f.Stats().Disk.Corrupt
		f.wants(f.reads(name, data, 0, 5000), ranged(0, int64(crypto.CoverEnd(5000))))
		if f.Stats().Disk.Corrupt != before+1 {
			t.Errorf("%s: the damage was not counted", what)
		}
		f.settle()
		f.wants(f.reads(name, data, 0, 5000)) // written anew
	}
	mine := files(t, o.Dir)[0]
	f.reads(other, otherData, 0, 5000)
	f.settle()
	for _, path := range files(t, o.Dir) {
		if path != mine {
			if err := os.Rename(path, mine); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.wants(f.reads(name, data, 0, 5000), ranged(0, int64(crypto.CoverEnd(5000))))
	f.wants(f.reads(other, otherData, 0, 5000), ranged(0, int64(crypto.CoverEnd(5000)))) // a missing file is a miss
	if f.Stats().Disk.Faults != 0 {
		t.Errorf("stats are %+v", f.Stats().Disk)
	}
}

// TestSickDisk: a failing disk is taken out of use, and reads continue.
func TestSickDisk(t *testing.T) {
	o := Options{Memory: -1, Dir: filepath.Join(t.TempDir(), "cache")}
	f := newFixture(t, o)
	name, data := f.spy.store(t, 1, 1_000_000)
	f.reads(name, data, 0, 300_000)
	f.settle()
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Dir, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.reads(name, data, 0, 1_000_000)
		f.settle()
	}
	if s := f.Stats().Disk; !s.Out || s.Faults == 0 || s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("stats are %+v, want the disk out", s)
	}
	faults := f.Stats().Disk.Faults
	f.reads(name, data, 0, 1_000_000)
	f.settle()
	if got := f.Stats().Disk.Faults; got != faults {
		t.Errorf("a disk that is out was used again: %d faults after %d", got, faults)
	}
	if err := os.Remove(o.Dir); err != nil {
		t.Fatal(err)
	}
	f.reopen(o)
	f.reads(name, data, 0, 100)
	f.settle()
	f.wants(f.reads(name, data, 0, 100))
}

func TestUnusableFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := New(newSpy(), Options{Dir: path}); err == nil {
		c.Close()
		t.Error("a file was used as a folder")
	}
}
