package vfstest

import (
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

// maxAhead is how many seconds Modified may be ahead of the clock.
const maxAhead = 2

func (d drive) create(path string) vfs.Upload {
	d.t.Helper()
	up, err := d.Create(d.ctx(), path)
	d.must(err)
	d.t.Cleanup(up.Abort)
	return up
}

func (d drive) write(up vfs.Upload, data string) {
	d.t.Helper()
	if n, err := io.WriteString(up, data); n != len(data) || err != nil {
		d.t.Fatalf("write took %d of %d bytes: %v", n, len(data), err)
	}
}

func testUpload(d drive) {
	up := d.create("/files/f")
	d.write(up, "one, ")
	_, err := d.Stat(d.ctx(), "/files/f")
	d.fails(err, vfs.ErrNotExist)
	d.wantTree("/files")
	d.write(up, "")
	d.write(up, "two")
	info, replaced, err := up.Commit(d.ctx(), vfs.CommitOptions{})
	d.must(err)
	if replaced {
		d.t.Error("a new file is said to have replaced one")
	}
	d.wantInfo(info, "f", "one, two")
	if diff := cmp.Diff(info, d.stat("/files/f")); diff != "" {
		d.t.Errorf("Commit and Stat differ (-commit +stat):\n%s", diff)
	}
	up.Abort() // does nothing
	d.wantTree("/files", "/files/f=one, two")

	up = d.create("/files/f")
	d.write(up, "three")
	d.wantTree("/files", "/files/f=one, two")
	if n, err := up.ReadFrom(strings.NewReader(" four")); n != 5 || err != nil {
		d.t.Fatalf("ReadFrom took %d, %v", n, err)
	}
	_, replaced, err = up.Commit(d.ctx(), vfs.CommitOptions{})
	d.must(err)
	if !replaced {
		d.t.Error("a file was replaced and Commit does not say so")
	}
	d.wantTree("/files", "/files/f=three four")

	_, err = io.Copy(d.create("/files/never"), io.LimitReader(strings.NewReader("given up"), 4))
	d.must(err)
	empty := d.create("/files/empty")
	_, _, err = empty.Commit(d.ctx(), vfs.CommitOptions{})
	d.must(err)
	d.wantInfo(d.stat("/files/empty"), "empty", "")
	d.wantTree("/files", "/files/empty=", "/files/f=three four")
}

func testAbort(d drive) {
	d.put("/files/kept", "old")
	before, err := d.Usage(d.ctx(), "/files", 0)
	d.must(err)
	check := d.unchanged()
	for _, size := range sizes() {
		for _, path := range []string{"/files/new", "/files/kept"} {
			up := d.create(path)
			d.write(up, string(noise(1, size)))
			if size%2 == 0 {
				_, err := up.Sums()
				d.must(err)
			}
			up.Abort()
			up.Abort()
			if _, err := up.Write([]byte("x")); err == nil {
				d.t.Error("a write after Abort succeeded")
			}
			if _, _, err := up.Commit(d.ctx(), vfs.CommitOptions{}); err == nil {
				d.t.Error("a Commit after Abort succeeded")
			}
		}
	}
	check()
	if after, err := d.Usage(d.ctx(), "/files", 0); err != nil || after.Used != before.Used {
		d.t.Errorf("usage went from %+v to %+v, %v", before, after, err)
	}
	d.put("/files/new", "and it still works")
}

func testUploadErrors(d drive) {
	d.put("/files/a", "A")
	d.mkdir("/files/dir", "/files/dir/sub")
	check := d.unchanged()
	for path, kind := range map[string]error{
		"/files/none/f":   vfs.ErrNotExist,
		"/files/n/o/f":    vfs.ErrNotExist,
		"/none/f":         vfs.ErrNotExist,
		"/files/a/f":      vfs.ErrNotFolder,
		"/files/a/b/f":    vfs.ErrNotFolder,
		"/files/dir":      vfs.ErrIsFolder,
		"/files/dir/sub":  vfs.ErrIsFolder,
		"/files/bad\x00":  vfs.ErrName,
		"/files/dir/..":   vfs.ErrName,
		"/files/\xff\xfe": vfs.ErrName,
	} {
		up, err := d.Create(d.ctx(), path)
		if err == nil { // only a folder at the path may be detected this late
			if !errors.Is(kind, vfs.ErrIsFolder) {
				d.t.Errorf("Create %q succeeded, want %v", path, kind)
			}
			d.write(up, "x")
			_, _, err = up.Commit(d.ctx(), vfs.CommitOptions{})
			up.Abort()
		}
		d.fails(err, kind)
	}
	up := d.create("/files/twice")
	d.write(up, "x")
	_, _, err := up.Commit(d.ctx(), vfs.CommitOptions{})
	d.must(err)
	d.must(d.Remove(d.ctx(), "/files/twice", nil))
	if _, _, err := up.Commit(d.ctx(), vfs.CommitOptions{}); err == nil {
		d.t.Error("a second Commit succeeded")
	}
	if _, err := up.Write([]byte("x")); err == nil {
		d.t.Error("a write after Commit succeeded")
	}
	check()
}

func testUploadRaces(d drive) {
	d.mkdir("/files/a", "/files/b", "/files/c")
	ups := map[string]vfs.Upload{}
	for _, path := range []string{"/files/a/f", "/files/b/f", "/files/c/f", "/files/new", "/files/c/g"} {
		ups[path] = d.create(path)
		d.write(ups[path], path)
	}
	d.must(d.Remove(d.ctx(), "/files/a", nil))
	d.must(d.Remove(d.ctx(), "/files/b", nil))
	d.put("/files/b", "a file now")
	d.mkdir("/files/c/f", "/files/c/f/sub")
	d.put("/files/new", "came first")

	for path, kind := range map[string]error{
		"/files/a/f": vfs.ErrNotExist, "/files/b/f": vfs.ErrNotFolder, "/files/c/f": vfs.ErrIsFolder,
	} {
		_, _, err := ups[path].Commit(d.ctx(), vfs.CommitOptions{})
		d.fails(err, kind)
		ups[path].Abort()
	}
	_, replaced, err := ups["/files/new"].Commit(d.ctx(), vfs.CommitOptions{})
	d.must(err)
	if !replaced {
		d.t.Error("what came meanwhile was replaced and Commit does not say so")
	}
	_, err = d.move(false)("/files/c", "/files/d")
	d.must(err)
	_, _, err = ups["/files/c/g"].Commit(d.ctx(), vfs.CommitOptions{})
	d.fails(err, vfs.ErrNotExist)
	d.wantTree("/files", "/files/b=a file now", "/files/d/", "/files/d/f/", "/files/d/f/sub/", "/files/new=/files/new")
}

func testSums(d drive) {
	for i, size := range sizes() {
		data := noise(uint64(i), size)
		up := d.create("/files/f")
		d.write(up, string(data[:size/2]))
		d.write(up, string(data[size/2:]))
		sums, err := up.Sums()
		d.must(err)
		if want := (vfs.Sums{Size: int64(size), MD5: md5.Sum(data), SHA1: sha1.Sum(data)}); sums != want {
			d.t.Errorf("size %d: sums are %x, want %x", size, sums, want)
		}
		if n, err := up.Write([]byte("late")); err == nil {
			d.t.Errorf("a write after Sums took %d bytes", n)
		}
		info, _, err := up.Commit(d.ctx(), vfs.CommitOptions{})
		d.must(err)
		d.wantInfo(info, "f", string(data))
		d.same("contents", data, []byte(d.read("/files/f")))
	}
}

func testOverwrite(d drive) {
	_, _, err := tryPut(d.ctx(), d, "/files/f", []byte("1"), vfs.CommitOptions{ContentType: "x-test/one"})
	d.must(err)
	props := []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Value: "v"}}
	d.must(d.Patch(d.ctx(), "/files/f", vfs.Patch{Created: ns(1999), Set: props}, nil))
	old := d.stat("/files/f")
	info := d.put("/files/f", "22")
	want := old
	want.Size, want.Version, want.Modified, want.MD5, want.SHA1 = 2, info.Version, info.Modified, md5.Sum([]byte("22")),
		sha1.Sum([]byte("22"))
	if diff := cmp.Diff(want, info); diff != "" {
		d.t.Errorf("after an overwrite (-want +got):\n%s", diff)
	}
	if info.Version == old.Version {
		d.t.Error("new contents kept the old version")
	}
	if again := d.put("/files/f", "22"); again.Version == info.Version {
		d.t.Error("a rewrite kept the old version")
	}
}

