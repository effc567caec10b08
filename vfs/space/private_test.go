package space_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// noteOf sets one field of the record of a friend.
func noteOf(id, field, value string) registry.Note {
	return registry.Note{Kind: registry.Friend, ID: id, Set: map[string][]byte{field: []byte(value)}}
}

func note(t testing.TB, s *space.Space, notes ...registry.Note) {
	t.Helper()
	if err := s.Note(t.Context(), notes...); err != nil {
		t.Fatal(err)
	}
}

// wantNoted checks a field of the record of a friend.
func wantNoted(t testing.TB, s *space.Space, id, field, value string) {
	t.Helper()
	r, there := s.Private().Get(registry.Friend, id)
	if got := string(r.Get(field)); !there || got != value {
		t.Errorf("%s of %s is %q, and not %q", field, id, got, value)
	}
}

// look makes a space take over what others have committed.
func look(t testing.TB, s *space.Space) {
	t.Helper()
	if err := s.Committer().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// whole returns the tree of the newest commit.
func (h *home) whole() tree.Tree {
	h.t.Helper()
	_, head := h.head()
	nodes := tree.NewNodes(h.store, tree.Options{})
	c, _, err := nodes.Commit(h.t.Context(), head.Commit)
	if err != nil {
		h.t.Fatal(err)
	}
	return tree.New(nodes, c.Root)
}

// TestNoteIsDurable checks that a note is there after a restart without a commit, and in the commit, which a device
// that was never here opens.
func TestNoteIsDurable(t *testing.T) {
	away := &switched{Store: mem.New()}
	h := newHome(t, away)
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	note(t, s, noteOf("bob", "name", "Bob"), noteOf("bob", registry.Stage, "1asked"), noteOf("carol", "name", "Carol"))
	wantNoted(t, s, "bob", "name", "Bob")
	h.close(s)
	away.off.Store(true) // a start needs no remote
	s = h.open()
	wantNoted(t, s, "bob", "name", "Bob")
	note(t, s, noteOf("bob", "name", "Robert"))
	h.close(s)
	away.off.Store(false)
	s = h.open()
	wantNoted(t, s, "bob", "name", "Robert")
	flush(t, s)
	if n := s.Status().PendingChanges; n != 0 {
		t.Errorf("%d changes wait after the commit", n)
	}
	h.close(s)
	nothing := &switched{Store: away}
	nothing.off.Store(true)
	h.options.Store = nothing
	s = h.open() // from the saved commit, without a page of it
	wantNoted(t, s, "bob", "name", "Robert")
	wantNoted(t, s, "carol", "name", "Carol")
	h.close(s)
	phone := h.device(2, "phone")
	phone.options.Store = away
	p := phone.open()
	defer phone.close(p)
	if !registry.Equal(p.Private(), s.Private()) {
		t.Errorf("%d records on another device", p.Private().Len())
	}
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("a drive with private state is of version %d", head.Version)
	}
}

// TestNothingNoted checks that a note of what is known is no change, and that a drive without private state stays one
// of version 1 without the folder.
func TestNothingNoted(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/a", []byte("a"))
	if err := s.Note(t.Context()); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	if _, err := h.whole().Lookup(t.Context(), registry.Path); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("a folder of private state: %v", err)
	}
	if _, head := h.head(); head.Version != object.Version1 {
		t.Errorf("it is of version %d", head.Version)
	}
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	before, _ := h.head()
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	if after, _ := h.head(); after.Seq != before.Seq {
		t.Error("noting nothing new made a commit")
	}
	if err := s.Note(t.Context(), registry.Note{Kind: "Not a kind", ID: "x"}); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("a record that can't be: %v", err)
	}
}

// TestPrivateFolder checks that commits of files reuse the committed folder, and that the history never holds it.
func TestPrivateFolder(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer func() { h.close(s) }()
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	root := func() object.Ref {
		e, err := h.whole().Lookup(t.Context(), registry.Path)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := e.Object()
		return o.Root
	}
	first := root()
	for i := range 3 {
		put(t, s, fmt.Sprint("/", i), []byte("x"))
		flush(t, s)
		if now := root(); now != first {
			t.Fatal("a commit of a file sealed the private state anew")
		}
	}
	note(t, s, noteOf("carol", "name", "Carol"))
	flush(t, s)
	if root() == first {
		t.Fatal("it did not change")
	}
	for e, err := range h.whole().List(t.Context(), base.HistoryPath) {
		if err != nil {
			t.Fatal(err)
		}
		for in, err := range h.whole().List(t.Context(), base.HistoryPath+"/"+e.Info().Name) {
			if err != nil || strings.Contains(in.Info().Name, "friend") || in.Info().Name == registry.Path[1:] {
				t.Errorf("the history holds %s, %v", in.Info().Name, err)
			}
		}
	}
	if _, err := s.Stat(t.Context(), registry.Path); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("clients see the folder: %v", err)
	}
}

