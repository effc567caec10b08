package space_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// TestCarryOver: what is committed in a space after another one has replaced it is merged into that one, once.
func TestCarryOver(t *testing.T) {
	s := share(t, mem.New(), 1, nil)
	alice := s.as(0)
	defer alice.close(t)
	put(t, alice, "/f", []byte("first"))
	put(t, alice, "/gone", []byte("x"))
	flush(t, alice.Space)
	final := alice.CommittedState()
	files, _ := final.Files.Root().Object()
	next := crypto.SpaceSecret{8}.Keys()
	next.Owner = s.space.Owner
	keys := base.Of(next, s.homes[0].account)
	err := space.CreateFrom(t.Context(), s.store, keys, s.homes[0].options.Device, rand.Reader, time.Now(),
		space.Beginning{Files: files, Version: final.Version})
	if err != nil {
		t.Fatal(err)
	}
	to, err := alice.own.Home().Open(t.Context(), space.Options{Store: s.store, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	put(t, to, "/new", []byte("committed there"))
	flush(t, to)
	put(t, to, "/pending", []byte("pending there"))

	put(t, alice, "/late", []byte("late"))
	flush(t, alice.Space)
	if err := alice.Remove(t.Context(), "/gone", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, alice.Space)
	steps, err := space.Since(t.Context(), s.store, s.space, final.Ref)
	if err != nil || len(steps) != 2 || steps[0].Was.Commit != final.Ref || steps[1].Author != s.space.Owner {
		t.Fatalf("%+v, %v", steps, err)
	}
	for range 2 {
		for _, step := range steps {
			if err := to.Carry(t.Context(), step.Was, step.Is); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush(t, to)
	want := map[string]string{"/f": "first", "/new": "committed there", "/pending": "pending there", "/late": "late"}
	for path, text := range want {
		if got := string(get(t, to, path)); got != text {
			t.Errorf("%s is %q", path, got)
		}
	}
	if _, err := to.Stat(t.Context(), "/gone"); !errors.Is(err, vfs.ErrNotExist) {
		t.Error("what was removed late is back")
	}
	first, err := space.First(t.Context(), s.store, next)
	if err != nil || first.Commit == (object.Ref{}) || first.Commit == to.CommittedState().Ref {
		t.Errorf("%v, %v", first, err)
	}
}

// TestDiscard: changes that the owner does not let land are dropped for good, also where the journal still holds them.
func TestDiscard(t *testing.T) {
	s := share(t, mem.New(), 1, nil)
	alice, bob := s.as(0), s.as(1)
	defer alice.close(t)
	put(t, bob.own, "/mine", []byte("holds the journal"))
	put(t, bob, "/before", []byte("before"))
	flush(t, bob.Space)
	put(t, bob, "/small", []byte("pending"))
	put(t, bob, "/large", make([]byte, 200_000))
	if err := bob.Discard(t.Context()); err == nil {
		t.Error("changes that may still land are dropped")
	}
	if err := alice.SetRoster(t.Context(), nil, 2); err != nil {
		t.Fatal(err)
	}
	if gone, err := bob.Withdrawn(t.Context()); !gone || err != nil {
		t.Fatal(gone, err)
	}
	was, is := bob.Uncommitted()
	if was.Root().Count() != 1 || is.Root().Count() != 3 {
		t.Errorf("%d and %d files", was.Root().Count(), is.Root().Count())
	}
	if err := bob.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := bob.Status().PendingChanges; n != 0 {
			t.Errorf("%d changes are pending", n)
		}
		if all := listing(t, bob, "/"); len(all) != 1 {
			t.Errorf("%v", all)
		}
		bob.close(t)
		bob = s.as(1)
	}
	bob.close(t)
}
