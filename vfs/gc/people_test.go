package gc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// lateSwaps is a remote whose swaps arrive late: the caller gets an error meanwhile.
type lateSwaps struct {
	remote.Store
	arrive []func(context.Context) error
}

func (l *lateSwaps) Swap(_ context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	l.arrive = append(l.arrive, func(ctx context.Context) error { return l.Store.Swap(ctx, old, next) })
	return remote.Fail("swap pointer", next.ID, remote.ErrUnavailable, nil)
}

// TestDelayedSwap makes Bob's gateway give up a commit whose swap is still on its way. If the swap lands after all,
// what Bob put is needed, whatever he noted. If another commit lands first, the swap is rejected for ever, and what Bob
// put goes after the grace period.
func TestDelayedSwap(t *testing.T) {
	for name, landsOn := range map[string]float64{"lands soon": 1, "lands at the last moment": 6.9, "lost": -1} {
		t.Run(name, func(t *testing.T) {
			f := newFamily(t)
			f.s.Shared = true
			late := &lateSwaps{Store: f.store}
			bob, err := f.f.Again(t.Context(), late)
			if err != nil {
				t.Fatal(err)
			}
			his := bob.Members[0].Drive
			put := file(t, his, "/bob", body(7, 1<<20)).(tree.Put)
			f.name = put.Entry.Content.Chunks[0].Blob // the watched blob
			if err := his.Do(t.Context(), put); !errors.Is(err, remote.ErrUnavailable) {
				t.Fatal(err)
			}
			o := f.options()
			o.Drive = bob
			run(t, o) // and Bob's gateway notes what he gave up
			if landsOn < 0 {
				f.on(1)
				do(t, f.s.Drive, file(t, f.s.Drive, "/other", body(8, 1000)))
				if err := late.arrive[0](t.Context()); !errors.Is(err, remote.ErrConflict) {
					t.Fatalf("the late swap: %v", err)
				}
				f.kept(6.9)
				f.gone(7.1)
				return
			}
			f.on(landsOn)
			if err := late.arrive[0](t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, d := range []float64{7.1, 8, 30} {
				f.kept(d)
			}
			if err := f.s.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, f.s.Drive, map[string][]byte{"/bob": body(7, 1<<20)})
		})
	}
}

// TestReplacedWhileAway keeps Carol offline for ten days with changes of S. Meanwhile another space replaces S, and
// what her changes were made to is collected. They are made again in the other space, by path, and nothing is lost on
// either side.
func TestReplacedWhileAway(t *testing.T) {
	f := newFamily(t)
	do(t, f.s.Drive, tree.Mkdir{Path: "/d"}, tree.Mkdir{Path: "/sub"})
	for i := range 3 {
		do(t, f.s.Drive, file(t, f.s.Drive, fmt.Sprint("/d/", i), body(i, 2000)))
	}
	carol, err := f.s.Again(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}

	f.on(1)
	next, err := f.s.Beside(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	successor := f.f.Add(next)
	successor.Shared = true
	f.s.Stage, f.s.Final = roots.Gone, f.s.Base().Ref
	for i := range 3 { // so that the old pages are not needed
		do(t, next, file(t, next, fmt.Sprint("/d/", i), body(10+i, 2000)))
	}
	f.forget(next)
	for _, d := range []float64{1, 8.5, 10} {
		f.on(d)
		f.collect()
	}

	pending := []tree.Op{ // as in her journal
		file(t, next, "/d/new", body(20, 2000)), file(t, next, "/d/0", body(21, 2000)), tree.Remove{Path: "/d/1"},
		tree.Move{From: "/d/new", To: "/sub/moved"},
	}
	if _, _, err := tree.Apply(t.Context(), carol.Files(), pending[0]); !errors.Is(err, vfs.ErrCorrupt) {
		t.Fatalf("what her changes were made to is there: %v", err)
	}
	again := tree.NewReapply(next.Files(), "carol")
	for _, op := range pending {
		if _, err := again.Do(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if err := next.Replace(t.Context(), again.Tree()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []float64{11, 19, 27} {
		f.on(d)
		if r := f.collect(); len(r.Damaged) > 0 {
			t.Errorf("on day %v: %v", d, r.Damaged)
		}
	}
	check(t, next, map[string][]byte{
		"/d/0": body(10, 2000), "/d/1": body(11, 2000), "/d/2": body(12, 2000), "/sub/moved": body(20, 2000),
		"/d/0 (conflict, carol, 2026-11-30)": body(21, 2000),
	})
}
