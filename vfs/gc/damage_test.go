package gc_test

import (
	"errors"
	"strings"
	"testing"

	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/tree"
)

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
