package space_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// readingRegistry is a registry that reads the private state, as that of a gateway does. It names no space.
func readingRegistry(ctx context.Context, own roots.State) ([]roots.Space, error) {
	_, err := registry.FromTree(ctx, own.Tree)
	return nil, err
}

// rewrite commits a changed tree as another program of the account would.
func (h *home) rewrite(change func(whole tree.Tree) (tree.Tree, error)) {
	h.t.Helper()
	ctx := h.t.Context()
	p, head := h.head()
	nodes := tree.NewNodes(h.store, tree.Options{})
	was, hash, err := nodes.Commit(ctx, head.Commit)
	if err != nil {
		h.t.Fatal(err)
	}
	whole, err := change(tree.New(nodes, was.Root))
	if err != nil {
		h.t.Fatal(err)
	}
	packed, err := tree.Pack(ctx, whole, tree.Packing{Rand: rand.Reader,
		Emit: func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
			return crypto.NameOf(blob), h.store.Put(ctx, crypto.NameOf(blob), remote.BytesBody(blob))
		},
		Commit: func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			c := object.Commit{
				Root: root, Parent: object.Parent{Commit: head.Commit, Hash: hash}, Time: was.Time + 1, Device: "other",
				Applied: object.WithApplied(was.Applied, object.DeviceID{77}, p.Seq), Front: front,
			}
			c.Sign(h.account.Author())
			return c.Encode(crypto.BlobName{}), nil
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	head.Commit = packed.Commit
	value, err := crypto.SealValue(h.account.Reader(), p.ID, p.Seq+1, head.Encode(), rand.Reader)
	if err == nil {
		err = h.store.Swap(ctx, p.Hash(), h.account.Writer().Sign(p.Seq+1, value))
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestBrokenPrivateState lets another program of the account write a private state that can't be read. That is an error
// that names the folder, never an empty state: this device keeps what it knows, also across a restart, and goes on once
// the folder can be read again.
func TestBrokenPrivateState(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Poll = time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	note(t, s, noteOf("bob", "name", "Bob"), noteOf("carol", "name", "Carol"))
	flush(t, s)
	h.rewrite(func(whole tree.Tree) (tree.Tree, error) {
		op := tree.Put{Path: registry.Path + "/friend-x!", Entry: object.Entry{Kind: object.File}}
		next, _, err := tree.Apply(t.Context(), whole, op)
		return next, err
	})
	names := func(err error) {
		t.Helper()
		if !errors.Is(err, vfs.ErrCorrupt) || !strings.Contains(err.Error(), registry.Path) {
			t.Errorf("a broken private state: %v", err)
		}
	}
	names(s.Committer().Look(t.Context()))
	note(t, s, noteOf("bob", "name", "Robert"))
	h.close(s)
	s = h.open()
	wantNoted(t, s, "bob", "name", "Robert")
	wantNoted(t, s, "carol", "name", "Carol")
	if why := s.Status().CommitFailed; !strings.Contains(why, registry.Path) {
		t.Errorf("the status says %q", why)
	}
	fresh := h.device(2, "phone")
	_, err := space.Open(t.Context(), fresh.options)
	names(err)

	h.rewrite(func(whole tree.Tree) (tree.Tree, error) {
		next, _, err := tree.Apply(t.Context(), whole, tree.Remove{Path: registry.Path + "/friend-x!"})
		return next, err
	})
	s.Retry()
	flush(t, s)
	p := fresh.open()
	defer fresh.close(p)
	wantNoted(t, p, "bob", "name", "Robert")
}

// TestNotedAgain checks that what another device's commit lacks, although it holds all changes made here, is noted and
// committed again.
func TestNotedAgain(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	note(t, s, noteOf("bob", "name", "Bob"), noteOf("carol", "name", "Carol"))
	note(t, s, noteOf("bob", "name", "Robert"))
	flush(t, s)
	remove := func(name string) func(whole tree.Tree) (tree.Tree, error) {
		return func(whole tree.Tree) (tree.Tree, error) {
			next, _, err := tree.Apply(t.Context(), whole, tree.Remove{Path: name})
			return next, err
		}
	}
	for _, name := range []string{registry.Path + "/friend-Ym9i", registry.Path} {
		h.rewrite(remove(name))
		look(t, s)
		h.close(s)
		s = h.open()
		wantNoted(t, s, "bob", "name", "Robert")
		flush(t, s)
		got, err := registry.FromTree(t.Context(), h.whole())
		if err != nil || !registry.Equal(got, s.Private()) {
			t.Errorf("without %s: %d records at the remote, %v", name, got.Len(), err)
		}
	}
	before, _ := h.head()
	phone := h.device(2, "phone")
	p := phone.open()
	defer phone.close(p)
	flush(t, p)
	look(t, s)
	flush(t, s)
	if after, _ := h.head(); after.Seq != before.Seq {
		t.Error("it is noted again although nothing lacks")
	}
}

// later returns a function that deletes all blobs put after the call.
func (h *home) later() (lose func()) {
	before := map[crypto.BlobName]bool{}
	for b := range h.store.List(h.t.Context()) {
		before[b.Name] = true
	}
	return func() {
		for b := range h.store.List(h.t.Context()) {
			if before[b.Name] {
				continue
			}
			if err := h.store.Delete(h.t.Context(), b.Name); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

// TestRepairKeepsTheVersion loses the newest commit of a drive of version 2: the older one that the repair goes back to
// becomes one of version 2.
func TestRepairKeepsTheVersion(t *testing.T) {
	h := newHome(t, mem.New())
	h.raise()
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/first", []byte("first"))
	flush(t, s)
	lose := h.later()
	put(t, s, "/second", []byte("second"))
	flush(t, s)
	h.close(s)
	lose()
	s = h.open()
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true}); err != nil || len(r.Damage) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("the repair made it a drive of version %d", head.Version)
	}
}

// TestNotesSurviveALostCommit loses the newest commit. The repair goes back to an older one, with the private state
// that this device knows and the version of the newest.
func TestNotesSurviveALostCommit(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Registry = readingRegistry
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/first", []byte("first"))
	flush(t, s)
	lose := h.later()
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	h.close(s)
	lose()
	s = h.open()
	wantNoted(t, s, "bob", "name", "Bob")
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true}); err != nil || len(r.Damage) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("the repair made it a drive of version %d", head.Version)
	}
	flush(t, s) // it notes again what the earlier commit lacks
	phone := h.device(2, "phone")
	p := phone.open()
	defer phone.close(p)
	wantNoted(t, p, "bob", "name", "Bob")
	wantNoted(t, s, "bob", "name", "Bob")
}

