package roots_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

func newDrive(t *testing.T, store remote.Store) *gctest.Drive {
	t.Helper()
	d, err := gctest.New(t.Context(), store, time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func beside(t *testing.T, d *gctest.Drive) *gctest.Drive {
	t.Helper()
	other, err := d.Beside(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func heads(t *testing.T, s *roots.Set, met ...roots.Space) []roots.Head {
	t.Helper()
	found, err := s.Heads(t.Context(), met)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestHeads checks that the own space comes first, then those of the registry, then those that only mounts lead to.
func TestHeads(t *testing.T) {
	own := newDrive(t, mem.New())
	live, retired, gone, mounted := beside(t, own), beside(t, own), beside(t, own), beside(t, own)
	f := &gctest.Family{Own: own}
	f.Add(live)
	r := f.Add(retired)
	r.Stage, r.Final = roots.Retired, object.Ref{Len: 99}
	f.Add(gone).Stage = roots.Gone
	space := func(d *gctest.Drive) roots.Space {
		s, ours := f.Roots().Mounted(&object.Target{Capability: d.Keys.ReadOnly()})
		if !ours {
			t.Error("a space of the owner is not")
		}
		return s
	}
	found := heads(t, f.Roots(), space(own), space(live), space(mounted))
	want := []struct {
		d   *gctest.Drive
		at  object.Ref
		met bool
	}{
		{own, own.Base().Ref, false}, {live, live.Base().Ref, false}, {retired, r.Final, false}, {gone, object.Ref{}, false},
		{mounted, mounted.Base().Ref, true},
	}
	if len(found) != len(want) {
		t.Fatalf("%d spaces", len(found))
	}
	for i, w := range want {
		if h := found[i]; h.ID != w.d.Keys.ID || h.Commit != w.at || h.Met != w.met || h.Err != nil {
			t.Errorf("%d: %+v", i, h)
		}
	}
	if h := heads(t, f.Roots(), space(gone))[3]; h.Commit != gone.Base().Ref {
		t.Errorf("a space that is mounted counts as gone: %+v", h)
	}
}

// TestUnknown checks that a drive of version 2 may have unknown spaces, and that the known ones are still returned.
func TestUnknown(t *testing.T) {
	own := newDrive(t, mem.New())
	if found := heads(t, own.Roots(nil)); len(found) != 1 {
		t.Errorf("%d spaces", len(found))
	}
	own.Version = object.Version2
	if err := own.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := own.Roots(nil).Heads(t.Context(), nil); !errors.Is(err, roots.ErrUnknown) || len(found) != 1 {
		t.Errorf("%d spaces, %v", len(found), err)
	}
}

// away is a store that is unreachable for one pointer.
type away struct {
	remote.Store
	id crypto.PointerID
}

func (a away) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if id == a.id {
		return crypto.Pointer{}, &remote.Error{Op: remote.OpLoad, Kind: remote.ErrUnavailable}
	}
	return a.Store.Load(ctx, id)
}

// TestHeadOfADamagedSpace distinguishes a lost space, beside which the others are still returned, from an unreachable
// store.
func TestHeadOfADamagedSpace(t *testing.T) {
	store := mem.New()
	own := newDrive(t, store)
	wrong, none, making := beside(t, own), *own, *own
	wrong.Keys.Read[0] ^= 1
	none.Keys.ID, making.Keys.ID = crypto.PointerID{1}, crypto.PointerID{2}
	f := &gctest.Family{Own: own}
	f.Add(wrong)
	f.Add(&none)
	f.Add(&making).Stage = roots.Making
	f.Add(beside(t, own))
	found := heads(t, f.Roots())
	if !errors.Is(found[1].Err, vfs.ErrCorrupt) || !errors.Is(found[2].Err, remote.ErrNotFound) ||
		found[3].Err != nil || found[3].Commit != (object.Ref{}) || found[4].Commit == (object.Ref{}) {
		t.Errorf("%+v", found)
	}
	f.Own.Store = away{store, wrong.Keys.ID}
	if _, err := f.Roots().Heads(t.Context(), nil); !errors.Is(err, remote.ErrUnavailable) {
		t.Error(err)
	}
}

// TestWhoMayWrite checks that commits open if their author is the owner or has write access in the owner's roster.
func TestWhoMayWrite(t *testing.T) {
	bob, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		roster func(r *object.Roster, owner crypto.AuthorKey)
		may    bool
	}{
		"a writer": {func(r *object.Roster, _ crypto.AuthorKey) { r.Authors[0].Rights = object.MayWrite }, true},
		"a reader": {func(*object.Roster, crypto.AuthorKey) {}, false},
		"nobody":   {func(r *object.Roster, _ crypto.AuthorKey) { r.Authors = nil }, false},
		"a writer of another space": {func(r *object.Roster, _ crypto.AuthorKey) {
			r.Authors[0].Rights, r.Space = object.MayWrite, crypto.PointerID{1}
		}, false},
		"who signed it himself": {func(r *object.Roster, _ crypto.AuthorKey) { r.Authors = nil; r.Sign(bob.Author()) },
			false},
	} {
		t.Run(name, func(t *testing.T) {
			store := mem.New()
			own := newDrive(t, store)
			s := beside(t, own)
			roster := object.Roster{
				Space: s.Keys.ID, Epoch: 3, Authors: []object.Author{{ID: bob.Author().ID(), Rights: object.MayRead}},
			}
			c.roster(&roster, own.Account.Author())
			if roster.Owner == (crypto.AuthorID{}) {
				roster.Sign(own.Account.Author())
			}
			at := put(t, store, roster.Encode())
			s.Roster, s.Version = at, object.Version2
			space, _ := own.Roots(nil).Mounted(&object.Target{Capability: s.Keys.ReadOnly()})
			open := func() error {
				_, err := own.Roots(nil).Open(t.Context(), space, s.Base().Ref)
				return err
			}
			if err := s.Do(t.Context()); err != nil || open() != nil {
				t.Fatal(err, open())
			}
			s.Account = bob
			if err := s.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := open(); (err == nil) != c.may || err != nil && !errors.Is(err, vfs.ErrCorrupt) {
				t.Error(err)
			}
			space.Epoch = 4
			if err := open(); err == nil {
				t.Error("a roster of an older epoch than the capability's counts")
			}
		})
	}
}

func put(t *testing.T, store remote.Store, plain []byte) object.Ref {
	t.Helper()
	key := crypto.NodeKey{7}
	sealed := crypto.SealNode(nil, key, plain)
	blob, err := crypto.Pad(sealed, strings.NewReader(strings.Repeat("p", crypto.MinBlobSize)))
	if err != nil {
		t.Fatal(err)
	}
	name := crypto.NameOf(blob)
	if err := store.Put(t.Context(), name, remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
	return object.Ref{Blob: name, Len: uint32(len(sealed)), Key: key}
}

// TestWalkComesToMounts checks that a walk visits each mount once, and nothing of its space.
func TestWalkComesToMounts(t *testing.T) {
	own := newDrive(t, mem.New())
	s := beside(t, own)
	ops := []tree.Op{gctest.Mount("/a", s), tree.Mkdir{Path: "/f"}, gctest.Mount("/f/b", s)}
	if err := own.Do(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
	paths, ids := map[string]bool{}, map[uint32]bool{}
	err := tree.NewWalker(1).Walk(t.Context(), own.Tree(), func(_ context.Context, v tree.Visit) error {
		if v.Kind == tree.VisitMount {
			paths[v.Path()], ids[v.ID] = true, true
			if v.Entry.Mount().Capability != s.Keys.ReadOnly() || v.Again == (len(paths) == 1) {
				t.Errorf("%+v", v)
			}
		}
		return nil
	})
	if err != nil || !paths["/files/a"] || !paths["/files/f/b"] || len(paths) != 2 || len(ids) != 1 {
		t.Errorf("%v, %v, %v", paths, ids, err)
	}
}
