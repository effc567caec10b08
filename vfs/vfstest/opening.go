package vfstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"postern/vfs"
)

// sizes returns sizes on and next to the borders of the format's segments, packs and chunks.
func sizes() []int {
	const k, m = 1 << 10, 1 << 20
	all := []int{0, 1, 15, 4*k - 1, 4 * k, 64*k - 1, 64 * k, 64*k + 1, 128 * k, 512 * k, 512*k + 1}
	if !testing.Short() {
		all = append(all, 5*m-1, 5*m, 5*m+1, 21*m+77)
	}
	return all
}

func testSizes(d drive) {
	for i, size := range sizes() {
		data := noise(uint64(i), size)
		info, replaced, err := tryPut(d.ctx(), d, "/files/f", data, vfs.CommitOptions{})
		d.must(err)
		if replaced != (i > 0) {
			d.t.Errorf("size %d: replaced is %v", size, replaced)
		}
		d.wantInfo(info, "f", string(data))
		d.same("whole", data, []byte(d.read("/files/f")))

		f := d.open("/files/f")
		for j, off := range []int{0, size / 3, size - 1, size, 64 << 10, 64<<10 - 1, size - 70000} {
			if off < 0 || off > size {
				continue
			}
			n := min(size-off, 1+j*40000)
			if _, err := f.Seek(int64(off), io.SeekStart); err != nil {
				d.t.Fatal(err)
			}
			var got bytes.Buffer
			done, err := f.WriteNTo(&got, int64(n))
			if err != nil || done != int64(n) {
				d.t.Fatalf("size %d: WriteNTo %d from %d: %d, %v", size, n, off, done, err)
			}
			d.same("range", data[off:off+n], got.Bytes())
		}
	}
}

func testOpenErrors(d drive) {
	d.put("/files/a", "A")
	d.mkdir("/files/dir")
	for path, kind := range map[string]error{
		"/":            vfs.ErrIsFolder,
		"/files":       vfs.ErrIsFolder,
		"/files/dir":   vfs.ErrIsFolder,
		"/files/none":  vfs.ErrNotExist,
		"/none":        vfs.ErrNotExist,
		"/files/a/b":   vfs.ErrNotFolder,
		"/files/..":    vfs.ErrNotExist,
		"/files/n/a/b": vfs.ErrNotExist,
	} {
		f, err := d.Open(d.ctx(), path)
		d.fails(err, kind)
		if f != nil && err != nil {
			d.t.Errorf("open %s gave a file beside its error", path)
		}
	}
}

func testSeek(d drive) {
	data := noise(7, 150000)
	d.put("/files/f", string(data))
	f := d.open("/files/f")
	d.wantInfo(f.Info(), "f", string(data))
	steps := []struct {
		off    int64
		whence int
		want   int64
	}{
		{100, io.SeekStart, 100}, {50, io.SeekCurrent, 160}, {-10, io.SeekEnd, 149990}, {0, io.SeekEnd, 150000},
		{10, io.SeekEnd, 150010}, {0, io.SeekStart, 0}, {65536, io.SeekStart, 65536}, {-5, io.SeekCurrent, 65541},
	}
	for _, s := range steps {
		at, err := f.Seek(s.off, s.whence)
		if err != nil || at != s.want {
			d.t.Fatalf("Seek(%d, %d) = %d, %v, want %d", s.off, s.whence, at, err, s.want)
		}
		buf := make([]byte, 10)
		n, err := io.ReadFull(f, buf)
		want := data[min(at, int64(len(data))):min(at+10, int64(len(data)))]
		if len(want) == 0 && !errors.Is(err, io.EOF) {
			d.t.Errorf("a read at %d, past the end, gave %v, want io.EOF", at, err)
		}
		d.same("after a seek", want, buf[:n])
	}
	for _, bad := range []struct {
		off    int64
		whence int
	}{{-1, io.SeekStart}, {-150001, io.SeekEnd}, {0, 3}, {0, -1}} {
		if at, err := f.Seek(bad.off, bad.whence); err == nil {
			d.t.Errorf("Seek(%d, %d) went to %d, want an error", bad.off, bad.whence, at)
		}
	}
	for _, c := range []struct{ off, n, want int64 }{{149990, 100, 10}, {150000, 1, 0}, {150010, 1, 0}, {5, 0, 0},
		{0, 1 << 40, 150000}} {
		_, err := f.Seek(c.off, io.SeekStart)
		d.must(err)
		if n, err := f.WriteNTo(io.Discard, c.n); n != c.want || err != nil {
			d.t.Errorf("WriteNTo %d from %d = %d, %v, want %d", c.n, c.off, n, err, c.want)
		}
	}
	_, err := f.Seek(1000, io.SeekStart)
	d.must(err)
	broken := errors.New("the client went away")
	if _, err := f.WriteNTo(brokenWriter{broken}, 100000); !errors.Is(err, broken) {
		d.t.Errorf("a writer's error came back as %v", err)
	}
	d.must(f.Close())
	if n, err := f.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		d.t.Errorf("a read after Close gave %d, %v", n, err)
	}
}

