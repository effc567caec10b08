package namespace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// mounted is the time of mounting in tests.
var mounted = time.Unix(1000, 0).UTC()

// nested returns a drive with mounts at several depths: /files, /files/a/b and /shared/x, all of one group.
func nested(t *testing.T) *Drive {
	t.Helper()
	m := vfstest.NewModel(vfstest.ModelOptions{})
	for _, name := range []string{"inner", "friend"} {
		must(t, m.Root(name))
	}
	d := New(Options{Clock: func() time.Time { return mounted }}, map[string]vfs.FS{
		"/files": member{view{m, "/files"}}, "/shared": Folder(time.Unix(1, 0)),
	})
	must(t, d.Mkdir(t.Context(), "/files/a", nil))
	must(t, d.Mount("/files/a/b", member{view{m, "/inner"}}))
	must(t, d.Mount("/shared/x", member{view{m, "/friend"}}))
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, fs vfs.Writer, path, data string) {
	t.Helper()
	up, err := fs.Create(t.Context(), path)
	must(t, err)
	_, err = up.Write([]byte(data))
	must(t, err)
	_, _, err = up.Commit(t.Context(), vfs.CommitOptions{})
	must(t, err)
}

// names lists a folder: folders with a slash.
func names(t *testing.T, fs vfs.Reader, path string) string {
	t.Helper()
	var all []string
	for info, err := range fs.List(t.Context(), path) {
		must(t, err)
		name := info.Name
		if info.Folder {
			name += "/"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func wantNames(t *testing.T, fs vfs.Reader, path, want string) {
	t.Helper()
	if got := names(t, fs, path); got != want {
		t.Errorf("%s lists %q, want %q", path, got, want)
	}
}

func wantKind(t *testing.T, what string, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", what, err, kind)
		}
	}
}

// TestNested checks that the longest path wins, that a mount hides what lies below it and appears in the listing of its
// folder, and that everything reappears when it is unmounted.
func TestNested(t *testing.T) {
	d, ctx := nested(t), t.Context()
	put(t, d, "/files/a/b/inner", "I")
	put(t, d, "/shared/x/friend", "F")
	put(t, d, "/files/a/c", "C")
	wantNames(t, d, "/", "files/ shared/")
	wantNames(t, d, "/files", "a/")
	wantNames(t, d, "/files/a", "b/ c")
	wantNames(t, d, "/files/a/b", "inner")
	wantNames(t, d, "/shared", "x/")
	if info, err := d.Stat(ctx, "/files/a/b"); err != nil || info.Name != "b" ||
		info.ReadOnly || info.Modified.Equal(mounted) {
		t.Errorf("the mount is %+v, %v: it has a time of its own", info, err)
	}

	must(t, d.Unmount("/files/a/b"))
	wantNames(t, d, "/files/a", "c")
	_, err := d.Stat(ctx, "/files/a/b/inner")
	wantKind(t, "after unmounting", err, vfs.ErrNotExist)
	must(t, d.Mkdir(ctx, "/files/a/b", nil))
	put(t, d, "/files/a/b/hidden", "H")
	must(t, d.Mount("/files/a/b", newSpace()))
	wantNames(t, d, "/files/a", "b/ c")
	wantNames(t, d, "/files/a/b", "")
	must(t, d.Mount("/files/a/b", newSpace())) // in its place
	must(t, d.Unmount("/files/a/b"))
	wantNames(t, d, "/files/a/b", "hidden")
}

// TestMountsInOrder checks that listings with mounts are sorted, and that a mount hides an entry of its name in any
// Unicode form.
func TestMountsInOrder(t *testing.T) {
	d, ctx := newDrive(), t.Context()
	for _, name := range []string{"b", "d", "e\u0301", "\u00f6", "z"} {
		must(t, d.Mkdir(ctx, "/files/"+name, nil))
	}
	for _, name := range []string{"a", "c", "d", "zz", "\u00e9", "o\u0308"} {
		must(t, d.Mount("/files/"+name, newSpace()))
	}
	wantNames(t, d, "/files", "a/ b/ c/ d/ z/ zz/ \u00e9/ o\u0308/")
	for i := range 8 { // a listing that ends early
		for range d.List(ctx, "/files") {
			if i--; i < 0 {
				break
			}
		}
	}
	put(t, d, "/files/e\u0301/f", "F")
	wantNames(t, d, "/files/\u00e9", "f")
	must(t, d.Unmount("/files/e\u0301"))
	wantNames(t, d, "/files/\u00e9", "")
}

// TestFromOutside checks that a mounted folder and its parents can't be changed.
func TestFromOutside(t *testing.T) {
	d, ctx := nested(t), t.Context()
	put(t, d, "/files/f", "F")
	replace := vfs.CopyOptions{Replace: true}
	for what, err := range map[string]error{
		"remove":     d.Remove(ctx, "/files/a/b", nil),
		"move":       second(d.Move(ctx, "/files/a/b", "/files/n", vfs.CopyOptions{})),
		"move over":  second(d.Move(ctx, "/files/f", "/files/a/b", replace)),
		"copy over":  second(d.Copy(ctx, "/files/f", "/files/a/b", replace)),
		"patch":      d.Patch(ctx, "/files/a/b", vfs.Patch{Modified: mounted}, nil),
		"put":        second(false, createErr(d.Create(ctx, "/files/a/b"))),
		"into /":     second(d.Copy(ctx, "/files/f", "/f", vfs.CopyOptions{})),
		"new share":  d.Mkdir(ctx, "/shared/new", nil),
		"into share": second(d.Move(ctx, "/files/f", "/shared/f", vfs.CopyOptions{})),
	} {
		wantKind(t, what, err, vfs.ErrReadOnly)
	}
	wantKind(t, "make", d.Mkdir(ctx, "/files/a/b", nil), vfs.ErrExist)
	wantKind(t, "deep in a folder of mounts", d.Mkdir(ctx, "/shared/y/z", nil), vfs.ErrNotExist)
	for what, err := range map[string]error{
		"remove parent":    d.Remove(ctx, "/files/a", nil),
		"move parent":      second(d.Move(ctx, "/files/a", "/files/n", vfs.CopyOptions{})),
		"copy parent":      second(d.Copy(ctx, "/files/a", "/files/n", vfs.CopyOptions{})),
		"move over parent": second(d.Move(ctx, "/files/f", "/files/a", replace)),
		"copy over parent": second(d.Copy(ctx, "/files/f", "/files/a", replace)),
	} {
		wantKind(t, what, err, vfs.ErrReadOnly, vfs.ErrMounted)
	}
	if _, err := d.Copy(ctx, "/files/a", "/files/n", vfs.CopyOptions{Shallow: true}); err != nil {
		t.Errorf("copy of the folder alone: %v", err)
	}
	must(t, d.Patch(ctx, "/files/a", vfs.Patch{Modified: mounted}, nil))
	wantNames(t, d, "/files", "a/ f n/")
	wantNames(t, d, "/files/a", "b/")
}

func createErr(_ vfs.Upload, err error) error { return err }

func TestMountRefuses(t *testing.T) {
	d := nested(t)
	wantKind(t, "root", d.Mount("/", newSpace()), vfs.ErrInvalid)
	for _, path := range []string{"", "files", "/files/", "//x", "/files/..", "/a/./b", "/a\x00"} {
		wantKind(t, path, d.Mount(path, newSpace()), vfs.ErrName)
	}
	wantKind(t, "never mounted", d.Unmount("/files/a"), vfs.ErrNotExist)
	wantKind(t, "holds another", d.Unmount("/files"), vfs.ErrInvalid, vfs.ErrMounted)
}

// TestBetween checks that mounts of one group move and copy between each other as one change, and that a condition sees
// both of them in the state of the change.
func TestBetween(t *testing.T) {
	d, ctx := nested(t), t.Context()
	put(t, d, "/files/f", "one")
	put(t, d, "/shared/x/old", "old")
	asked := 0
	cond := func(ctx context.Context, at vfs.Stater) error {
		asked++
		for path, size := range map[string]int64{"/files/f": 3, "/shared/x/old": 3} {
			if info, err := at.Stat(ctx, path); err != nil || info.Size != size {
				t.Errorf("the condition sees %s as %+v, %v", path, info, err)
			}
		}
		_, err := at.Stat(ctx, "/shared/x/none")
		wantPath(t, err, "/shared/x/none")
		return nil
	}
	_, err := d.Move(ctx, "/files/f", "/shared/x/old", vfs.CopyOptions{Cond: cond})
	wantKind(t, "move onto something", err, vfs.ErrExist)
	wantPath(t, err, "/shared/x/old")
	replaced, err := d.Move(ctx, "/files/f", "/shared/x/old", vfs.CopyOptions{Replace: true, Cond: cond})
	if err != nil || !replaced {
		t.Errorf("moved: %v, %v", replaced, err)
	}
	if asked != 2 {
		t.Errorf("the condition was asked %d times", asked)
	}
	wantNames(t, d, "/files", "a/")
	if _, err := d.Copy(ctx, "/shared/x", "/files/a/b/copy", vfs.CopyOptions{}); err != nil {
		t.Errorf("copy of a whole mount: %v", err)
	}
	wantNames(t, d, "/files/a/b/copy", "old")
	_, err = d.Move(ctx, "/shared/x/none", "/files/n", vfs.CopyOptions{})
	wantPath(t, err, "/shared/x/none")
	own := errors.New("own")
	_, err = d.Move(ctx, "/shared/x/old", "/files/n", vfs.CopyOptions{Cond: func(context.Context, vfs.Stater) error {
		return own
	}})
	if err != own { //nolint:errorlint // it must come back as it is
		t.Errorf("the condition's error came back as %v", err)
	}
	must(t, d.Mount("/shared/y", newSpace()))
	must(t, second(d.Move(ctx, "/shared/x/old", "/shared/y/n", vfs.CopyOptions{}))) // into another group, by the bytes
	wantNames(t, d, "/shared/y", "n")
}

// TestUsage checks that the mount of a path answers, and for the root the folders at the top.
func TestUsage(t *testing.T) {
	space := func(limit int64) vfs.FS {
		return view{vfstest.NewModel(vfstest.ModelOptions{Limit: limit}), "/files"}
	}
	d, ctx := New(Options{}, map[string]vfs.FS{"/files": space(100), "/past": space(0),
		"/shared": Folder(mounted)}), t.Context()
	must(t, d.Mount("/shared/x", space(10)))
	must(t, d.Mount("/files/in", space(20)))
	put(t, d, "/files/f", "123")
	put(t, d, "/shared/x/f", "12345")
	put(t, d, "/past/f", "12")
	for path, want := range map[string]vfs.Usage{
		"/files": {Used: 3, Available: 97}, "/files/f": {Used: 3, Available: 97}, "/files/new/file": {Used: 3, Available: 97},
		"/files/in": {Used: 0, Available: 20}, "/files/in/x": {Used: 0, Available: 20},
		"/shared/x/f": {Used: 5, Available: 5}, "/shared": {Used: 0, Available: -1}, "/past": {Used: 2, Available: -1},
		"/": {Used: 5, Available: 97},
	} {
		if got, err := d.Usage(ctx, path, 1); err != nil || got != want {
			t.Errorf("of %s: %+v, %v; want %+v", path, got, err, want)
		}
	}
	if root, err := d.Stat(ctx, "/"); err != nil || root.Size != 5 {
		t.Errorf("the root is %+v, %v", root, err)
	}
}

// TestRequestSeesOneTable checks that a listing, an upload and a view of the drive keep their initial mounts.
func TestRequestSeesOneTable(t *testing.T) {
	d, ctx := nested(t), t.Context()
	up, err := d.Create(ctx, "/files/a/b/up")
	must(t, err)
	before := d.Now()
	var seen []string
	for info, err := range d.List(ctx, "/shared") {
		must(t, err)
		seen = append(seen, info.Name)
		must(t, d.Unmount("/shared/x"))
		must(t, d.Mount("/shared/y", newSpace()))
		must(t, d.Unmount("/files/a/b"))
	}
	if !slices.Equal(seen, []string{"x"}) {
		t.Errorf("the listing showed %q", seen)
	}
	_, _, err = up.Commit(ctx, vfs.CommitOptions{Cond: func(ctx context.Context, at vfs.Stater) error {
		_, err := at.Stat(ctx, "/files/a/b")
		return err
	}})
	must(t, err)
	wantNames(t, before, "/files/a/b", "up")
	wantNames(t, before, "/shared", "x/")
	wantNames(t, d, "/shared", "y/")
	wantNames(t, d, "/files/a", "")
}

// TestSpans checks which mounts hold what lies at and below a path, in any form of the path.
func TestSpans(t *testing.T) {
	d := nested(t)
	must(t, d.Mount("/shared/\u00fc", Folder(mounted)))
	for path, want := range map[string]string{
		"/": "/files:/ /files/a/b:/ /shared:/ /shared/x:/ /shared/\u00fc:/", "/files": "/files:/ /files/a/b:/",
		"/files/a": "/files:/a /files/a/b:/", "/files/a/b": "/files/a/b:/", "/files/a/b/c/d": "/files/a/b:/c/d",
		"/files/a/bc": "/files:/a/bc", "/shared/u\u0308/y": "/shared/\u00fc:/y", "/other": "",
	} {
		var got []string
		for _, s := range d.Spans(path) {
			got = append(got, s.Path+":"+s.Within)
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%s: %q, want %q", path, all, want)
		}
	}
}

// TestNotices checks when the drive calls Mounted and Moved: for folders only, also between mounts, and not for what
// failed.
func TestNotices(t *testing.T) {
	var calls []string
	m := vfstest.NewModel(vfstest.ModelOptions{})
	must(t, m.Root("inner"))
	d := New(Options{
		Mounted: func() { calls = append(calls, "mounted") },
		Moved:   func(from, to string) { calls = append(calls, from+" > "+to) },
	}, map[string]vfs.FS{"/files": member{view{m, "/files"}}})
	must(t, d.Mount("/files/inner", member{view{m, "/inner"}}))
	wantKind(t, "a mount without a path", d.Mount("x", nil), vfs.ErrName)
	must(t, d.Mkdir(t.Context(), "/files/a", nil))
	put(t, d, "/files/f", "f")
	move := func(from, to string) error {
		_, err := d.Move(t.Context(), from, to, vfs.CopyOptions{})
		return err
	}
	must(t, move("/files/a", "/files/b"))
	must(t, move("/files/f", "/files/g"))
	wantKind(t, "a move of nothing", move("/files/a", "/files/c"), vfs.ErrNotExist)
	must(t, move("/files/b", "/files/inner/b"))
	must(t, d.Unmount("/files/inner"))
	wantKind(t, "a second unmount", d.Unmount("/files/inner"), vfs.ErrNotExist)
	want := []string{"mounted", "/files/a > /files/b", "/files/b > /files/inner/b", "mounted"}
	if !slices.Equal(calls, want) {
		t.Errorf("the calls are %q, want %q", calls, want)
	}
}
