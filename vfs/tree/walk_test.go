package tree_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// walked returns the visits of a walk, without the fields that vary between runs.
func walked(t *testing.T, w *tree.Walker, tr tree.Tree) (visits []tree.Visit) {
	t.Helper()
	var mu sync.Mutex
	err := w.Walk(t.Context(), tr, func(_ context.Context, v tree.Visit) error {
		mu.Lock()
		defer mu.Unlock()
		visits = append(visits, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return visits
}

// paged returns a sealed tree that has a folder of many pages twice, and other entries.
func paged(t testing.TB, s *store) tree.Tree {
	t.Helper()
	tr := must(t, sample(t, s), tree.Mkdir{Path: "/many"})
	for i := range 400 {
		tr = must(t, tr, s.file(fmt.Sprintf("/many/%04d", i), fmt.Sprint("body ", i), uint64(i)))
	}
	p := seal(t, s, must(t, tr, tree.Copy{From: "/many", To: "/copy"}))
	p.Settle()
	return reopen(t, s, p.Commit, 0)
}

func TestWalkVisitsEachOnce(t *testing.T) {
	s := newStore()
	tr := paged(t, s)
	for _, parallel := range []int{1, 0} {
		w := tree.NewWalker(parallel)
		pages, chunks, again := 0, map[string]bool{}, 0
		ids := map[uint32]bool{}
		for _, v := range walked(t, w, tr) {
			switch {
			case v.Err != nil:
				t.Errorf("%s: %v", v.Path(), v.Err)
			case v.Again:
				again++
				continue
			case v.Kind == tree.VisitPage:
				pages++
			case v.Kind == tree.VisitChunk:
				chunks[v.Path()] = true
			}
			if ids[v.ID] {
				t.Errorf("%d was visited twice", v.ID)
			}
			ids[v.ID] = true
		}
		if len(chunks) != 402 || pages < 12 || again != 1 {
			t.Errorf("%d pages, %d files, %d again", pages, len(chunks), again)
		}
		for _, v := range walked(t, w, tr) {
			if !v.Again {
				t.Errorf("%s was visited by the second walk of one walker", v.Path())
			}
		}
	}
}

func TestWalkInMemory(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	var paths []string
	for _, v := range walked(t, tree.NewWalker(0), tr) {
		if _, _, ok := v.Place(); ok || v.Kind != tree.VisitPage {
			t.Errorf("%+v", v)
		}
		paths = append(paths, v.Path())
	}
	slices.Sort(paths)
	if !slices.Equal(paths, []string{"/", "/a", "/a/b"}) {
		t.Errorf("%q", paths)
	}
}

// TestWalkGoesOn: a walk goes on after damage, ends when the visit function says so, and traces every way to a place.
func TestWalkGoesOn(t *testing.T) {
	s := newStore()
	tr := paged(t, s)
	lost := 0
	s.change = func(p []byte, _ bool) {
		if len(p) > 3000 && len(p) < 9000 && lost == 0 { // the first full leaf that is read
			lost = len(p)
		}
		if len(p) == lost {
			p[0] ^= 1
		}
	}
	w := tree.NewWalker(1)
	bad := map[uint32]bool{}
	parents := map[uint32][]uint32{}
	files := 0
	for _, v := range walked(t, w, tr) {
		parents[v.ID] = append(parents[v.ID], v.Parent)
		if v.Err != nil {
			bad[v.ID] = true
			if !errors.Is(v.Err, vfs.ErrCorrupt) {
				t.Error(v.Err)
			}
		} else if v.Kind == tree.VisitChunk {
			files++
		}
	}
	if len(bad) == 0 || files < 100 || files > 401 {
		t.Fatalf("%d pages can't be read, %d files can be found", len(bad), files)
	}
	leads := map[uint32]bool{}
	var up func(id uint32)
	up = func(id uint32) {
		if leads[id] {
			return
		}
		leads[id] = true
		for _, p := range parents[id] {
			up(p)
		}
	}
	for id := range bad {
		up(id)
	}
	ways := map[string]int{}
	err := w.Trace(t.Context(), tr, func(id uint32) bool {
		return leads[id]
	}, func(_ context.Context, v tree.Visit) error {
		if v.Err != nil {
			ways[v.Path()]++
		}
		return nil
	})
	if err != nil || ways["/many"] != len(bad) || ways["/copy"] != len(bad) {
		t.Errorf("%v, %v", ways, err)
	}
	boom := errors.New("boom")
	err = tree.NewWalker(0).Walk(t.Context(), tr, func(context.Context, tree.Visit) error { return boom })
	if !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tree.NewWalker(0).Walk(ctx, tr, func(context.Context, tree.Visit) error {
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSever removes every page of a folder, one by one, without reading it.
func TestSever(t *testing.T) {
	s := newStore()
	tr := paged(t, s)
	var pages []tree.Visit
	for _, v := range walked(t, tree.NewWalker(1), tr) {
		if v.Kind == tree.VisitPage && v.Path() == "/copy" && !v.Again ||
			v.Path() == "/many" && v.Kind == tree.VisitPage && !v.Again {
			pages = append(pages, v)
		}
	}
	before := names(t, tr, "/many")
	for _, v := range pages {
		blob, off, _ := v.Place()
		op := tree.Sever{Path: "/many", Root: v.Root, First: v.First, Level: v.Level, Blob: blob, Off: off, To: "/c/lost",
			Version: vfs.Version{1}, Time: 5}
		encoded, err := tree.EncodeOp(op)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := tree.DecodeOp(encoded)
		if err != nil || decoded != tree.Op(op) {
			t.Fatalf("%+v became %+v, %v", op, decoded, err)
		}
		s.change = func(p []byte, _ bool) { // the bytes of this page are lost
			if len(p) == v.Sealed {
				clear(p)
			}
		}
		root, _ := tr.Root().Object()
		tr := tree.New(tree.NewNodes(s, tree.Options{}), root) // without pages in memory
		next, _, err := tree.Apply(t.Context(), tr, decoded)
		if err != nil {
			t.Fatal(err)
		}
		s.change = nil
		if err := tree.Inspect(t.Context(), next); err != nil {
			t.Errorf("page from %q: %v", v.First, err)
		}
		rest, lost := names(t, next, "/many"), names(t, next, "/c/lost")
		all := slices.Concat(rest, lost)
		slices.Sort(all)
		if len(lost) == 0 || !slices.Equal(all, before) {
			t.Errorf("%d names became %d and %d", len(before), len(rest), len(lost))
		}
		if _, _, err := tree.Apply(t.Context(), next,
			tree.Sever{Path: "/many", Root: v.Root, First: v.First, Level: v.Level, Blob: blob, Off: off,
				To: "/again"}); !errors.Is(err, vfs.ErrNotExist) {
			t.Errorf("again: %v", err)
		}
	}
	if len(pages) < 8 {
		t.Errorf("only %d pages", len(pages))
	}
	for _, op := range []tree.Sever{
		{Path: "/nothing", Root: true, To: "/x"},
		{Path: "/many", Root: true, Blob: crypto.BlobName{1}, To: "/x"},
		{Path: "/many", First: "0100", Level: 9, To: "/x"},
	} {
		if _, _, err := tree.Apply(t.Context(), tr, op); !errors.Is(err, vfs.ErrNotExist) {
			t.Errorf("%+v: %v", op, err)
		}
	}
}
