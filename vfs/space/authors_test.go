package space_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// shareSecret is the secret of the space that the tests of several authors share.
var shareSecret = crypto.SpaceSecret{7}

// shared is a space of several accounts at one store: a home for each, the first is the owner's.
type shared struct {
	t     *testing.T
	store remote.Store
	space crypto.Capability
	homes []*home
}

// share makes a space of one owner with so many writers besides. alter changes how it begins; it may be nil.
func share(t *testing.T, store remote.Store, writers int, alter func(*space.Beginning)) *shared {
	t.Helper()
	s := &shared{t: t, store: store}
	for i := range writers + 1 {
		h := newHome(t, store)
		h.options.Device = space.Device{ID: object.DeviceID{byte(i + 1)}, Name: personNames[i]}
		h.options.Deadlines.Commit, h.options.Deadlines.Poll = time.Hour, time.Hour // a flush commits, a look polls
		h.options.Deadlines.Again, h.options.Deadlines.MaxAgain = time.Millisecond, 10*time.Millisecond
		s.homes = append(s.homes, h)
	}
	s.space = shareSecret.Keys()
	s.space.Owner = s.homes[0].account.Author().ID()
	begin := space.Beginning{Roster: &object.Roster{Epoch: 1, Authors: s.authors(writers)}}
	if alter != nil {
		alter(&begin)
	}
	keys := base.Of(s.space, s.homes[0].account)
	err := space.CreateFrom(t.Context(), store, keys, s.homes[0].options.Device, rand.Reader, time.Now(), begin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var personNames = []string{"alice", "bob", "carol", "dave"}

// authors returns the first n writers besides the owner as a roster lists them.
func (s *shared) authors(n int) (all []object.Author) {
	for i, h := range s.homes[1 : n+1] {
		all = append(all, object.Author{ID: h.account.Author().ID(), Rights: object.MayWrite, Name: personNames[i+1]})
	}
	return all
}

// keys returns the keys of a person.
func (s *shared) keys(person int) space.Keys { return base.Of(s.space, s.homes[person].account) }

// person is one of the accounts with the shared space open beside its own.
type person struct {
	*space.Space
	own *space.Space
}

// as opens the space as one of its people.
func (s *shared) as(n int) person {
	s.t.Helper()
	own := s.homes[n].open()
	sp, err := own.Home().Open(s.t.Context(), space.Options{Store: s.store, Keys: s.keys(n)})
	if err != nil {
		s.t.Fatal(err)
	}
	return person{sp, own}
}

func (p person) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(p.Space.Close(), p.own.Close()); err != nil {
		t.Error(err)
	}
}

// look makes a person see the newest state.
func (p person) look(t *testing.T) {
	t.Helper()
	if err := p.Committer().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// state returns the newest state of the space, judged alone.
func (s *shared) state() base.State {
	s.t.Helper()
	state, err := base.Load(s.t.Context(), s.store, tree.NewNodes(s.store, tree.Options{}), s.space)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// TestTwoAccountsWrite checks that two accounts write one space, and merge as two devices of one account do.
func TestTwoAccountsWrite(t *testing.T) {
	for name, bare := range map[string]bool{"with a history": false, "without a history": true} {
		t.Run(name, func(t *testing.T) {
			s := share(t, mem.New(), 1, func(b *space.Beginning) { b.Bare = bare })
			alice, bob := s.as(0), s.as(1)
			defer alice.close(t)
			put(t, alice, "/a", []byte("alice"))
			flush(t, alice.Space)
			put(t, bob, "/b", noise(1, 2*content.SmallLimit))
			flush(t, bob.Space)
			put(t, bob, "/both", []byte("bob"))
			put(t, alice, "/both", []byte("alice"))
			flush(t, alice.Space)
			flush(t, bob.Space)
			alice.look(t)
			for _, p := range []person{alice, bob} {
				all := listing(t, p, "/")
				if len(all) != 4 || all["/a"] == "" || all["/b"] == "" || all["/both"] == "" {
					t.Errorf("%v", all)
				}
			}
			state := s.state()
			if state.Version != object.Version2 || !state.Pointer.Listed {
				t.Errorf("version %d, listed: %v", state.Version, state.Pointer.Listed)
			}
			_, err := state.Whole.Lookup(t.Context(), base.HistoryPath)
			if bare != errors.Is(err, vfs.ErrNotExist) {
				t.Errorf("history: %v", err)
			}
			bob.close(t)
			bob = s.as(1)
			defer bob.close(t)
			put(t, bob, "/again", []byte("bob"))
			flush(t, bob.Space)
			alice.look(t)
			if got := string(get(t, alice, "/again")); got != "bob" {
				t.Error(got)
			}
		})
	}
}

// TestCreateFrom checks that a space begins with a folder of another one by reference, with a write of a few KiB, and
// that a repetition after a crash succeeds.
func TestCreateFrom(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	own := h.open()
	defer h.close(own)
	if err := own.Mkdir(t.Context(), "/photos", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/photos/a", "/photos/b"} {
		put(t, own, name, noise(1, 2*content.SmallLimit))
	}
	flush(t, own)
	e, err := own.Files().Lookup(t.Context(), "/photos")
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := e.Object()
	was := sizeOf(t, store)
	c := shareSecret.Keys()
	c.Owner = h.account.Author().ID()
	keys := base.Of(c, h.account)
	create := func(b space.Beginning) error {
		return space.CreateFrom(t.Context(), store, keys, h.options.Device, rand.Reader, time.Now(), b)
	}
	begin := space.Beginning{Files: entry, Roster: &object.Roster{Epoch: 1,
		Authors: []object.Author{{ID: crypto.AuthorID{1}, Rights: object.MayRead, Name: "bob"}}}}
	if err := create(begin); err != nil {
		t.Fatal(err)
	}
	if put := sizeOf(t, store) - was; put > 2*4096 {
		t.Errorf("%d bytes were put", put)
	}
	if err := create(begin); err != nil {
		t.Errorf("again: %v", err)
	}
	begin.Roster = nil
	if err := create(begin); !errors.Is(err, remote.ErrConflict) {
		t.Errorf("with another roster: %v", err)
	}
	sp, err := own.Home().Open(t.Context(), space.Options{Store: store, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	if all := listing(t, sp, "/"); len(all) != 2 {
		t.Errorf("%v", all)
	}
}

// TestWithdrawn checks that a writer that the owner removes can't change anything any more, that what it has pending
// stays, and that it is committed when the owner lets it write again.
func TestWithdrawn(t *testing.T) {
	s := share(t, mem.New(), 2, nil)
	alice, bob := s.as(0), s.as(1)
	defer alice.close(t)
	defer func() { bob.close(t) }()
	put(t, bob, "/before", []byte("before"))
	flush(t, bob.Space)
	if err := alice.SetRoster(t.Context(), s.authors(2)[1:], 2); err != nil {
		t.Fatal(err)
	}
	if r, found, err := alice.Roster(t.Context()); err != nil || !found || r.Epoch != 2 || len(r.Authors) != 1 {
		t.Fatalf("%+v, %v, %v", r, found, err)
	}
	put(t, bob, "/pending", []byte("pending"))
	withdrawn := func() {
		t.Helper()
		if err := bob.Committer().Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		for {
			err := bob.Mkdir(t.Context(), "/refused", nil)
			if errors.Is(err, vfs.ErrReadOnly) && strings.Contains(err.Error(), "withdrawn") {
				break
			}
			if err == nil {
				_ = bob.Remove(t.Context(), "/refused", nil)
			}
			bob.Retry()
		}
		if got := string(get(t, bob, "/pending")); got != "pending" {
			t.Error(got)
		}
	}
	withdrawn()
	bob.close(t)
	bob = s.as(1)
	withdrawn()
	if all := listing(t, alice, "/"); all["/pending"] != "" {
		t.Error("the pending change was committed")
	}
	if err := alice.SetRoster(t.Context(), s.authors(2), 1); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("an epoch that falls: %v", err)
	}
	if err := alice.SetRoster(t.Context(), s.authors(2), 3); err != nil {
		t.Fatal(err)
	}
	if err := bob.SetRoster(t.Context(), nil, 4); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("a roster by another: %v", err)
	}
	flush(t, bob.Space)
	alice.look(t)
	if got := string(get(t, alice, "/pending")); got != "pending" {
		t.Error(got)
	}
}

// TestFollowAuthors checks that a follower shows the changes of all authors.
func TestFollowAuthors(t *testing.T) {
	s := share(t, mem.New(), 2, nil)
	alice, bob, carol := s.as(0), s.as(1), s.homes[2].open()
	defer alice.close(t)
	defer bob.close(t)
	defer func() { _ = carol.Close() }()
	f := carol.Home().Follow(s.store, s.space.ReadOnly())
	defer f.Close()
	put(t, bob, "/b", []byte("bob"))
	flush(t, bob.Space)
	if got := string(get(t, f, "/b")); got != "bob" {
		t.Error(got)
	}
}

// sizeOf returns the bytes of all blobs of a store.
func sizeOf(t *testing.T, store remote.Store) (sum int64) {
	t.Helper()
	for b, err := range store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		sum += b.Size
	}
	return sum
}
