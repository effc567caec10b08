package vfstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

func testRoot(d drive) {
	if root := d.stat("/"); root.Name != "" || !root.Folder || !root.ReadOnly {
		d.t.Errorf("the root is %+v, want a read-only folder without a name", root)
	}
	if files := d.stat("/files"); files.Name != "files" || !files.Folder || files.ReadOnly {
		d.t.Errorf("/files is %+v, want a writable folder", files)
	}
	if !slices.Contains(d.names("/"), "files") {
		d.t.Errorf("the root holds %q, want files in it", d.names("/"))
	}
	d.put("/files/a", "A")
	beside := d.names("/")
	check := d.unchanged()

	d.fails(d.Mkdir(d.ctx(), "/new", nil), vfs.ErrReadOnly)
	d.fails(d.Mkdir(d.ctx(), "/", nil), vfs.ErrExist, vfs.ErrReadOnly)
	d.fails(d.Mkdir(d.ctx(), "/files", nil), vfs.ErrExist, vfs.ErrReadOnly)
	d.fails(d.Remove(d.ctx(), "/", nil), vfs.ErrReadOnly)
	d.fails(d.Remove(d.ctx(), "/files", nil), vfs.ErrReadOnly)
	d.fails(d.Patch(d.ctx(), "/", vfs.Patch{Modified: ns(2001)}, nil), vfs.ErrReadOnly)
	for _, path := range []string{"/new", "/files", "/"} {
		_, _, err := tryPut(d.ctx(), d, path, []byte("x"), vfs.CommitOptions{})
		d.fails(err, vfs.ErrReadOnly, vfs.ErrIsFolder)
	}
	for _, do := range []func(from, to string) (bool, error){d.move(true), d.copy(true)} {
		_, err := do("/files/a", "/a")
		d.fails(err, vfs.ErrReadOnly)
		_, err = do("/files/a", "/files")
		d.fails(err, vfs.ErrReadOnly, vfs.ErrInvalid)
		_, err = do("/files/a", "/")
		d.fails(err, vfs.ErrReadOnly, vfs.ErrInvalid)
	}
	_, err := d.move(true)("/files", "/files/b")
	d.fails(err, vfs.ErrReadOnly, vfs.ErrInvalid)
	_, err = d.move(true)("/", "/files/b")
	d.fails(err, vfs.ErrReadOnly, vfs.ErrInvalid)

	check()
	if diff := cmp.Diff(beside, d.names("/")); diff != "" {
		d.t.Errorf("the root changed (-before +after):\n%s", diff)
	}
}

func testStat(d drive) {
	d.put("/files/a.txt", "hello")
	d.mkdir("/files/dir")
	d.wantInfo(d.stat("/files/a.txt"), "a.txt", "hello")
	dir := d.stat("/files/dir")
	if !dir.Folder || dir.Name != "dir" || dir.Size != 0 || dir.ContentType != "" || dir.Version == (vfs.Version{}) {
		d.t.Errorf("an empty folder is %+v", dir)
	}
	if again := d.stat("/files/dir"); again.Version != dir.Version {
		d.t.Errorf("a folder's version went from %x to %x", dir.Version, again.Version)
	}
	if tag := dir.ETag(); len(tag) != 34 || strings.Trim(tag, `"0123456789abcdef`) != "" {
		d.t.Errorf("the entity tag is %s", tag)
	}
	for path, kind := range map[string]error{
		"/none":              vfs.ErrNotExist,
		"/none/below":        vfs.ErrNotExist,
		"/files/none":        vfs.ErrNotExist,
		"/files/none/below":  vfs.ErrNotExist,
		"/files/A.txt":       vfs.ErrNotExist, // case matters
		"/files/a.txt/below": vfs.ErrNotFolder,
		"/files/a.txt/b/c":   vfs.ErrNotFolder,
	} {
		_, err := d.Stat(d.ctx(), path)
		d.fails(err, kind)
	}
}