func testTimes(d drive) {
	for _, at := range []time.Time{ns(1971), ns(1969), ns(2026), ns(2200), time.Unix(0, 1),
		time.Unix(1e9, 0).In(time.FixedZone("", 3600))} {
		info, _, err := tryPut(d.ctx(), d, "/files/given", []byte("x"), vfs.CommitOptions{Modified: at})
		d.must(err)
		if got := d.stat("/files/given").Modified; !got.Equal(at) || !info.Modified.Equal(at) {
			d.t.Errorf("Modified is %v, and %v in Commit's info, want %v to the nanosecond", got, info.Modified, at)
		}
	}
	// Without a given time each version differs from the one before in an HTTP date, and is at most that much ahead of the
	// clock, for any number of versions and any time of the first one.
	d.put("/files/clock", "z")
	for _, start := range []time.Time{ns(1980), ns(2150), {}} {
		last, _, err := tryPut(d.ctx(), d, "/files/own", []byte("x"), vfs.CommitOptions{Modified: start})
		d.must(err)
		for range 50 {
			next := d.put("/files/own", "y")
			if next.Modified.Unix() == last.Modified.Unix() {
				d.t.Errorf("Modified went from %v to %v, want another second", last.Modified, next.Modified)
			}
			d.must(d.Remove(d.ctx(), "/files/clock", nil))
			if clock := d.put("/files/clock", "z").Modified; next.Modified.Unix() > clock.Unix()+maxAhead {
				d.t.Errorf("Modified is %v at %v, want at most %d s ahead", next.Modified, clock, maxAhead)
			}
			last = next
		}
	}
	f := d.put("/files/new", "x")
	if d.mkdir("/files/dir"); d.stat("/files/dir").Modified.IsZero() || f.Created.After(f.Modified) {
		d.t.Errorf("a new file was created %v and modified %v, a folder modified %v", f.Created, f.Modified,
			d.stat("/files/dir").Modified)
	}
}

