package space_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// at returns the newest pointer once everything is at the remote.
func (h *home) at(s *space.Space) crypto.Pointer {
	h.t.Helper()
	if err := s.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	p, err := h.store.Load(h.t.Context(), h.account.Writer().ID())
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// TestReach checks that Reach returns everything that another remote needs, and nothing that an earlier state already
// leads to.
func TestReach(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	put(t, s, "/large", make([]byte, 12<<20))
	first := h.at(s)
	put(t, s, "/small", []byte("hello"))
	second := h.at(s)
	h.close(s)

	whole, err := reach(t.Context(), store, h.account.Own(), second, nil)
	if err != nil {
		t.Fatal(err)
	}
	early, err := reach(t.Context(), store, h.account.Own(), first, nil)
	if err != nil {
		t.Fatal(err)
	}
	late, err := reach(t.Context(), store, h.account.Own(), second, &first)
	if err != nil {
		t.Fatal(err)
	}
	if len(early) < 3 || len(late) == 0 || len(late) > 2 {
		t.Errorf("%d blobs first, %d then", len(early), len(late))
	}
	names := map[crypto.BlobName]bool{}
	for _, name := range early {
		names[name] = true
	}
	for _, name := range late {
		if names[name] {
			t.Errorf("%v is told twice", name)
		}
		names[name] = true
	}
	elsewhere := mem.New()
	for _, name := range whole {
		if !names[name] {
			t.Errorf("%v is in neither part", name)
		}
		data, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := elsewhere.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := elsewhere.Swap(t.Context(), crypto.PointerHash{}, second); err != nil {
		t.Fatal(err)
	}
	there := &home{t: t, store: elsewhere, options: h.options}
	there.options.Store, there.options.Dir = elsewhere, t.TempDir()
	s = there.open()
	defer there.close(s)
	for path, size := range map[string]int64{"/large": 12 << 20, "/small": 5} {
		if info, err := s.Stat(t.Context(), path); err != nil || info.Size != size {
			t.Errorf("%s: %+v, %v", path, info, err)
		}
	}
}

// TestContains checks that a later state of one history contains an earlier one, even if the commits between were
// collected; states of two histories do not contain each other.
func TestContains(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	s := h.open()
	put(t, s, "/a", []byte("a"))
	first := h.at(s)
	put(t, s, "/b", []byte("b"))
	second := h.at(s)
	put(t, s, "/c", []byte("c"))
	third := h.at(s)
	h.close(s)
	ask := func(have, next crypto.Pointer) bool {
		t.Helper()
		yes, err := base.Contains(t.Context(), store, h.account.Own(), have, next)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !ask(first, second) || !ask(first, third) || !ask(second, third) {
		t.Error("a later state does not contain an earlier one")
	}
	if ask(third, first) || ask(second, first) {
		t.Error("an earlier state contains a later one")
	}

	// Another device writes to a copy of the second state.
	copied := mem.New()
	names, err := reach(t.Context(), store, h.account.Own(), second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := store.Get(t.Context(), name)
		if err == nil {
			err = copied.Put(t.Context(), name, remote.BytesBody(data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := copied.Swap(t.Context(), crypto.PointerHash{}, second); err != nil {
		t.Fatal(err)
	}
	other := h.device(2, "desk")
	other.store, other.options.Store = copied, copied
	s = other.open()
	put(t, s, "/d", []byte("d"))
	forked := other.at(s)
	other.close(s)
	// All blobs in one place, as when a copy is about to move the pointer.
	for info, err := range copied.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := copied.Get(t.Context(), info.Name)
		if err == nil {
			err = store.Put(t.Context(), info.Name, remote.BytesBody(data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if ask(third, forked) || ask(forked, third) {
		t.Error("states of two histories contain each other")
	}
	if !ask(second, forked) {
		t.Error("a fork does not contain what it began with")
	}

	// The commit between the first and the third is collected.
	gone, err := reach(t.Context(), store, h.account.Own(), second, &first)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if err := store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if len(gone) == 0 || !ask(first, third) {
		t.Errorf("with %d blobs collected, a later state does not contain an earlier one", len(gone))
	}
	if ask(forked, third) {
		t.Error("a state that lacks what another device brought contains it")
	}
}

// carry copies what a state leads to, except for what is there, to another store.
func (h *home) carry(p crypto.Pointer, to remote.Store) {
	h.t.Helper()
	names, err := reach(h.t.Context(), h.store, h.account.Own(), p, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, name := range names {
		data, err := h.store.Get(h.t.Context(), name)
		if err == nil {
			err = to.Put(h.t.Context(), name, remote.BytesBody(data))
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// elsewhere returns another device, at a remote that has one state of the drive.
func (h *home) elsewhere(p crypto.Pointer) *home {
	h.t.Helper()
	there := mem.New()
	h.carry(p, there)
	if err := there.Swap(h.t.Context(), crypto.PointerHash{}, p); err != nil {
		h.t.Fatal(err)
	}
	o := h.device(2, "desk")
	o.store, o.options.Store = there, there
	return o
}

// TestJoin lets two devices write to their own remotes, which never meet, and carries the changes from one to the other
// and back.
func TestJoin(t *testing.T) {
	ctx := t.Context()
	h, clock := newHome(t, mem.New()), newDial()
	// later than the very first state, which would otherwise be the newest they share
	clock.ns.Store(time.Now().Add(time.Hour).UnixNano())
	h.options.Now = clock.now
	s := h.open()
	for _, name := range []string{"/both", "/goes", "/goes there"} {
		put(t, s, name, []byte("first"))
	}
	first := h.at(s)
	o := h.elsewhere(first)
	desk := o.open()
	defer o.close(desk)
	defer func() { h.close(s) }()
	clock.pass(time.Minute) // commits within one second share one state, and then the two have none in common
	phone := o.device(3, "phone")
	away := phone.open()
	put(t, away, "/of the phone", []byte("of the phone"))
	flush(t, away)
	phone.close(away)

	clock.pass(time.Minute)
	put(t, s, "/here", []byte("here"))
	put(t, s, "/both", []byte("of the one"))
	if err := s.Remove(ctx, "/goes", nil); err != nil {
		t.Fatal(err)
	}
	put(t, desk, "/there", []byte("there"))
	put(t, desk, "/both", []byte("of the desk"))
	if err := desk.Remove(ctx, "/goes there", nil); err != nil {
		t.Fatal(err)
	}
	o.at(desk)
	ours := h.at(s)

	if _, err := desk.Keeper().Join(ctx, ours); !errors.Is(err, remote.ErrRefused) {
		t.Errorf("joined with blobs that are not there: %v", err)
	}
	h.carry(ours, o.store)
	put(t, desk, "/pending", []byte("pending"))
	if joined, err := desk.Keeper().Join(ctx, ours); err != nil || !joined {
		t.Fatal(joined, err)
	}
	if joined, err := desk.Keeper().Join(ctx, ours); err != nil || joined {
		t.Errorf("joined twice: %v, %v", joined, err)
	}
	if joined, err := desk.Keeper().Join(ctx, first); err != nil || joined {
		t.Errorf("joined what came before: %v, %v", joined, err)
	}

	// Back again: for the other side it is a later state of its own.
	back := o.at(desk)
	h.close(s) // numbers restart
	s = h.open()
	put(t, s, "/late", []byte("late"))
	o.carry(back, h.store)
	if joined, err := s.Keeper().Join(ctx, back); err != nil || !joined {
		t.Fatal(joined, err)
	}
	last := h.at(s)
	if yes, err := base.Contains(ctx, h.store, h.account.Own(), back, last); err != nil || !yes {
		t.Fatal(yes, err)
	}
	h.carry(last, o.store)
	if err := o.store.Swap(ctx, back.Hash(), last); err != nil {
		t.Fatal(err)
	}
	if err := desk.Committer().Look(ctx); err != nil {
		t.Fatal(err)
	}
	away = phone.open()
	defer phone.close(away)
	for what, s := range map[string]*space.Space{"here": s, "there": desk, "away meanwhile": away} {
		found := map[string]bool{}
		for info, err := range s.List(ctx, "/") {
			if err != nil {
				t.Fatal(err)
			}
			found[string(get(t, s, "/"+info.Name))] = true
		}
		if len(found) != 7 || !found["of the phone"] || !found["here"] || !found["there"] ||
			!found["of the one"] || !found["of the desk"] || !found["pending"] || !found["late"] {
			t.Errorf("%s: %v", what, found)
		}
	}
}

// reach returns the blobs that a state of an own space leads to, beyond those of an earlier one.
func reach(
	ctx context.Context, store remote.Store, own crypto.Capability, of crypto.Pointer, beyond *crypto.Pointer,
) ([]crypto.BlobName, error) {
	all := roots.New(roots.Options{
		Own: own, Pointers: store, Nodes: tree.NewNodes(store, tree.Options{}), Registry: readingRegistry,
	})
	found, err := all.Reach(ctx, roots.ReachOptions{Of: &of, Beyond: beyond})
	return found.Blobs, err
}
