package tree_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// targetOf returns the target of a mount of the space number n.
func targetOf(n byte) object.Target {
	c := crypto.SpaceSecret{n}.Keys()
	c.Owner = author.ID()
	return object.Target{Capability: c.ReadOnly()}
}

func mountOf(path string, n byte) tree.Mount {
	return tree.Mount{Path: path, Target: targetOf(n), Version: vfs.Version{0xee, n}, Time: at(int64(n))}
}

// TestMountOp puts mounts in place of what may become one, and of nothing else.
func TestMountOp(t *testing.T) {
	s := newStore()
	props := []vfs.Property{{Name: vfs.PropertyName{Local: "p"}, Value: "1"}}
	tr := must(t, empty(s, 0), mkdir("/d", 1), mkdir("/u\u0308", 2), s.file("/d/f", "hello", 3), s.file("/f", "hello", 4),
		tree.Patch{Path: "/u\u0308", Set: props}, mountOf("/m", 1))
	file := targetOf(3)
	file.File = true
	for name, c := range map[string]struct {
		op   tree.Mount
		kind error
	}{
		"new, on a folder":          {mountOf("/d", 2), vfs.ErrExist},
		"new, on a mount":           {mountOf("/m", 2), vfs.ErrExist},
		"in a mount":                {mountOf("/m/x", 2), vfs.ErrNotFolder},
		"in a file":                 {mountOf("/f/x", 2), vfs.ErrNotFolder},
		"the root":                  {mountOf("/", 2), vfs.ErrInvalid},
		"no valid name":             {mountOf("/..", 2), vfs.ErrName},
		"of a folder, on a mount":   {tree.Mount{Path: "/m", Target: targetOf(2), Over: object.Folder}, vfs.ErrExist},
		"of a folder, on nothing":   {tree.Mount{Path: "/x", Target: targetOf(2), Over: object.Folder}, vfs.ErrNotExist},
		"of a folder, on a file":    {tree.Mount{Path: "/f", Target: targetOf(2), Over: object.File}, vfs.ErrInvalid},
		"of a file, on a folder":    {tree.Mount{Path: "/d", Target: file, Over: object.Folder}, vfs.ErrInvalid},
		"another target of nothing": {tree.Mount{Path: "/x", Target: targetOf(2), Over: object.Mount}, vfs.ErrNotExist},
		"too many properties": {tree.Mount{Path: "/m", Target: targetOf(2), Over: object.Mount,
			Properties: []vfs.Property{{Value: "without a name"}}}, vfs.ErrInvalid},
	} {
		_, _, err := tree.Apply(t.Context(), tr, c.op)
		t.Run(name, func(t *testing.T) { wantKind(t, err, c.kind) })
	}
	was, err := tr.Lookup(t.Context(), "/\u00fc")
	if err != nil {
		t.Fatal(err)
	}
	next, r, err := tree.Apply(t.Context(), tr, tree.Mount{Path: "/\u00fc", Target: targetOf(2), Over: object.Folder,
		Version: vfs.Version{9}, Time: at(9)})
	if err != nil {
		t.Fatal(err)
	}
	want := was.Info()
	want.Mounted = true
	if d := cmp.Diff(want, r.Entry.Info()); d != "" || *r.Entry.Mount() != targetOf(2) || r.Before.IsZero() {
		t.Errorf("(-want +got)\n%s", d)
	}
	next = must(t, next, tree.Mount{Path: "/\u00fc", Target: targetOf(4), Over: object.Mount, Properties: []vfs.Property{}},
		tree.Mount{Path: "/f", Target: file, Over: object.File})
	e, err := next.Lookup(t.Context(), "/\u00fc")
	if err != nil || *e.Mount() != targetOf(4) || e.Info().Properties != nil || e.Info().Version != want.Version {
		t.Errorf("with another target it is %+v, %v", e.Info(), err)
	}
	if e, err = next.Lookup(t.Context(), "/f"); err != nil || e.Info().Folder || e.Info().Size != 0 ||
		e.Info().SHA1 != [20]byte{} || e.Content() == nil && e.Mount() == nil {
		t.Errorf("a mounted file is %+v, %v", e.Info(), err)
	}
	if next.Root().Info().Size != 5 || next.Root().Count() != 5 {
		t.Errorf("the sums are %d bytes, %d entries", next.Root().Info().Size, next.Root().Count())
	}
	again := reopen(t, s, seal(t, s, next).Commit, 0)
	if again.MayHoldMounts() {
		t.Error("only the version of a space says that a tree may hold mounts")
	}
	if err := tree.Inspect(t.Context(), again); err != nil {
		t.Error(err)
	}
}

