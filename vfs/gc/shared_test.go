package gc_test

import (
	"errors"
	"testing"

	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/tree"
)

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