func testList(d drive) {
	if got := d.names("/files"); len(got) != 0 {
		d.t.Fatalf("a new drive holds %q", got)
	}
	for _, name := range []string{"b", "a", "aa", "a b", "Z", "z.txt", "é", "ä", "日", "10", "9", "~", "_"} {
		if len(name)%2 == 0 {
			d.mkdir("/files/" + name)
		} else {
			d.put("/files/"+name, name)
		}
	}
	want := []string{"10", "9", "Z", "_", "a", "a b", "aa", "b", "z.txt", "~", "ä", "é", "日"}
	if diff := cmp.Diff(want, d.names("/files")); diff != "" {
		d.t.Errorf("the order is wrong (-want +got):\n%s", diff)
	}
	for _, info := range d.list("/files") {
		if diff := cmp.Diff(d.stat("/files/"+info.Name), info); diff != "" {
			d.t.Errorf("List and Stat differ on %s (-stat +list):\n%s", info.Name, diff)
		}
	}
	seen := 0
	for _, err := range d.List(d.ctx(), "/files") {
		d.must(err)
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		d.t.Errorf("a listing that was broken off yielded %d", seen)
	}
	listing := d.List(d.ctx(), "/files") // may be ranged over more than once
	for range 2 {
		n := 0
		for _, err := range listing {
			d.must(err)
			n++
		}
		if n != len(want) {
			d.t.Errorf("a listing ranged over again yielded %d, want %d", n, len(want))
		}
	}
}

func testListErrors(d drive) {
	d.put("/files/a", "A")
	for path, kind := range map[string]error{
		"/files/a":       vfs.ErrNotFolder,
		"/files/a/b":     vfs.ErrNotFolder,
		"/files/none":    vfs.ErrNotExist,
		"/files/none/b":  vfs.ErrNotExist,
		"/none":          vfs.ErrNotExist,
		"/files/bad\x00": vfs.ErrNotExist,
	} {
		infos, err := listAll(d.ctx(), d, path)
		d.fails(err, kind)
		if len(infos) != 0 {
			d.t.Errorf("%s: %d entries came before the error", path, len(infos))
		}
	}
}

func testListSnapshot(d drive) {
	var want []string
	for i := range 40 {
		name := fmt.Sprintf("%02d", i)
		d.put("/files/"+name, name)
		want = append(want, name)
	}
	var got []string
	for info, err := range d.List(d.ctx(), "/files") {
		d.must(err)
		if len(got) == 0 { // the listing has begun
			d.must(d.Remove(d.ctx(), "/files/20", nil))
			d.put("/files/20a", "new")
			d.put("/files/30", "longer than before")
			_, err := d.Move(d.ctx(), "/files/39", "/files/zz", vfs.CopyOptions{})
			d.must(err)
		}
		if info.Size != 2 {
			d.t.Errorf("%s has %d bytes in the listing, want the 2 it had", info.Name, info.Size)
		}
		got = append(got, info.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("the listing mixes states (-want +got):\n%s", diff)
	}
}

func testListLarge(d drive) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				if err := d.Mkdir(d.ctx(), fmt.Sprintf("/files/%05d", (i*7919)%n), nil); err != nil {
					d.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	i := 0
	for info, err := range d.List(d.ctx(), "/files") {
		d.must(err)
		if want := fmt.Sprintf("%05d", i); info.Name != want {
			d.t.Fatalf("entry %d is %s, want %s", i, info.Name, want)
		}
		i++
	}
	if i != n {
		d.t.Errorf("%d entries came, want %d", i, n)
	}
	for i := 0; i < n; i += 2 {
		d.must(d.Remove(d.ctx(), fmt.Sprintf("/files/%05d", i), nil))
	}
	if got := len(d.list("/files")); got != n/2 {
		d.t.Errorf("%d entries are left, want %d", got, n/2)
	}
}