// TestMountInPlace moves, changes and removes a mount as if it were a folder, and puts nothing into it.
func TestMountInPlace(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), mkdir("/d", 1), mountOf("/m", 1))
	for _, op := range []tree.Op{s.file("/m/f", "x", 1), mkdir("/m/f", 1), tree.Remove{Path: "/m/f"},
		tree.Patch{Path: "/m/f"}, tree.Move{From: "/d", To: "/m/d"}, tree.Copy{From: "/m/x", To: "/x"}} {
		_, _, err := tree.Apply(t.Context(), tr, op)
		wantKind(t, err, vfs.ErrNotFolder)
	}
	for _, err := range tr.List(t.Context(), "/m") {
		wantKind(t, err, vfs.ErrNotFolder)
	}
	_, _, err := tree.Apply(t.Context(), tr, s.file("/m", "x", 1))
	wantKind(t, err, vfs.ErrIsFolder)
	tr = must(t, tr, tree.Move{From: "/m", To: "/d/n"}, tree.Move{From: "/d", To: "/e"},
		tree.Patch{Path: "/e/n", Modified: at(77)}, tree.Copy{From: "/e", To: "/c"})
	for _, path := range []string{"/e/n", "/c/n"} {
		e, err := tr.Lookup(t.Context(), path)
		if err != nil || *e.Mount() != targetOf(1) || !e.Info().Modified.Equal(at(77)) {
			t.Errorf("%s is %+v, %v", path, e, err)
		}
	}
	tr = must(t, tr, tree.Remove{Path: "/e/n"}, tree.Remove{Path: "/c"})
	if got, err := tr.Mounts(t.Context(), "/", 10); err != nil || len(got) != 0 {
		t.Errorf("mounts are left: %+v, %v", got, err)
	}
}

// TestCrossing finds the mounts on paths and below folders.
func TestCrossing(t *testing.T) {
	s := newStore()
	plain := must(t, empty(s, 0), mkdir("/d", 1), mkdir("/d/e", 2), s.file("/d/f", "x", 3))
	if _, ok, err := plain.Crossing(t.Context(), "/d/e"); ok || err != nil || plain.MayHoldMounts() {
		t.Errorf("a tree without mounts has one: %v", err)
	}
	s.reads = 0
	tr := must(t, plain, mountOf("/d/u\u0308", 1), mountOf("/d/e/m", 2))
	for path, want := range map[string]string{
		"/": "", "/d": "", "/d/e": "", "/d/f": "", "/d/f/x": "", "/x/y": "", "/d/e/mm": "", "//": "", "/d//": "", "": "",
		"/d/../d/e/m": "", "/d/e/m": "/d/e/m", "/d/e/m/": "/d/e/m", "/d/e/m/x/y": "/d/e/m", "/d/\u00fc/x": "/d/\u00fc",
	} {
		m, ok, err := tr.Crossing(t.Context(), path)
		if err != nil || ok != (want != "") || m.Path != want {
			t.Errorf("the first mount on %q is %q, %v, %v", path, m.Path, ok, err)
		}
	}
	var got []string
	all, err := tr.Mounts(t.Context(), "/", 10)
	for _, m := range all {
		got = append(got, m.Path)
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"/d/e/m", "/d/u\u0308"}, got); err != nil || d != "" {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
	if one, err := tr.Mounts(t.Context(), "/", 1); err != nil || len(one) != 1 {
		t.Errorf("of two mounts, one at most is %+v, %v", one, err)
	}
	if none, err := tr.Mounts(t.Context(), "/d/f", 1); err != nil || len(none) != 0 {
		t.Errorf("the mounts below a file are %+v, %v", none, err)
	}
	if itself, err := tr.Mounts(t.Context(), "/d/e/m", 9); err != nil || len(itself) != 1 {
		t.Errorf("the mounts at and below a mount are %+v, %v", itself, err)
	}
	s.down = true
	if _, err := reopen2(t, s, tr).Mounts(t.Context(), "/", 1); err == nil {
		t.Error("an unreadable folder has no mounts")
	}
}

// reopen2 returns the sealed tree without pages in memory, while the store is down.
func reopen2(t testing.TB, s *store, tr tree.Tree) tree.Tree {
	s.down = false
	p := seal(t, s, tr)
	again := reopen(t, s, p.Commit, 1).MayMount()
	s.down = true
	return again
}

// TestLastUpTo finds names in a folder of many pages.
func TestLastUpTo(t *testing.T) {
	s := newStore()
	tr := large(t, s, 3000)
	for name, want := range map[string]string{"000000": "000000", "002999": "002999", "9": "002999", "001500": "001500",
		"001500x": "001500", "0": "", "/": ""} {
		e, err := tr.LastUpTo(t.Context(), "/d", name)
		got := ""
		if !e.IsZero() {
			got = e.Info().Name
		}
		if err != nil || got != want {
			t.Errorf("up to %q the last is %q, %v", name, got, err)
		}
	}
	if e, err := tr.LastUpTo(t.Context(), "/", "a"); err != nil || !e.IsZero() {
		t.Errorf("the last name up to a is %v, %v", e, err)
	}
}