func testTypes(d drive) {
	put := func(path, contentType, want string) {
		d.t.Helper()
		info, _, err := tryPut(d.ctx(), d, path, []byte("x"), vfs.CommitOptions{ContentType: contentType})
		d.must(err)
		if !strings.HasPrefix(info.ContentType, want) || want == "" && info.ContentType == "" {
			d.t.Errorf("the content type of %s is %q, want %q", path, info.ContentType, want)
		}
	}
	put("/files/page.html", "", "text/html")
	put("/files/photo.JPG", "", "image/jpeg")
	put("/files/page.html", "x-test/mine; charset=utf-8", "x-test/mine; charset=utf-8")
	put("/files/page.html", "", "x-test/mine; charset=utf-8")
	put("/files/plain", "x-test/any", "x-test/any")
	_, err := d.move(false)("/files/plain", "/files/now.html")
	d.must(err)
	if got := d.stat("/files/now.html").ContentType; got != "x-test/any" {
		d.t.Errorf("a moved file's content type is %q", got)
	}
}

// errTest is the error of failing conditions.
var errTest = errors.New("the test said no")

// isOwn reports whether an error is errTest itself, not wrapped.
//
//nolint:errorlint // the test is for the unwrapped error
func isOwn(err error) bool { return err == errTest }
