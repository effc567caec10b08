package gc_test

import (
	"context"
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

// family is a schedule with a second space, S, in the registry. The watched blob is in the own space at first.
type family struct {
	*schedule
	f *gctest.Family
	s *gctest.Member
}

func newFamily(t *testing.T) *family {
	t.Helper()
	f := &family{schedule: newSchedule(t)}
	f.f = &gctest.Family{Own: f.d}
	f.s = f.f.Add(f.beside(""))
	return f
}

// beside makes another space of the owner.
func (f *family) beside(path string) *gctest.Drive {
	f.Helper()
	d, err := f.d.Beside(f.Context(), path)
	if err != nil {
		f.Fatal(err)
	}
	return d
}

func (f *family) on(d float64) {
	f.schedule.on(d)
	for _, other := range f.f.Drives() {
		other.Now = f.d.Now
	}
}

func (f *family) options() gc.Options {
	o := f.schedule.options()
	o.Roots, o.Drive = f.f.Roots(), f.f
	return o
}

func (f *family) collect() gc.Report {
	f.Helper()
	return run(f.T, f.options())
}

func (f *family) kept(d float64) {
	f.Helper()
	f.on(d)
	if f.collect(); !f.there() {
		f.Fatalf("on day %v it was deleted", d)
	}
}

func (f *family) gone(d float64) {
	f.Helper()
	f.on(d)
	if f.collect(); f.there() {
		f.Fatalf("on day %v it is still there", d)
	}
}

// move moves the watched file between two spaces by reference: first it is added, then removed.
func (f *family) move(from, to *gctest.Drive) {
	f.Helper()
	op, err := to.Take(f.Context(), from, "/x", "/x")
	if err != nil {
		f.Fatal(err)
	}
	do(f.T, to, op)
	do(f.T, from, tree.Remove{Path: "/x"})
	f.forget(from)
}

// forget removes all states of a history.
func (f *family) forget(d *gctest.Drive) {
	f.Helper()
	if err := d.Forget(f.Context(), 0); err != nil {
		f.Fatal(err)
	}
}

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

// splitting calls do during the n-th look at all pointers, after that of the own space was loaded.
func (f *family) splitting(n int, do func()) gc.Roots {
	return &split{Roots: f.f.Roots(), late: f.f.Roots(), n: n, do: do}
}

type split struct {
	gc.Roots
	late gc.Roots
	n    int
	do   func()
}

func (s *split) Heads(ctx context.Context, met []roots.Space) ([]roots.Head, error) {
	early, err := s.Roots.Heads(ctx, met)
	if s.n--; s.n != 0 || err != nil {
		return early, err
	}
	s.do()
	late, err := s.late.Heads(ctx, met)
	if err == nil {
		late[0] = early[0]
	}
	return late, err
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

// TestSharedIsNotAlone checks that Alone is rejected once another account reads or writes a space, and that the
// format's grace period then applies whatever the settings say.
func TestSharedIsNotAlone(t *testing.T) {
	for name, share := range map[string]func(*family){
		"a reader": func(f *family) { f.s.Shared = true },
		"a writer": func(f *family) { f.rostered() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFamily(t)
			share(f)
			theirs := file(t, f.s.Drive, "/upload", body(9, 1<<20)).(tree.Put) // Bob takes eight days for it
			f.s.GivenUp()
			for _, order := range []func(*gc.Options){
				func(o *gc.Options) { o.Alone = true },
				func(o *gc.Options) { o.Grace = -1 },
				func(o *gc.Options) { o.Grace = 1 },
			} {
				o := f.options()
				order(&o)
				for range 2 {
					if r, err := gc.Run(t.Context(), o); !errors.Is(err, gc.ErrShared) || r.Deleted.Blobs != 0 {
						t.Errorf("%+v, %v", r, err)
					}
				}
			}
			f.drop()
			for _, usual := range []float64{0, 6.9, 8} {
				o := f.options()
				o.Usual = 1
				f.on(usual)
				o.Now = f.options().Now
				run(t, o)
				if f.there() != (usual < 7) {
					t.Errorf("on day %v it is there: %v", usual, f.there())
				}
			}
			do(t, f.s.Drive, theirs)
			check(t, f.s.Drive, map[string][]byte{"/upload": body(9, 1<<20)})
		})
	}
}

// rostered gives S a roster, in a blob of its own.
func (f *family) rostered() crypto.BlobName {
	f.Helper()
	roster := object.Roster{Space: f.s.Keys.ID}
	roster.Sign(f.d.Account.Author())
	key := crypto.NodeKey{7}
	sealed := crypto.SealNode(nil, key, roster.Encode())
	blob, err := crypto.Pad(sealed, strings.NewReader(strings.Repeat("p", crypto.MinBlobSize)))
	if err != nil {
		f.Fatal(err)
	}
	name := crypto.NameOf(blob)
	if err := f.store.Put(f.Context(), name, remote.BytesBody(blob)); err != nil {
		f.Fatal(err)
	}
	f.s.Roster, f.s.Version = object.Ref{Blob: name, Len: uint32(len(sealed)), Key: key}, object.Version2
	if err := f.s.Do(f.Context()); err != nil {
		f.Fatal(err)
	}
	return name
}

// TestRosterIsKept checks that the blob of a roster is kept as long as a commit refers to it.
func TestRosterIsKept(t *testing.T) {
	f := newFamily(t)
	name := f.rostered()
	there := func() bool {
		_, err := f.store.Stat(t.Context(), name)
		return err == nil
	}
	for _, d := range []float64{0, 8, 16} {
		if f.kept(d); !there() {
			t.Fatalf("on day %v the roster is gone", d)
		}
	}
	f.s.Roster = object.Ref{}
	if err := f.s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.kept(17)
	if f.kept(23.9); !there() {
		t.Error("the roster had no grace period")
	}
	if f.kept(25); there() {
		t.Error("the roster is still there")
	}
}

// TestOneSpaceDangling damages S. Blobs learnt from it stay, and others are still collected. The damage shortens no
// grace period.
func TestOneSpaceDangling(t *testing.T) {
	f := newFamily(t)
	other := file(t, f.s.Drive, "/folder/y", body(2, 1<<20)).(tree.Put)
	do(t, f.s.Drive, tree.Mkdir{Path: "/folder"}, other)
	f.kept(0)
	page := f.s.Base().Ref.Blob
	e, err := f.s.Tree().Lookup(t.Context(), "/files/folder")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := e.Object()
	do(t, f.s.Drive, file(t, f.s.Drive, "/z", body(3, 2000)))
	f.forget(f.s.Drive)
	if o.Root.Blob == f.s.Base().Ref.Blob {
		t.Fatal("the page lies in the newest pack")
	}
	blob, err := f.store.Get(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Delete(t.Context(), o.Root.Blob); err != nil {
		t.Fatal(err)
	}
	f.drop()
	for _, d := range []float64{1, 7.9} {
		f.kept(d)
	}
	f.on(8)
	r := f.collect()
	if f.there() || r.HeldBack.Blobs == 0 || len(r.Damaged) == 0 || !strings.Contains(r.Damaged[0], "/files/folder") {
		t.Fatalf("%+v", r)
	}
	for _, d := range []float64{20, 30} {
		f.on(d)
		f.collect()
	}
	if err := f.store.Put(t.Context(), page, remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
	check(t, f.s.Drive, map[string][]byte{"/folder/y": body(2, 1<<20)})
	f.on(31)
	if r := f.collect(); len(r.Damaged) != 0 || r.HeldBack.Blobs != 0 || r.Deleted.Blobs != 0 {
		t.Errorf("%+v", r)
	}
}

// TestSharedPageDangling damages a page below one that S shares with the own space, which is walked first. Both count
// as damaged.
func TestSharedPageDangling(t *testing.T) {
	f := newFamily(t)
	do(t, f.d, tree.Mkdir{Path: "/folder"}, tree.Mkdir{Path: "/folder/sub"}, file(t, f.d, "/folder/sub/y", body(2, 2000)))
	lost := f.d.Base().Ref.Blob
	do(t, f.d, file(t, f.d, "/folder/z", body(3, 2000)))
	op, err := f.s.Take(t.Context(), f.d, "/folder", "/folder")
	if err != nil {
		t.Fatal(err)
	}
	do(t, f.s.Drive, op)
	f.forget(f.d)
	f.kept(0)
	if err := f.store.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	if r, err := gc.Run(t.Context(), f.options()); !errors.Is(err, gc.ErrDamaged) || len(r.Damaged) < 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestDamageOfWhatHasMoved loses a blob that the own space led to before, and that S leads to now. Only S is damaged.
func TestDamageOfWhatHasMoved(t *testing.T) {
	f := newFamily(t)
	f.move(f.d, f.s.Drive)
	if err := f.store.Delete(t.Context(), f.name); err != nil {
		t.Fatal(err)
	}
	if r := f.collect(); len(r.Damaged) != 1 || !strings.HasPrefix(r.Damaged[0], "space ") {
		t.Errorf("%+v", r)
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
