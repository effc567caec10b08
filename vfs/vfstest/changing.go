package vfstest

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

func testMkdir(d drive) {
	d.mkdir("/files/a", "/files/a/b")
	d.put("/files/f", "F")
	check := d.unchanged()
	for path, kind := range map[string]error{
		"/files/a":      vfs.ErrExist,
		"/files/f":      vfs.ErrExist,
		"/files/none/x": vfs.ErrNotExist,
		"/none/x":       vfs.ErrNotExist,
		"/files/f/x":    vfs.ErrNotFolder,
		"/files/f/x/y":  vfs.ErrNotFolder,
		"/files/.":      vfs.ErrName,
		"/files/\xff":   vfs.ErrName,
	} {
		d.fails(d.Mkdir(d.ctx(), path, nil), kind)
	}
	check()
	d.wantTree("/files", "/files/a/", "/files/a/b/", "/files/f=F")
}

func testRemove(d drive) {
	d.mkdir("/files/a", "/files/a/b", "/files/c")
	d.put("/files/a/b/f", "F")
	d.put("/files/g", "G")
	check := d.unchanged()
	for path, kind := range map[string]error{
		"/files/none":   vfs.ErrNotExist,
		"/files/none/x": vfs.ErrNotExist,
		"/none/x":       vfs.ErrNotExist,
		"/files/g/x":    vfs.ErrNotFolder,
	} {
		d.fails(d.Remove(d.ctx(), path, nil), kind)
	}
	check()
	d.must(d.Remove(d.ctx(), "/files/a", nil))
	_, err := d.Stat(d.ctx(), "/files/a/b/f")
	d.fails(err, vfs.ErrNotExist)
	d.fails(d.Remove(d.ctx(), "/files/a", nil), vfs.ErrNotExist)
	d.wantTree("/files", "/files/c/", "/files/g=G")
	d.mkdir("/files/a") // comes back empty
	d.wantTree("/files", "/files/a/", "/files/c/", "/files/g=G")
	for _, path := range []string{"/files/a", "/files/c", "/files/g"} {
		d.must(d.Remove(d.ctx(), path, nil))
	}
	d.wantTree("/files")
	if size := d.stat("/files").Size; size != 0 {
		d.t.Errorf("an emptied folder has %d bytes", size)
	}
}

func props(pairs ...string) (out []vfs.Property) {
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, vfs.Property{Name: vfs.PropertyName{Space: "urn:test", Local: name}, Value: value})
	}
	return out
}

// wantProps compares properties in any order.
func (d drive) wantProps(path string, want ...vfs.Property) {
	d.t.Helper()
	if diff := cmp.Diff(sortedProps(want), sortedProps(d.stat(path).Properties)); diff != "" {
		d.t.Errorf("properties of %s (-want +got):\n%s", path, diff)
	}
}

func testPatch(d drive) {
	d.mkdir("/files/dir")
	d.put("/files/dir/f", "F")
	for _, path := range []string{"/files/dir/f", "/files/dir"} {
		old := d.stat(path)
		d.must(d.Patch(d.ctx(), path, vfs.Patch{}, nil))
		if diff := cmp.Diff(old, d.stat(path)); diff != "" {
			d.t.Errorf("an empty patch changed %s:\n%s", path, diff)
		}
		d.must(d.Patch(d.ctx(), path, vfs.Patch{Modified: ns(1985)}, nil))
		want := old
		want.Modified = ns(1985)
		if diff := cmp.Diff(want, d.stat(path)); diff != "" {
			d.t.Errorf("after a patch of Modified, %s (-want +got):\n%s", path, diff)
		}
		d.must(d.Patch(d.ctx(), path, vfs.Patch{Created: ns(1984), Set: props("a=1", "b=2")}, nil))
		if info := d.stat(path); !info.Created.Equal(ns(1984)) || !info.Modified.Equal(ns(1985)) ||
			info.Version != old.Version {
			d.t.Errorf("after a patch of Created, %s is %+v", path, info)
		}
		d.wantProps(path, props("a=1", "b=2")...)
		d.must(d.Patch(d.ctx(), path, vfs.Patch{
			Set:    props("b=two", "c=3"),
			Remove: []vfs.PropertyName{{Space: "urn:test", Local: "a"}, {Space: "urn:test", Local: "never there"}, {Local: "b"}},
		}, nil))
		d.wantProps(path, props("b=two", "c=3")...)
	}
	odd := []vfs.Property{
		{Name: vfs.PropertyName{Local: "b"}, Value: "without a namespace"},
		{Name: vfs.PropertyName{Space: "urn:other", Local: "b"}, Value: "<x:y xmlns:x=\"urn:y\" a='1'>&amp;\n</x:y>"},
		{Name: vfs.PropertyName{Space: "urn:test", Local: "größe"}, Lang: "de-AT", Value: "日本 🎬"},
		{Name: vfs.PropertyName{Space: "urn:test", Local: "empty"}},
		{Name: vfs.PropertyName{Space: "urn:test", Local: "long"}, Value: strings.Repeat("0123456789abcdef", 300)},
	}
	d.must(d.Patch(d.ctx(), "/files/dir/f", vfs.Patch{Set: odd}, nil))
	d.wantProps("/files/dir/f", append(odd, props("b=two", "c=3")...)...)
	found := false
	for _, info := range d.list("/files/dir") {
		found = found || len(info.Properties) == 7
	}
	if !found {
		d.t.Error("a listing lacks the properties")
	}
	var names []vfs.PropertyName
	for _, p := range d.stat("/files/dir/f").Properties {
		names = append(names, p.Name)
	}
	d.must(d.Patch(d.ctx(), "/files/dir/f", vfs.Patch{Remove: names}, nil))
	d.wantProps("/files/dir/f")
	if got := d.read("/files/dir/f"); got != "F" {
		d.t.Errorf("patches changed the contents to %q", got)
	}
}

func testPatchErrors(d drive) {
	d.put("/files/f", "F")
	check := d.unchanged()
	for path, kind := range map[string]error{
		"/files/none":   vfs.ErrNotExist,
		"/files/none/x": vfs.ErrNotExist,
		"/none/x":       vfs.ErrNotExist,
		"/files/f/x":    vfs.ErrNotFolder,
	} {
		d.fails(d.Patch(d.ctx(), path, vfs.Patch{Modified: ns(1990), Set: props("a=1")}, nil), kind)
	}
	check()
}

func testFolderSizes(d drive) {
	d.mkdir("/files/a", "/files/a/b", "/files/c")
	d.put("/files/a/b/x", strings.Repeat("x", 1000))
	d.put("/files/a/y", strings.Repeat("y", 200))
	d.put("/files/z", "zzz")
	want := func(sizes map[string]int64) {
		d.t.Helper()
		for path, size := range sizes {
			if got := d.stat(path).Size; got != size {
				d.t.Errorf("%s has %d bytes, want %d", path, got, size)
			}
		}
	}
	want(map[string]int64{"/files": 1203, "/files/a": 1200, "/files/a/b": 1000, "/files/c": 0})
	_, err := d.copy(false)("/files/a/b", "/files/c/b")
	d.must(err)
	want(map[string]int64{"/files": 2203, "/files/a": 1200, "/files/c": 1000})
	_, err = d.move(true)("/files/z", "/files/c/b")
	d.must(err)
	d.put("/files/a/y", "short")
	want(map[string]int64{"/files": 1008, "/files/a": 1005, "/files/a/b": 1000, "/files/c": 3})
	d.must(d.Remove(d.ctx(), "/files/a/b", nil))
	want(map[string]int64{"/files": 8, "/files/a": 5})
}
