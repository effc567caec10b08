package space_test

import (
	"context"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote/mem"
	"postern/vfs/authors"
	"postern/vfs/layout"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// TestChangesNameAuthors checks that the history says who made which change, to writers and to a follower, and that it
// says nothing where states are missing.
func TestChangesNameAuthors(t *testing.T) {
	s := share(t, mem.New(), 2, nil)
	now := time.Now()
	for _, h := range s.homes {
		h.options.Now = func() time.Time { return now }
	}
	alice, bob, carol := s.as(0), s.as(1), s.homes[2].open()
	defer alice.close(t)
	defer bob.close(t)
	defer func() { _ = carol.Close() }()
	write := func(p person, path, content string) {
		now = now.Add(2 * time.Second)
		put(t, p, path, []byte(content))
		flush(t, p.Space)
		alice.look(t)
		bob.look(t)
	}
	write(alice, "/first", "alice")
	write(bob, "/f", "bob")
	write(alice, "/g", "alice")
	write(alice, "/f", "alice's")
	now = now.Add(2 * time.Second)
	if err := bob.Remove(t.Context(), "/f", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, bob.Space)
	alice.look(t)
	f := carol.Home().Follow(s.store, s.space.ReadOnly())
	defer f.Close()
	a, b := s.homes[0].account.Author().ID(), s.homes[1].account.Author().ID()
	for name, of := range map[string]interface {
		Changes(ctx context.Context, path string, most int) ([]authors.Change, error)
	}{"the owner": alice, "a writer": bob, "a follower": f} {
		for path, want := range map[string][]crypto.AuthorID{"/f": {b, a, b}, "/g": {a}, "/": {b, a, a, b, a}, "/first": {a}} {
			all, err := of.Changes(t.Context(), path, 100)
			if err != nil || len(all) != len(want) {
				t.Fatalf("%s sees %d changes of %s, want %d: %v", name, len(all), path, len(want), err)
			}
			for i, c := range all {
				if c.Author != want[i] || c.Gone != (path == "/f" && i == 0) {
					t.Errorf("%s: change %d of %s is by %v, gone: %v", name, i, path, c.Author, c.Gone)
				}
			}
			if few, err := of.Changes(t.Context(), path, 2); err != nil || len(few) > 2 {
				t.Errorf("%d changes of two states: %v", len(few), err)
			}
		}
	}
	// Without the state between two, nobody knows who made which of the changes.
	states, err := s.state().Whole.Sub(t.Context(), base.HistoryPath)
	if err != nil {
		t.Fatal(err)
	}
	dropped := layout.StateName(now.Add(-2 * time.Second))
	states, _, err = tree.Apply(t.Context(), states, tree.Remove{Path: "/" + dropped})
	if err != nil {
		t.Fatal(err)
	}
	all, err := authors.Changes(t.Context(), states, "/f", 100)
	if err != nil || len(all) != 2 || all[0].Author != (crypto.AuthorID{}) || all[1].Author != b {
		t.Errorf("%+v, %v", all, err)
	}
}