// TestGoBackWithoutPrivate loses the newest commit and the private state of the one before. The repair goes back to
// that one nevertheless, and this device writes the private state anew.
func TestGoBackWithoutPrivate(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Registry, h.options.PageMemory = readingRegistry, 1
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/first", []byte("first"))
	flush(t, s)
	loseFolder := h.later()
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	e, err := h.whole().Lookup(t.Context(), registry.Path)
	if err != nil {
		t.Fatal(err)
	}
	folder, _ := e.Object()
	put(t, s, "/first", []byte("another pack"))
	flush(t, s)
	kept := map[crypto.BlobName][]byte{}
	for b := range h.store.List(t.Context()) {
		if b.Name != folder.Root.Blob {
			kept[b.Name], err = h.store.Get(t.Context(), b.Name)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	put(t, s, "/second", []byte("second"))
	flush(t, s)
	h.close(s)
	loseFolder()
	for name, b := range kept {
		if err := h.store.Put(t.Context(), name, remote.BytesBody(b)); err != nil {
			t.Fatal(err)
		}
	}
	s = h.open()
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true})
	if err != nil || len(r.Damage) == 0 || r.Damage[0].WentBack.IsZero() {
		t.Fatalf("%+v, %v", r, err)
	}
	flush(t, s)
	got, err := registry.FromTree(t.Context(), h.whole())
	if err != nil || !registry.Equal(got, s.Private()) || got.Len() != 1 {
		t.Errorf("%d records at the remote, %v", got.Len(), err)
	}
	if body := string(get(t, s, "/first")); body != "another pack" {
		t.Errorf("the file holds %q", body)
	}
}