// TestNotesConverge lets two devices note the same record at the same time, one of them offline. Both end with the same
// state, which holds what each has noted.
func TestNotesConverge(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	h.options.Deadlines.Commit = time.Hour
	first := h.open()
	defer func() { h.close(first) }()
	away := &switched{Store: store}
	phone := h.device(2, "phone")
	phone.options.Store = away
	second := phone.open()
	defer func() { phone.close(second) }()
	note(t, first, noteOf("bob", "name", "Bob"), noteOf("bob", registry.Stage, "1asked"))
	flush(t, first)
	look(t, second)
	wantNoted(t, second, "bob", "name", "Bob")

	away.off.Store(true)
	note(t, first, noteOf("bob", "name", "Bobby"), noteOf("bob", registry.Stage, "2friend"), noteOf("dave", "name", "D"))
	put(t, first, "/first", []byte("1"))
	flush(t, first)
	note(t, second, noteOf("bob", "name", "Bert"))
	note(t, second, noteOf("bob", "name", "Robert"))
	note(t, second, noteOf("bob", "door", "x"), noteOf("carol", "name", "Carol"))
	put(t, second, "/second", []byte("2"))
	phone.close(second)
	second = phone.open() // the journal is replayed onto what was known
	wantNoted(t, second, "bob", "name", "Robert")
	wantNoted(t, second, "bob", registry.Stage, "1asked")
	away.off.Store(false)
	look(t, second)
	phone.close(second)
	away.off.Store(true)
	second = phone.open() // the journal has the merge now
	wantNoted(t, second, "dave", "name", "D")
	away.off.Store(false)
	flush(t, second)
	look(t, first)
	for _, s := range []*space.Space{first, second} {
		wantNoted(t, s, "bob", "name", "Robert") // noted twice there, once here
		wantNoted(t, s, "bob", registry.Stage, "2friend")
		wantNoted(t, s, "bob", "door", "x")
		wantNoted(t, s, "carol", "name", "Carol")
		wantNoted(t, s, "dave", "name", "D")
		if got := string(get(t, s, "/second")); got != "2" {
			t.Errorf("the file of the second holds %q", got)
		}
	}
	if !registry.Equal(first.Private(), second.Private()) {
		t.Error("the two differ")
	}
}

// TestMakeNoted checks that a change of the files and a note are one record: both are there after a restart, and on an
// error neither is.
func TestMakeNoted(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	before := s.Status().PendingChanges
	op := tree.Mkdir{Path: "/photos", Version: vfs.Version{1}, Time: time.Now()}
	if _, err := s.MakeNoted(t.Context(), op, nil, noteOf("bob", "name", "Bob")); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().PendingChanges - before; n != 1 {
		t.Errorf("%d records", n)
	}
	if _, err := s.MakeNoted(t.Context(), op, nil, noteOf("bob", "name", "Eve")); !errors.Is(err, vfs.ErrExist) {
		t.Errorf("the folder is made twice: %v", err)
	}
	for range 2 {
		wantNoted(t, s, "bob", "name", "Bob")
		if _, err := s.Stat(t.Context(), "/photos"); err != nil {
			t.Error(err)
		}
		h.close(s)
		s = h.open()
	}
}

// TestNoted checks that the callback comes for own notes and those of another device, and not for files.
func TestNoted(t *testing.T) {
	h := newHome(t, mem.New())
	var calls atomic.Int64
	h.options.Noted = func() { calls.Add(1) }
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/a", []byte("a"))
	flush(t, s)
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls without a note", n)
	}
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls for a note", n)
	}
	phone := h.device(2, "phone")
	phone.options.Noted = nil
	p := phone.open()
	note(t, p, noteOf("bob", "name", "Robert"))
	flush(t, p)
	phone.close(p)
	look(t, s)
	if n := calls.Load(); n != 2 {
		t.Errorf("%d calls for that and a commit of another device", n)
	}
}

// TestNotOwn checks that a space beside the own one has no private state.
func TestNotOwn(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	other := h.beside(s, h.store)
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := other.Note(t.Context(), noteOf("bob", "name", "Bob")); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("it was noted: %v", err)
	}
	if n := other.Private().Len(); n != 0 {
		t.Errorf("%d records", n)
	}
}
