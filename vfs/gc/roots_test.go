package gc_test

import (
	"errors"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// TestMarksAllSpaces checks that blobs that only a space of the registry leads to are kept.
func TestMarksAllSpaces(t *testing.T) {
	f := newFamily(t)
	f.move(f.d, f.s.Drive)
	for _, d := range []float64{0, 8, 16} {
		f.kept(d)
	}
	do(t, f.s.Drive, tree.Remove{Path: "/x"})
	f.forget(f.s.Drive)
	f.kept(20)
	f.kept(26.9)
	f.gone(27)
}

// TestMountIsARoot checks that a space that only a mount leads to is kept, wherever the mount is: in another space, in
// the history, below a folder that a later state restores.
func TestMountIsARoot(t *testing.T) {
	f := newFamily(t)
	inner := f.beside("")
	f.move(f.d, inner)
	do(t, f.s.Drive, tree.Mkdir{Path: "/folder"}, gctest.Mount("/folder/mount", inner))
	f.kept(0)
	do(t, f.s.Drive, tree.Remove{Path: "/folder"})
	f.kept(8) // through the history
	f.kept(16)
	f.forget(f.s.Drive)
	f.on(24)
	if _, err := gc.Run(t.Context(), f.options()); !errors.Is(err, gc.ErrForgotten) || !f.there() {
		t.Errorf("neither a mount nor the registry leads to the space any more: %v", err)
	}
	f.f.Add(inner).Stage = roots.Gone
	f.kept(25)
	f.gone(32)
}

// TestMountsNotFollowed checks that mounts of other accounts' spaces, or at other stores, are skipped.
func TestMountsNotFollowed(t *testing.T) {
	f := newFamily(t)
	theirs := newDrive(t, f.store)
	elsewhere := *theirs
	f.d.Keys.Store = crypto.StoreID{1}
	elsewhere.Keys.Owner, elsewhere.Keys.Store = f.d.Keys.Owner, crypto.StoreID{2}
	do(t, f.d, gctest.Mount("/theirs", theirs), gctest.Mount("/elsewhere", &elsewhere))
	if r := f.collect(); r.Spaces != 2 || len(r.Damaged) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestMountOfNothing mounts a space that does not exist. Only blobs learnt from the space with the mount are held back,
// and only while it has the mount.
func TestMountOfNothing(t *testing.T) {
	f := newFamily(t)
	f.drop()
	f.kept(0)
	nothing := *f.s.Drive
	nothing.Keys.ID = crypto.PointerID{1}
	do(t, f.s.Drive, gctest.Mount("/nothing", &nothing))
	f.on(8)
	if r := f.collect(); len(r.Damaged) != 1 || !strings.Contains(r.Damaged[0], "/files/nothing") || f.there() {
		t.Errorf("%+v", r)
	}
	do(t, f.s.Drive, tree.Remove{Path: "/nothing"})
	f.forget(f.s.Drive)
	if r := f.collect(); len(r.Damaged) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestMovedWhileMarking moves a file from S to the own space after the run has looked at the own one, and before it
// looks at S. Neither of the states that it saw first leads to the file.
func TestMovedWhileMarking(t *testing.T) {
	f := newFamily(t)
	f.move(f.d, f.s.Drive)
	o := f.options()
	o.Store = f.store
	o.Roots = f.splitting(1, func() { f.move(f.s.Drive, f.d) })
	if r := run(t, o); r.Candidates.Bytes >= 1<<20 {
		t.Errorf("what has moved meanwhile counts as not needed: %+v", r.Candidates)
	}
	f.drop()
	f.kept(7) // it was needed until now
	f.kept(13.9)
	f.gone(14)
}

// TestNeededElsewhereWhileDeleting makes another space need the file between the look at all states and the deletion.
func TestNeededElsewhereWhileDeleting(t *testing.T) {
	f := newFamily(t)
	f.drop()
	f.kept(0)
	f.on(8)
	o := f.options()
	o.Roots = &meanwhile{o.Roots, 3, func() { do(t, f.s.Drive, f.put) }}
	if run(t, o); !f.there() {
		t.Fatal("it was deleted right after another space needed it")
	}
	f.kept(16)
	check(t, f.s.Drive, map[string][]byte{"/x": body(1, 1<<20)})
}

// TestNeededAgainElsewhere makes another space need a candidate and drop it again before any run sees that.
func TestNeededAgainElsewhere(t *testing.T) {
	f := newFamily(t)
	f.drop()
	f.kept(0)
	f.on(3)
	do(t, f.s.Drive, f.put)
	f.on(6)
	do(t, f.s.Drive, tree.Remove{Path: "/x"})
	f.forget(f.s.Drive)
	f.kept(8)
	f.kept(14.9)
	f.gone(15)
}

// TestFailedRun drops a file again that was seen needed only by a run that failed afterwards.
func TestFailedRun(t *testing.T) {
	for calls := 0; ; calls++ {
		f := newFamily(t)
		f.drop()
		f.kept(0)
		f.on(3)
		do(t, f.s.Drive, f.put)
		o := f.options()
		stopping := gctest.NewStopping(f.store, calls)
		again, err := f.f.Again(t.Context(), f.store)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range again.Drives() {
			d.Store = stopping
		}
		o.Store, o.Roots, o.Drive, o.Parallel = stopping, again.Roots(), again, 1
		_, failed := gc.Run(t.Context(), o)
		if failed != nil && !errors.Is(failed, remote.ErrUnavailable) {
			t.Fatal(failed)
		}
		f.on(6)
		if err := f.s.Forget(t.Context(), 0, tree.Remove{Path: "/x"}); err != nil { // one commit, without the file
			t.Fatal(err)
		}
		f.kept(8)
		f.kept(14.9)
		f.gone(15)
		if failed == nil {
			return
		}
	}
}

// TestForgotten checks that nothing is deleted when the registry lacks a space that was marked before.
func TestForgotten(t *testing.T) {
	f := newFamily(t)
	f.move(f.d, f.s.Drive)
	f.kept(0)
	members := f.f.Members
	f.f.Members = nil
	for _, d := range []float64{8, 16} {
		f.on(d)
		if r, err := gc.Run(t.Context(), f.options()); !errors.Is(err, gc.ErrForgotten) ||
			r.Deleted.Blobs != 0 || !f.there() {
			t.Fatalf("on day %v: %+v, %v", d, r, err)
		}
	}
	f.f.Members = members
	f.kept(24)
}

// TestUnknownSpaces checks that nothing is deleted from a drive of version 2 with unknown spaces.
func TestUnknownSpaces(t *testing.T) {
	s := newSchedule(t)
	s.d.Version = object.Version2
	s.drop()
	if r, err := gc.Run(t.Context(), s.options()); !errors.Is(err, roots.ErrUnknown) || r.Deleted.Blobs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRetiredSpace makes a removed writer move the pointer of a retired space. Its final commit still counts.
func TestRetiredSpace(t *testing.T) {
	f := newFamily(t)
	f.move(f.d, f.s.Drive)
	f.kept(0)
	f.s.Stage, f.s.Final = roots.Retired, f.s.Base().Ref
	do(t, f.s.Drive, tree.Remove{Path: "/x"}) // by the removed writer
	f.forget(f.s.Drive)
	for _, d := range []float64{1, 9, 17} {
		f.kept(d)
	}
	f.s.Stage = roots.Gone
	f.kept(18)
	f.kept(24.9)
	f.gone(25)
}

// TestSpaceWithoutPointer checks that a space in the making is skipped, and that a live one without a pointer counts as
// damaged.
func TestSpaceWithoutPointer(t *testing.T) {
	f := newFamily(t)
	none := *f.s.Drive
	none.Keys.ID = crypto.PointerID{1}
	m := f.f.Add(&none)
	m.Stage = roots.Making
	if r := f.collect(); len(r.Damaged) != 0 {
		t.Errorf("%+v", r)
	}
	m.Stage = roots.Live
	f.drop()
	f.kept(1)
	f.on(8)
	if r := f.collect(); len(r.Damaged) != 1 || f.there() {
		t.Errorf("%+v", r)
	}
}

// TestPacksOfManySpaces rewrites packs that several spaces share. They still share afterwards, and the packs are
// deleted.
func TestPacksOfManySpaces(t *testing.T) {
	f := newFamily(t)
	want := furnish(t, f.d, 60)
	ops := []tree.Op{}
	for i := range 6 {
		op, err := f.s.Take(t.Context(), f.d, "/00"+string(rune('0'+i)), "/00"+string(rune('0'+i)))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, op)
	}
	do(t, f.s.Drive, ops...)
	ops = nil
	for path := range want {
		if path[len(path)-5] != '3' {
			ops = append(ops, tree.Remove{Path: path})
			delete(want, path)
		}
	}
	for _, d := range f.f.Drives() {
		do(t, d, ops...)
		f.forget(d)
	}
	f.drop()
	before := used(t, f.store)
	o := f.options()
	o.NoRepack, o.Grace = false, -1
	for range 4 {
		f.now = f.now.Add(1)
		run(t, o)
	}
	if after := used(t, f.store); after > before/3 {
		t.Errorf("%d bytes became %d", before, after)
	}
	for path := range want {
		places := map[object.Chunk]bool{}
		for _, d := range f.f.Drives() {
			if err := d.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, d, want)
			e, err := d.Tree().Lookup(t.Context(), "/files"+path)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := e.Content().Load()
			places[c.Chunks[0]] = true
		}
		if len(places) != 1 {
			t.Errorf("%s lies in %d places", path, len(places))
		}
	}
}