// TestPrivateIsKept checks that a collection keeps the pages of the private state, that a check covers them, and that a
// copy of all that the drive leads to has them.
func TestPrivateIsKept(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now, h.options.Registry = clock.now, readingRegistry
	s := h.open()
	defer func() { h.close(s) }()
	for i := range 300 { // several pages
		note(t, s, noteOf(fmt.Sprint("friend ", i), "card", strings.Repeat("c", 200)))
	}
	flush(t, s)
	for i := range 30 {
		clock.pass(24 * time.Hour)
		note(t, s, noteOf(fmt.Sprint("friend ", i), "name", "x"))
		put(t, s, "/a", []byte(clock.now().String()))
		flush(t, s)
		if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
	got, err := registry.FromTree(t.Context(), h.whole())
	if err != nil || !registry.Equal(got, s.Private()) || got.Len() != 300 {
		t.Errorf("%d records at the remote, %v", got.Len(), err)
	}
	p := h.at(s)
	elsewhere := mem.New()
	h.carry(p, elsewhere)
	if err := elsewhere.Swap(t.Context(), crypto.PointerHash{}, p); err != nil {
		t.Fatal(err)
	}
	there := h.device(2, "phone")
	there.store, there.options.Store = elsewhere, elsewhere
	o := there.open()
	defer there.close(o)
	if !registry.Equal(o.Private(), s.Private()) {
		t.Errorf("%d records in the copy", o.Private().Len())
	}
	// Each blob that goes missing is damage, also if only the private state needs it.
	e, err := h.whole().Lookup(t.Context(), registry.Path)
	if err != nil {
		t.Fatal(err)
	}
	folder, _ := e.Object()
	if err := store.Delete(t.Context(), folder.Root.Blob); err != nil {
		t.Fatal(err)
	}
	r, err := s.Keeper().Fsck(t.Context(), fsck.Options{})
	private := func(d fsck.Damage) bool { return d.Path == registry.Path }
	if err != nil || r.Clean() || !slices.ContainsFunc(r.Damage, private) || len(r.Unchecked) != 1 {
		t.Errorf("a lost page is no damage: %+v, %v", r, err)
	}
}

// TestPrivateIsWrittenAnew loses the pages of the private state at the remote. A device that knows the state writes it
// anew: with the next note, and in a repair.
func TestPrivateIsWrittenAnew(t *testing.T) {
	store := mem.New()
	h := newHome(t, store)
	h.options.Registry, h.options.PageMemory = readingRegistry, 1
	s := h.open()
	defer func() { h.close(s) }()
	for i := range 100 { // several pages
		note(t, s, noteOf(fmt.Sprint(i), "card", strings.Repeat("c", 200)))
	}
	for name, write := range map[string]func() error{
		"with a note": func() error { return s.Note(t.Context(), noteOf("50", "name", "Bob")) },
		"in a repair": func() error {
			r, err := s.Keeper().Fsck(t.Context(), fsck.Options{Repair: true})
			if err == nil && (!r.Clean() || len(r.Rewritten) != 1 || r.Rewritten[0] != registry.Path) {
				err = fmt.Errorf("%+v", r)
			}
			return err
		},
	} {
		flush(t, s)
		e, err := h.whole().Lookup(t.Context(), registry.Path)
		if err != nil {
			t.Fatal(err)
		}
		folder, _ := e.Object()
		put(t, s, "/"+name, []byte("another pack than that of the private state"))
		flush(t, s)
		h.close(s)
		if err := store.Delete(t.Context(), folder.Root.Blob); err != nil {
			t.Fatal(err)
		}
		s = h.open()
		if err := write(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		flush(t, s)
		got, err := registry.FromTree(t.Context(), h.whole())
		if err != nil || !registry.Equal(got, s.Private()) || got.Len() != 100 {
			t.Errorf("%s: %d records at the remote, %v", name, got.Len(), err)
		}
	}
}

// TestSavedWithoutPrivate starts with a commit that an earlier build noted, which keeps a private state but does not
// know it: it is read from the remote, and is not taken for an empty one.
func TestSavedWithoutPrivate(t *testing.T) {
	store := &switched{Store: mem.New()}
	h := newHome(t, store)
	s := h.open()
	note(t, s, noteOf("bob", "name", "Bob"))
	flush(t, s)
	frames := h.options.Keys.Frames
	h.close(s)
	p, _ := h.head()
	was, err := base.Open(t.Context(), tree.NewNodes(store, tree.Options{}), h.account.Own(), p)
	if err != nil {
		t.Fatal(err)
	}
	was.Shown = time.Now()
	file := base.File{Path: filepath.Join(h.options.Dir, "base"), FS: localfs.OS{}, Frames: frames, Rand: rand.Reader}
	if err := file.Save(was); err != nil {
		t.Fatal(err)
	}
	h.options.Deadlines.Begin = time.Second
	away := &switched{Store: store}
	away.off.Store(true)
	h.options.Store = away
	if _, err := space.Open(t.Context(), h.options); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("it starts without what it does not know: %v", err)
	}
	h.options.Store = store
	s = h.open()
	defer h.close(s)
	wantNoted(t, s, "bob", "name", "Bob")
}
