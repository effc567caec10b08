package space_test

import (
	"errors"
	"slices"
	"testing"

	"postern/remote/mem"
	"postern/vfs"
)

// TestKeepsWhatIsLeft checks that everything in a lost state is kept except for lost blobs, which are named.
func TestKeepsWhatIsLeft(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	defer func() { h.close(s) }()
	for _, folder := range []string{"/d", "/d/deep"} {
		if err := s.Mkdir(t.Context(), folder, nil); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "/d/note", []byte("small"))
	put(t, s, "/d/film", noise(1, 6<<20))
	put(t, s, "/d/deep/film", noise(2, 6<<20))
	flush(t, s)
	before := s.Files()
	if gone, err := s.Keeper().Keep(t.Context(), before, "/all"); err != nil || len(gone) > 0 {
		t.Fatalf("with nothing lost: %q, %v", gone, err)
	}
	flush(t, s)
	for info, err := range store.Another().List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if info.Size > 4<<20 {
			if err := store.Another().Delete(t.Context(), info.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	gone, err := s.Keeper().Keep(t.Context(), before, "/kept")
	if want := []string{"/d/deep/film", "/d/film"}; err != nil || !slices.Equal(gone, want) {
		t.Fatalf("%q, %v: want %q", gone, err, want)
	}
	flush(t, s)
	if got := get(t, s, "/kept/d/note"); string(got) != "small" {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"/kept/d/film", "/kept/d/deep/film"} {
		if _, err := s.Stat(t.Context(), path); !errors.Is(err, vfs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for info, err := range s.History().List(t.Context(), "/") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.History().Stat(t.Context(), "/"+info.Name+"/kept/d/film"); !errors.Is(err, vfs.ErrNotExist) {
			t.Errorf("the history has what is lost: %v", err)
		}
	}
}
