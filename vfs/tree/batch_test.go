package tree_test

import (
	"fmt"
	"testing"

	"postern/vfs"
	"postern/vfs/tree"
)

// TestBatchLeavesWhatIsShared: a batch that goes on does not change the pages that a copy shares with its original, nor
// those of a tree that was returned in between.
func TestBatchLeavesWhatIsShared(t *testing.T) {
	s := newStore()
	b := tree.NewBatch(empty(s, 0))
	do := func(ops ...tree.Op) {
		t.Helper()
		for _, op := range ops {
			if err := b.Apply(t.Context(), op); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(tr tree.Tree, path string, version byte) {
		t.Helper()
		e, err := tr.Lookup(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if e.Info().Version != (vfs.Version{15: version}) {
			t.Errorf("%s is of version %v, want %d", path, e.Info().Version, version)
		}
	}
	do(tree.Mkdir{Path: "/a"}, s.file("/a/x", "1", 1), s.file("/a/y", "1", 1), s.file("/a/x", "2", 2))
	do(tree.Copy{From: "/a", To: "/b"}, s.file("/a/x", "3", 3), s.file("/b/x", "4", 4))
	between := b.Tree()
	do(s.file("/a/x", "5", 5), tree.Remove{Path: "/a/y"}, s.file("/b/x", "6", 6), s.file("/b/x", "7", 7))
	want(between, "/a/x", 3)
	want(between, "/a/y", 1)
	want(between, "/b/x", 4)
	want(b.Tree(), "/a/x", 5)
	want(b.Tree(), "/b/x", 7)
	want(b.Tree(), "/b/y", 1)
}

// TestBatchLoad checks that Apply reads nothing after Load, and returns the error of a page that can't be read.
func TestBatchLoad(t *testing.T) {
	s := newStore()
	_, at := folder(t, s, 20_000)
	var ops []tree.Op
	for i := 0; i < 20_000; i += 500 {
		ops = append(ops, photo(fmt.Sprintf("/photos/IMG_%07d.jpg", i), i))
	}
	s.reads = 0
	b := tree.NewBatch(reopen(t, s, at, 0))
	s.down = true
	b.Load(t.Context(), ops)
	wantKind(t, b.Apply(t.Context(), ops[0]), vfs.ErrUnavailable)

	s.down = false
	b.Load(t.Context(), ops)
	if s.reads < len(ops) {
		t.Errorf("%d pages were read for %d changes in as many places", s.reads, len(ops))
	}
	s.reads = 0
	for _, op := range ops {
		if err := b.Apply(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if s.reads > 0 {
		t.Errorf("%d pages were read after all had been loaded", s.reads)
	}
}
