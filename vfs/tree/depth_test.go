package tree_test

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime/debug"
	"strings"
	"testing"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
	"postern/vfs/vfstest"
)

// stacked makes a chain of folders "d" with a file at the bottom. It copies by reference, as clients do to reach such
// depths.
func stacked(t *testing.T, s *store, levels int) tree.Tree {
	t.Helper()
	void := empty(s, 0)
	tr := must(t, void, s.file("/f", "deep down", 1))
	var err error
	for range levels {
		if tr, err = void.Graft(t.Context(), "/d", tr); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func down(levels int) string { return strings.Repeat("/d", levels) }

func TestCheckDepth(t *testing.T) {
	s := newStore()
	const most = vfs.MaxDepth
	tr := must(t, stacked(t, s, most-1), s.file("/file", "x", 2), tree.Mkdir{Path: "/a"}, tree.Mkdir{Path: "/a/b"})
	folder, _ := must(t, tr).Lookup(t.Context(), "/d")
	grafted, _ := folder.Object()
	for _, tt := range []struct {
		name string
		op   tree.Op
		want error
	}{
		{"the lowest file", s.file(down(most-1)+"/new", "x", 3), nil},
		{"a file too deep", s.file(down(most)+"/new", "x", 3), vfs.ErrTooDeep},
		{"the lowest folder", tree.Mkdir{Path: down(most-1) + "/new"}, nil},
		{"a folder too deep", tree.Mkdir{Path: down(most) + "/new"}, vfs.ErrTooDeep},
		{"properties too deep", tree.Patch{Path: down(most) + "/new"}, vfs.ErrTooDeep},
		{"a file copied to the lowest place", tree.Copy{From: "/file", To: down(most-1) + "/new"}, nil},
		{"a file copied too deep", tree.Copy{From: "/file", To: down(most) + "/new"}, vfs.ErrTooDeep},
		{"a high folder copied at its level", tree.Copy{From: "/d", To: "/copy"}, nil},
		{"a high folder copied one below", tree.Copy{From: "/d", To: "/a/d"}, vfs.ErrTooDeep},
		{"a high folder copied without what is in it", tree.Copy{From: "/d", To: "/a/d", Shallow: true}, nil},
		{"a part of it copied one below", tree.Copy{From: "/d/d", To: "/a/d"}, nil},
		{"a high folder copied into itself", tree.Copy{From: "/d", To: "/d/copy"}, vfs.ErrTooDeep},
		{"a high folder moved at its level", tree.Move{From: "/d", To: "/e"}, nil},
		{"a high folder moved one below", tree.Move{From: "/d", To: "/a/d"}, vfs.ErrTooDeep},
		{"a part of it moved up", tree.Move{From: "/d/d", To: "/e"}, nil},
		{"a part of it moved two below", tree.Move{From: "/d/d", To: "/a/b/d"}, vfs.ErrTooDeep},
		{"a high folder restored one below", tree.Graft{Path: "/a/d", Entry: grafted}, vfs.ErrTooDeep},
		{"a high folder restored", tree.Graft{Path: "/e", Entry: grafted}, nil},
		{"what is not there", tree.Copy{From: "/none", To: "/a/d"}, nil},
		{"no path", tree.Mkdir{Path: "x"}, nil},
	} {
		packed := seal(t, s, tr)
		packed.Settle()
		if graft, ok := tt.op.(tree.Graft); ok { // its sealed form
			folder, _ := tr.Lookup(t.Context(), "/d")
			graft.Entry, _ = folder.Object()
			tt.op = graft
		}
		if err := tree.CheckDepth(t.Context(), tr, tt.op); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestDepthIsCheap: copying an ordinary folder does not read its members.
func TestDepthIsCheap(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), tree.Mkdir{Path: "/a"}, tree.Mkdir{Path: "/b"})
	for i := range 5000 {
		tr = must(t, tr, s.file("/a/"+strings.Repeat("x", 1+i%200)+strings.Repeat("y", i/200), "", uint64(i)))
	}
	packed := seal(t, s, tr)
	packed.Settle()
	tr = reopen(t, s, packed.Commit, 0)
	s.reads = 0
	if err := tree.CheckDepth(t.Context(), tr, tree.Copy{From: "/a", To: "/b/c"}); err != nil {
		t.Fatal(err)
	}
	if s.reads > 5 {
		t.Errorf("%d pages read", s.reads)
	}
}

// TestDeepTree: no operation on a tree far deeper than clients can make uses call stack for each level.
func TestDeepTree(t *testing.T) {
	levels, stack := 60_000, 16<<20
	if vfstest.UnderRace { // the detector makes each level cost ten times as much
		levels, stack = levels/4, stack/4
	}
	defer debug.SetMaxStack(debug.SetMaxStack(stack))
	s := newStore()
	packed := seal(t, s, stacked(t, s, levels))
	packed.Settle()
	base := reopen(t, s, packed.Commit, 0)
	if base.Root().Count() != int64(levels+1) {
		t.Fatalf("%d entries", base.Root().Count())
	}

	pages, file := 0, false
	for _, v := range walked(t, tree.NewWalker(0), base) {
		if v.Err != nil {
			t.Fatal(v.Err)
		}
		if v.Kind == tree.VisitPage {
			pages++
		}
		file = file || v.Kind == tree.VisitChunk
		if len(v.Path()) > 128<<10 {
			t.Fatalf("a path of %d bytes", len(v.Path()))
		}
	}
	if pages != levels+1 || !file {
		t.Errorf("walked %d pages, found the file: %v", pages, file)
	}

	// Both sides write at the bottom and further up.
	low, high := down(levels), down(vfs.MaxDepth)
	ours := must(t, base, s.file(low+"/ours", "o", 2), s.file(high+"/ours", "o", 3), s.file(low+"/f", "ours", 6))
	theirs := must(t, base, s.file(low+"/theirs", "t", 4), s.file(high+"/theirs", "t", 5), s.file(low+"/f", "theirs", 7))
	for _, sides := range [][2]tree.Tree{{ours, theirs}, {theirs, ours}} {
		merged, conflicts,
			err := tree.Merge(t.Context(), base, sides[0], sides[1], tree.MergeOptions{Ours: "a", Theirs: "a", Time: day(1)})
		if err != nil || len(conflicts) != 1 {
			t.Fatalf("%d conflicts, %v", len(conflicts), err)
		}
		for _, p := range []string{high + "/ours", high + "/theirs", low + "/ours", low + "/theirs", low + "/f",
			conflicts[0].Copy} {
			if _, err := merged.Lookup(t.Context(), p); err != nil {
				t.Error(err)
			}
		}
		packed := seal(t, s, merged)
		packed.Settle()
	}
	removed := must(t, base, tree.Remove{Path: "/d"})
	if merged, _, err := tree.Merge(t.Context(), base, ours, removed,
		tree.MergeOptions{Ours: "a", Theirs: "b", Time: day(1)}); err != nil {
		t.Fatal(err)
	} else if _, err := merged.Lookup(t.Context(), low+"/ours"); err != nil {
		t.Error(err)
	} else if _, err := merged.Lookup(t.Context(), low+"/f"); err != nil {
		t.Error(err)
	}

	r := tree.NewRepacking(tree.RepackOptions{Source: s, Moves: func(crypto.BlobName) bool {
		return true
	}, Emit: s.emit, Rand: rand.Reader})
	moved, err := r.Move(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packed.Blobs {
		delete(s.blobs, name)
	}
	if e, err := moved.Lookup(t.Context(), low+"/f"); err != nil {
		t.Error(err)
	} else if text, err := s.read(t.Context(), e); err != nil || text != "deep down" {
		t.Errorf("%q %v", text, err)
	}

	// Users can still move parts up, and remove them.
	top := must(t, moved, tree.Move{From: high, To: "/rest"}, tree.Remove{Path: "/d"})
	if err := tree.CheckDepth(t.Context(), moved, tree.Move{From: high, To: "/rest"}); err != nil {
		t.Error(err)
	}
	if top = must(t, top, tree.Remove{Path: "/rest"}); top.Root().Count() != 0 {
		t.Errorf("%d entries left", top.Root().Count())
	}
}

// TestReapplyDeep: a folder as deep as that, which the changes themselves made, is removed again.
func TestReapplyDeep(t *testing.T) {
	const levels = 3000
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	s := newStore()
	r := tree.NewReapply(empty(s, 0), "a")
	do := func(op tree.Op) {
		if passed, err := r.Do(context.Background(), op); passed != nil || err != nil {
			t.Fatal(passed, err)
		}
	}
	version := vfs.Version{1}
	do(tree.Mkdir{Path: "/d", Version: version})
	for at := 1; at < levels; at *= 2 {
		do(tree.Copy{From: "/d", To: down(at) + "/d"})
	}
	if e, err := r.Tree().Lookup(t.Context(), down(levels)); err != nil || e.Info().Version != version {
		t.Fatal(err)
	}
	do(tree.Remove{Path: "/d"})
	if r.Tree().Root().Count() != 0 {
		t.Error("it is still there")
	}
}

// TestPackShared: a page that is reached first by a short way, and then by a long one, is packed before all that lead
// to it.
func TestPackShared(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), tree.Mkdir{Path: "/b"}, s.file("/b/f", "shared", 1), tree.Mkdir{Path: "/a"},
		tree.Mkdir{Path: "/a/a"},
		tree.Copy{From: "/b", To: "/a/a/z"}, tree.Copy{From: "/b", To: "/a/z"}, tree.Copy{From: "/b", To: "/c"},
		tree.Copy{From: "/a", To: "/0"})
	packed := seal(t, s, tr)
	packed.Settle()
	again := reopen(t, s, packed.Commit, 0)
	if err := tree.Inspect(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/b", "/a/a/z", "/a/z", "/c", "/0/a/z", "/0/z"} {
		e, err := again.Lookup(t.Context(), p+"/f")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := s.read(t.Context(), e); err != nil || text != "shared" {
			t.Errorf("%s: %q %v", p, text, err)
		}
	}
}
