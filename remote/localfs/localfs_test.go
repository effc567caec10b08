package localfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"postern/remote/localfs"
	"postern/remote/localfs/simfs"
)

// TestContract tests both the real filesystem and the simulated one.
func TestContract(t *testing.T) {
	for name, f := range map[string]localfs.FS{"system": localfs.OS{}, "simulated": simfs.New()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			if _, err := f.Create(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("create without a directory: %v", err)
			}
			must(t, f.MkdirAll(dir))
			must(t, f.MkdirAll(dir))
			x := filepath.Join(dir, "x")
			file, err := f.Create(x)
			must(t, err)
			if _, err := f.Create(x); !errors.Is(err, fs.ErrExist) {
				t.Errorf("create again: %v", err)
			}
			_, err = file.WriteAt([]byte("world"), 6)
			must(t, err)
			_, err = file.WriteAt([]byte("hello "), 0)
			must(t, err)
			must(t, file.Sync())
			must(t, file.Truncate(8))
			if n, err := file.Size(); n != 8 || err != nil {
				t.Errorf("size %d, %v", n, err)
			}
			must(t, file.Close())
			if _, err := file.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("read when closed: %v", err)
			}
			y := filepath.Join(dir, "y")
			other, err := f.Create(y)
			must(t, err)
			must(t, other.Close())
			must(t, f.Rename(x, y))
			must(t, f.SyncDir(dir))
			list, err := f.List(dir)
			must(t, err)
			if len(list) != 1 || list[0] != (localfs.Entry{Name: "y", Size: 8}) {
				t.Errorf("list %v", list)
			}
			if _, err := f.Open(x); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("open what was renamed: %v", err)
			}
			file, err = f.Open(y)
			must(t, err)
			p := make([]byte, 20)
			if n, err := file.ReadAt(p, 0); n != 8 || err == nil || string(p[:n]) != "hello wo" {
				t.Errorf("read %q, %v", p[:n], err)
			}
			must(t, f.Remove(y))
			if err := f.Remove(y); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("remove again: %v", err)
			}
			if n, _ := file.ReadAt(p, 0); n != 8 {
				t.Errorf("%d bytes of a removed file can be read", n)
			}
			must(t, file.Close())
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A file for direct writes accepts every write, whatever its alignment, and returns the written bytes.
func TestDirect(t *testing.T) {
	const block = localfs.Alignment
	path := filepath.Join(t.TempDir(), "x")
	f, err := localfs.OS{}.CreateDirect(path)
	must(t, err)
	buf := localfs.Aligned(8 * block)
	rand.NewChaCha8([32]byte{1}).Read(buf)
	want := make([]byte, 8*block)
	put := func(off, from, n int) {
		t.Helper()
		m, err := f.WriteAt(buf[from:from+n], int64(off))
		if m != n {
			t.Fatalf("wrote %d of %d: %v", m, n, err)
		}
		copy(want[off:], buf[from:from+n])
	}
	put(0, 0, 2*block)
	put(2*block, 4*block, 4*block)
	put(100, 7, 50)
	put(6*block, 3, 2*block)
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read back: %v", err)
	}
	must(t, f.Sync())
	must(t, f.Close())
	onDisk, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(onDisk, want) {
		t.Fatalf("on the disk: %v", err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	if _, err := (localfs.OS{}).CreateDirect(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create again: %v", err)
	}
}

func TestIsFull(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{{nil, false}, {&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true}, {syscall.EDQUOT, true},
		{syscall.EIO, false}} {
		if got := localfs.IsFull(c.err); got != c.want {
			t.Errorf("IsFull(%v) = %v", c.err, got)
		}
	}
}
