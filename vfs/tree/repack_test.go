package tree_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// TestRepackPages moves the pages of a tree that was changed since, after which its old blobs are no longer needed.
func TestRepackPages(t *testing.T) {
	s := newStore()
	tr := empty(s, 0)
	for i := range 300 {
		tr = must(t, tr, tree.Mkdir{Path: fmt.Sprintf("/%04d", i), Time: at(int64(i))})
	}
	first := seal(t, s,
		must(t, tr, tree.Mkdir{Path: "/copies"}, tree.Copy{From: "/", To: "/copies/a"},
			tree.Copy{From: "/copies/a", To: "/copies/b"}))
	first.Settle()
	clean := reopen(t, s, first.Commit, 0)
	dirty := must(t, clean, tree.Mkdir{Path: "/0100/new"}, tree.Remove{Path: "/copies/b/0007"})

	moves := func(name crypto.BlobName) bool { return slices.Contains(first.Blobs, name) }
	r := tree.NewRepacking(tree.RepackOptions{Source: s, Moves: moves, Emit: s.emit, Rand: rand.Reader})
	moved, err := r.Move(t.Context(), clean)
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.blobs)
	top, err := r.Move(t.Context(), dirty)
	if err != nil {
		t.Fatal(err)
	}
	if !top.Dirty() || moved.Dirty() || len(s.blobs) != before || r.Moved() == 0 {
		t.Errorf("dirty: %v and %v, %d bytes moved, %d blobs put for what was moved before", top.Dirty(), moved.Dirty(),
			r.Moved(), len(s.blobs)-before)
	}
	if same, err := r.Move(t.Context(), moved); err != nil || same != moved {
		t.Errorf("what was moved is moved again: %v", err)
	}
	second := seal(t, s, top)
	second.Settle()
	for _, name := range first.Blobs {
		delete(s.blobs, name)
	}
	for want, got := range map[*tree.Tree]tree.Tree{&dirty: reopen(t, s, second.Commit, 0), &clean: moved} {
		if err := tree.Inspect(t.Context(), got); err != nil {
			t.Error(err)
		}
		if want.Root().Count() != got.Root().Count() {
			t.Errorf("%d entries became %d", want.Root().Count(), got.Root().Count())
		}
	}
	pages := 0
	for _, v := range walked(t, tree.NewWalker(0), moved) {
		if v.Err != nil {
			t.Error(v.Err)
		}
		if !v.Again {
			pages++
		}
	}
	if pages > 30 {
		t.Errorf("what three folders shared takes %d pages", pages)
	}
}

func TestRepackFails(t *testing.T) {
	s := newStore()
	p := seal(t, s, must(t, empty(s, 0), tree.Mkdir{Path: "/a"}, tree.Mkdir{Path: "/a/b"}))
	p.Settle()
	tr := reopen(t, s, p.Commit, 0)
	all := func(crypto.BlobName) bool { return true }
	boom := errors.New("boom")
	fails := func(context.Context, []byte) (crypto.BlobName, error) { return crypto.BlobName{}, boom }
	if _, err := tree.NewRepacking(tree.RepackOptions{Source: s, Moves: all, Emit: fails,
		Rand: rand.Reader}).Move(t.Context(), tr); !errors.Is(err, boom) {
		t.Error(err)
	}
	s.change = func(p []byte, _ bool) { p[0] ^= 1 }
	if _, err := tree.NewRepacking(tree.RepackOptions{Source: s, Moves: all, Emit: s.emit,
		Rand: rand.Reader}).Move(t.Context(), tr); !errors.Is(err, vfs.ErrCorrupt) {
		t.Error(err)
	}
}
