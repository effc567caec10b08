package space_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/content"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// registered returns a registry with the second space of an account.
func registered(account crypto.AccountSecret) roots.Registry {
	return func(context.Context, roots.State) ([]roots.Space, error) {
		return []roots.Space{{Capability: secondKeys(account).ReadOnly(), Stage: roots.Live}}, nil
	}
}

// largeBlob returns the blob that holds a large file of a drive's newest commit.
func largeBlob(t *testing.T, files tree.Tree, path string) crypto.BlobName {
	t.Helper()
	e, err := files.Lookup(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := e.Content().Load()
	return c.Chunks[0].Blob
}

// TestFsckOfAllSpaces checks that damage names its space, and is healed from another source of the blob.
func TestFsckOfAllSpaces(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Registry = registered(h.account)
	s := h.open()
	defer h.close(s)
	second := h.beside(s, h.store)
	defer func() { _ = second.Close() }()
	put(t, s, "/own", []byte("own"))
	put(t, second, "/folder", noise(1, 2*content.SmallLimit))
	flush(t, s)
	flush(t, second)
	check := func(o fsck.Options) fsck.Report {
		t.Helper()
		r, err := s.Keeper().Fsck(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(fsck.Options{ReadData: true}); !r.Clean() || r.Bytes < 2*content.SmallLimit {
		t.Fatalf("%+v", r)
	}
	files := second.Files()
	name := largeBlob(t, files, "/folder")
	kept, err := h.store.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	r := check(fsck.Options{})
	if len(r.Damage) != 1 || r.Damage[0].Space != second.Keeper().Space.ID.String() ||
		r.Damage[0].Path != "/files/folder" {
		t.Fatalf("%+v", r.Damage)
	}
	elsewhere := mem.New()
	if err := elsewhere.Put(t.Context(), name, remote.BytesBody(kept)); err != nil {
		t.Fatal(err)
	}
	if r := check(fsck.Options{Repair: true, Sources: []fsck.Source{elsewhere}}); !r.Clean() || len(r.Restored) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestCollectAllSpaces checks that blobs that only the second space leads to after a move by reference are kept, and
// deleted once it no longer needs them.
func TestCollectAllSpaces(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now, h.options.Deadlines.Commit = clock.now, time.Millisecond
	h.options.Registry = registered(h.account)
	s := h.open()
	defer h.close(s)
	second := h.beside(s, store)
	defer func() { _ = second.Close() }()
	put(t, second, "/large", noise(1, 2*content.SmallLimit))
	flush(t, second)
	files := second.Files()
	name := largeBlob(t, files, "/large")
	collect := func() {
		t.Helper()
		for range 3 {
			clock.pass(8 * 24 * time.Hour)
			put(t, s, "/touched", []byte(clock.now().String()))
			flush(t, s)
			if _, err := s.Keeper().Collect(t.Context(), gc.Options{NoRepack: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	collect()
	if _, err := store.Stat(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := second.Remove(t.Context(), "/large", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, second)
	clock.pass(4 * month)
	put(t, second, "/other", []byte("other")) // thins the history
	flush(t, second)
	collect()
	if _, err := store.Stat(t.Context(), name); err == nil {
		t.Error("what no space needs is still there")
	}
}

// TestUnknownSpacesAreUnchecked checks that the report on a drive with unknown spaces says that not everything was
// checked.
func TestUnknownSpacesAreUnchecked(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	put(t, s, "/own", []byte("own"))
	flush(t, s)
	h.raise()
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{})
	if err != nil || r.Clean() || !strings.Contains(strings.Join(r.Unchecked, ""), "shared folders") {
		t.Errorf("%+v, %v", r, err)
	}
}
