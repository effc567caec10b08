package space_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/space"
)

// TestFsckMovesAside checks that a repair goes through the journal and survives a restart. A permanent loss is no
// damage to the next check and does not block a collection; before the repair it does.
func TestFsckMovesAside(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	lost := noise(1, 1<<20)
	put(t, s, "/film", lost)
	put(t, s, "/other", []byte("other"))
	flush(t, s)
	for b, err := range store.List(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Size > 1<<20 {
			if err := store.Delete(t.Context(), b.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); !errors.Is(err, gc.ErrDamaged) {
		t.Errorf("it collects from a damaged drive: %v", err)
	}
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true})
	if err != nil || r.Clean() {
		t.Fatal(r, err)
	}
	var moved string
	for _, d := range r.Damage {
		moved += d.Moved
	}
	h.close(s)
	s = h.open()
	defer h.close(s)
	if _, err := s.Stat(t.Context(), "/film"); !errors.Is(err, vfs.ErrNotExist) || moved == "" {
		t.Errorf("%+v, %v", r.Damage, err)
	}
	if info, err := s.Stat(t.Context(), moved); err != nil || info.Size != 1<<20 {
		t.Errorf("%+v, %v", info, err)
	}
	if got := get(t, s, "/other"); string(got) != "other" {
		t.Errorf("%q", got)
	}
	flush(t, s)
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{}); err != nil || !r.Clean() || len(r.Damage) == 0 {
		t.Errorf("what was given up counts again: %+v, %v", r, err)
	}
	if _, err := s.Keeper().Collect(t.Context(), gc.Options{Grace: -1}); err != nil {
		t.Error(err)
	}
	if _, err := s.Copy(t.Context(), moved, "/film", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{}); err != nil || r.Clean() {
		t.Errorf("damage among the files is taken for what was given up: %+v, %v", r, err)
	}
}

// TestFsckWritesAnew checks that a file whose bytes can all be read, with a damaged chunk description, stays in place
// unchanged and becomes sound.
func TestFsckWritesAnew(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	defer h.close(s)
	film := noise(1, 1<<20)
	put(t, s, "/film", film)
	flush(t, s)
	for b, err := range store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Size <= 1<<20 {
			continue
		}
		data, err := store.Get(t.Context(), b.Name)
		if err != nil {
			t.Fatal(err)
		}
		data[0] ^= 1 // a chunk begins with its description
		if err := errors.Join(
			store.Delete(t.Context(), b.Name), store.Put(t.Context(), b.Name, remote.BytesBody(data)),
		); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Stat(t.Context(), "/film")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil ||
		len(r.Damage) != 1 || len(r.Damage[0].Ranges) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true, Repair: true})
	if err != nil || !r.Clean() || len(r.Rewritten) != 1 || r.Rewritten[0] != "/files/film" {
		t.Errorf("%+v, %v", r, err)
	}
	flush(t, s)
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
		t.Errorf("it is damaged still: %+v, %v", r, err)
	}
	if got := get(t, s, "/film"); !bytes.Equal(got, film) {
		t.Error("it has other bytes")
	}
	after, err := s.Stat(t.Context(), "/film")
	if err != nil || after.SHA1 != before.SHA1 || !after.Modified.Equal(before.Modified) ||
		!after.Created.Equal(before.Created) {
		t.Errorf("%+v, %v; it was %+v", after, err, before)
	}
}

// TestLostCommit loses the newest commit with its whole pack. A repair makes the previous one the newest again, and
// both this device and another continue from it.
func TestLostCommit(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	put(t, s, "/first", []byte("first"))
	flush(t, s)
	names := func() map[crypto.BlobName]bool {
		all := map[crypto.BlobName]bool{}
		for b, err := range store.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all[b.Name] = true
		}
		return all
	}
	before := names()
	put(t, s, "/second", []byte("second"))
	flush(t, s)
	h.close(s)
	for name := range names() {
		if !before[name] {
			if err := store.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	s = h.open()
	defer func() { h.close(s) }()
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{}); err != nil || r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true})
	if err != nil || len(r.Damage) != 1 || r.Damage[0].Kind != fsck.Commit || r.Damage[0].WentBack.IsZero() {
		t.Fatalf("%+v, %v", r, err)
	}
	put(t, s, "/third", []byte("third"))
	flush(t, s)
	other := h.device(2, "desk")
	o := other.open()
	defer other.close(o)
	for _, s := range []*space.Space{s, o} {
		if got := get(t, s, "/first"); string(got) != "first" {
			t.Errorf("%q", got)
		}
		if got := get(t, s, "/third"); string(got) != "third" {
			t.Errorf("%q", got)
		}
		if _, err := s.Stat(t.Context(), "/second"); !errors.Is(err, vfs.ErrNotExist) {
			t.Error(err)
		}
		if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestLostPointer loses the pointer. A repair puts back the one that this device knows.
func TestLostPointer(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	put(t, s, "/file", []byte("file"))
	flush(t, s)
	emptied := mem.New()
	for b, err := range h.store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := h.store.Get(t.Context(), b.Name)
		if err == nil {
			err = emptied.Put(t.Context(), b.Name, remote.BytesBody(data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.close(s)
	h.store, h.options.Store = emptied, emptied
	s = h.open()
	defer h.close(s)
	if _, err := s.Keeper().Fsck(t.Context(), fsck.Options{}); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a check alone puts it back: %v", err)
	}
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true, ReadData: true}); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
	put(t, s, "/other", []byte("other"))
	flush(t, s)
}
