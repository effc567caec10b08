package vfstest

import (
	"errors"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

func (d drive) move(replace bool) func(from, to string) (bool, error) {
	return func(from, to string) (bool, error) {
		return d.Move(d.ctx(), from, to, vfs.CopyOptions{Replace: replace})
	}
}

func (d drive) copy(replace bool) func(from, to string) (bool, error) {
	return func(from, to string) (bool, error) {
		return d.Copy(d.ctx(), from, to, vfs.CopyOptions{Replace: replace})
	}
}

func testTransfer(d drive) {
	d.mkdir("/files/src", "/files/src/sub", "/files/dst")
	d.put("/files/src/f", "F")
	d.put("/files/src/sub/g", "G")
	d.put("/files/x", "X")
	step := func(wantReplaced bool) func(bool, error) {
		return func(replaced bool, err error) {
			d.t.Helper()
			d.must(err)
			if replaced != wantReplaced {
				d.t.Errorf("replaced is %v, want %v", replaced, wantReplaced)
			}
		}
	}
	step(false)(d.copy(false)("/files/x", "/files/y"))
	step(false)(d.move(false)("/files/y", "/files/dst/z"))
	step(true)(d.copy(true)("/files/src/f", "/files/dst/z"))
	step(false)(d.copy(true)("/files/src", "/files/dst/all"))
	d.wantTree("/files",
		"/files/dst/", "/files/dst/all/", "/files/dst/all/f=F", "/files/dst/all/sub/", "/files/dst/all/sub/g=G",
		"/files/dst/z=F",
		"/files/src/", "/files/src/f=F", "/files/src/sub/", "/files/src/sub/g=G", "/files/x=X")

	// A folder that replaces a folder leaves nothing of it; a file over a folder and a folder over a file do the same.
	d.put("/files/dst/all/extra", "gone soon")
	step(true)(d.move(true)("/files/src", "/files/dst/all"))
	step(true)(d.copy(true)("/files/dst/all/sub", "/files/x"))
	step(true)(d.move(true)("/files/dst/z", "/files/dst/all/sub"))
	d.wantTree("/files", "/files/dst/", "/files/dst/all/", "/files/dst/all/f=F", "/files/dst/all/sub=F", "/files/x/",
		"/files/x/g=G")

	replaced, err := d.Copy(d.ctx(), "/files/x", "/files/shallow", vfs.CopyOptions{Shallow: true})
	step(false)(replaced, err)
	replaced, err = d.Copy(d.ctx(), "/files/dst/all/f", "/files/f", vfs.CopyOptions{Shallow: true})
	step(false)(replaced, err)
	replaced, err = d.Copy(d.ctx(), "/files/dst", "/files/x", vfs.CopyOptions{Shallow: true, Replace: true})
	step(true)(replaced, err)
	step(false)(d.move(false)("/files/dst", "/files/x/dst"))
	d.wantTree("/files", "/files/f=F", "/files/shallow/",
		"/files/x/", "/files/x/dst/", "/files/x/dst/all/", "/files/x/dst/all/f=F", "/files/x/dst/all/sub=F")
}

func testTransferErrors(d drive) {
	d.mkdir("/files/a", "/files/a/b", "/files/a/b/c", "/files/other")
	d.put("/files/a/f", "F")
	d.put("/files/g", "G")
	check := d.unchanged()
	both := []struct {
		from, to string
		kind     error
	}{
		{"/files/none", "/files/new", vfs.ErrNotExist},
		{"/files/none/x", "/files/new", vfs.ErrNotExist},
		{"/files/g/x", "/files/new", vfs.ErrNotFolder},
		{"/files/g", "/files/none/new", vfs.ErrNotExist},
		{"/files/g", "/files/a/f/new", vfs.ErrNotFolder},
		{"/files/g", "/files/a\x00", vfs.ErrName},
		{"/files/g", "/files/..", vfs.ErrName},
		{"/files/a", "/files/g", vfs.ErrExist},
		{"/files/g", "/files/a", vfs.ErrExist},
		{"/files/g", "/files/a/f", vfs.ErrExist},
		{"/files/a", "/files/other", vfs.ErrExist},
	}
	for _, c := range both {
		_, err := d.move(false)(c.from, c.to)
		d.fails(err, c.kind)
		_, err = d.copy(false)(c.from, c.to)
		d.fails(err, c.kind)
		if !errors.Is(c.kind, vfs.ErrExist) {
			_, err = d.move(true)(c.from, c.to)
			d.fails(err, c.kind)
			_, err = d.copy(true)(c.from, c.to)
			d.fails(err, c.kind)
		}
	}
	for _, replace := range []bool{false, true} {
		for _, c := range []struct{ from, to string }{
			{"/files/a", "/files/a"}, {"/files/g", "/files/g"}, // onto itself
			{"/files/a", "/files/a/new"}, {"/files/a", "/files/a/b"}, {"/files/a", "/files/a/b/c/new"}, // into itself
			{"/files/a/b", "/files/a"}, {"/files/a/b/c", "/files/a"}, // over what it lies in
		} {
			if !replace && c.to != c.from && (c.to == "/files/a" || c.to == "/files/a/b") {
				_, err := d.move(replace)(c.from, c.to)
				d.fails(err, vfs.ErrInvalid, vfs.ErrExist) // both apply
				continue
			}
			_, err := d.move(replace)(c.from, c.to)
			d.fails(err, vfs.ErrInvalid)
		}
		_, err := d.copy(replace)("/files/g", "/files/g")
		d.fails(err, vfs.ErrInvalid)
		_, err = d.copy(replace)("/files/a/b", "/files/a")
		d.fails(err, vfs.ErrInvalid, vfs.ErrExist)
	}
	check()
}

func testTransferKeeps(d drive) {
	set := props("a=1", "b=2")
	d.mkdir("/files/dir")
	info, _,
		err := tryPut(d.ctx(), d, "/files/dir/f", []byte("F"), vfs.CommitOptions{Modified: ns(1990), ContentType: "x-test/f"})
	d.must(err)
	d.must(d.Patch(d.ctx(), "/files/dir/f", vfs.Patch{Set: set}, nil))
	d.must(d.Patch(d.ctx(), "/files/dir", vfs.Patch{Set: set[:1], Modified: ns(1991)}, nil))
	info.Properties = set

	want := func(path, name string) {
		d.t.Helper()
		got, want := d.stat(path), info
		want.Name, want.Created = name, got.Created
		got.Properties = sortedProps(got.Properties)
		if diff := cmp.Diff(want, got); diff != "" {
			d.t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	_, err = d.copy(false)("/files/dir/f", "/files/copy")
	d.must(err)
	want("/files/copy", "copy")
	_, err = d.move(false)("/files/copy", "/files/moved")
	d.must(err)
	want("/files/moved", "moved")
	_, err = d.copy(false)("/files/dir", "/files/dir2")
	d.must(err)
	want("/files/dir2/f", "f")
	if dir := d.stat("/files/dir2"); !dir.Modified.Equal(ns(1991)) {
		d.t.Errorf("a copied folder was modified %v, want as the source", dir.Modified)
	}
	d.wantProps("/files/dir2", set[:1]...)
	_, err = d.Copy(d.ctx(), "/files/dir", "/files/dir3", vfs.CopyOptions{Shallow: true})
	d.must(err)
	d.wantProps("/files/dir3", set[:1]...)

	// Members of a replaced folder do not reappear.
	d.put("/files/target", "T")
	d.must(d.Patch(d.ctx(), "/files/target", vfs.Patch{Set: props("own=1")}, nil))
	_, err = d.copy(true)("/files/moved", "/files/target")
	d.must(err)
	want("/files/target", "target")

	_, err = d.Copy(d.ctx(), "/files/moved", "/files/timed", vfs.CopyOptions{Modified: ns(2002)})
	d.must(err)
	_, err = d.Move(d.ctx(), "/files/moved", "/files/timed2", vfs.CopyOptions{Modified: ns(2003)})
	d.must(err)
	if a, b := d.stat("/files/timed").Modified, d.stat("/files/timed2").Modified; !a.Equal(ns(2002)) ||
		!b.Equal(ns(2003)) {
		d.t.Errorf("copied and moved with times given, they are %v and %v", a, b)
	}
}

func testCopyIndependent(d drive) {
	d.mkdir("/files/a", "/files/a/sub")
	d.put("/files/a/f", "F")
	d.put("/files/a/sub/g", "G")
	_, err := d.copy(false)("/files/a", "/files/b")
	d.must(err)
	d.put("/files/a/f", "changed")
	d.must(d.Remove(d.ctx(), "/files/a/sub/g", nil))
	d.mkdir("/files/b/new")
	d.must(d.Patch(d.ctx(), "/files/b/f", vfs.Patch{Set: props("p=1")}, nil))
	d.wantTree("/files", "/files/a/", "/files/a/f=changed", "/files/a/sub/",
		"/files/b/", "/files/b/f=F +p", "/files/b/new/", "/files/b/sub/", "/files/b/sub/g=G")
	d.must(d.Remove(d.ctx(), "/files/a", nil))
	d.wantTree("/files", "/files/b/", "/files/b/f=F +p", "/files/b/new/", "/files/b/sub/", "/files/b/sub/g=G")

	// A copy into itself is a copy of the earlier state.
	_, err = d.copy(false)("/files/b", "/files/b/sub/inner")
	d.must(err)
	d.wantTree("/files/b/sub", "/files/b/sub/g=G",
		"/files/b/sub/inner/", "/files/b/sub/inner/f=F +p", "/files/b/sub/inner/new/", "/files/b/sub/inner/sub/",
		"/files/b/sub/inner/sub/g=G")
}