// brokenWriter fails each write.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func testReader(d drive) {
	data := noise(3, 70000)
	d.put("/files/f", string(data))
	if err := iotest.TestReader(d.open("/files/f"), data); err != nil {
		d.t.Error(err)
	}
	f := d.open("/files/f")
	if n, err := f.Read(nil); n != 0 || err != nil {
		d.t.Errorf("an empty read gave %d, %v", n, err)
	}
	var got []byte
	for i := 1; ; i++ { // reads and ranges share one position
		buf := make([]byte, i*100)
		n, err := f.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		d.must(err)
		var out bytes.Buffer
		_, err = f.WriteNTo(&out, int64(i*77))
		d.must(err)
		got = append(got, out.Bytes()...)
	}
	d.same("reads and ranges in turn", data, got)
}

func testOpenSnapshot(d drive) {
	old, fresh := noise(1, 200000), noise(2, 100)
	d.mkdir("/files/dir")
	changes := map[string]func(){
		"overwrite": func() { d.put("/files/dir/f", string(fresh)) },
		"remove":    func() { d.must(d.Remove(d.ctx(), "/files/dir/f", nil)) },
		"move": func() {
			_, err := d.Move(d.ctx(), "/files/dir/f", "/files/g", vfs.CopyOptions{Replace: true})
			d.must(err)
		},
		"remove the folder": func() {
			d.must(d.Remove(d.ctx(), "/files/dir", nil))
			d.mkdir("/files/dir")
		},
	}
	for name, change := range changes {
		before := d.put("/files/dir/f", string(old))
		f := d.open("/files/dir/f")
		head := make([]byte, 1000)
		_, err := io.ReadFull(f, head)
		d.must(err)
		change()
		tail, err := io.ReadAll(f)
		d.must(err)
		d.same(name, old, slices.Concat(head, tail))
		if got := f.Info(); got.Version != before.Version || got.Size != before.Size {
			d.t.Errorf("%s: the open file's info became %+v", name, got)
		}
	}
}

func testOpenContext(d drive) {
	data := noise(5, 3<<20)
	d.put("/files/f", string(data))
	ctx, cancel := context.WithCancel(d.ctx())
	defer cancel()
	f, err := d.Open(ctx, "/files/f")
	d.must(err)
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, 10))
	d.must(err)
	cancel()
	if _, err := io.Copy(io.Discard, f); !errors.Is(err, context.Canceled) {
		d.t.Errorf("reading on after the context had ended gave %v", err)
	}
	if _, err := f.WriteNTo(io.Discard, 3<<20); !errors.Is(err, context.Canceled) {
		d.t.Errorf("a range after the context had ended gave %v", err)
	}
	d.same("another reader", data, []byte(d.read("/files/f")))

	check := d.unchanged()
	if err := d.Mkdir(ctx, "/files/new", nil); err == nil {
		d.t.Error("a change under an ended context succeeded")
	}
	if _, _, err := tryPut(ctx, d, "/files/f", []byte("x"), vfs.CommitOptions{}); err == nil {
		d.t.Error("an upload under an ended context succeeded")
	}
	check()
}
