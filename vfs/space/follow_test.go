package space_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/namespace"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/space/follow"
)

// listedKeys returns the keys of a space that others may follow.
func listedKeys(account crypto.AccountSecret, n byte) space.Keys {
	own := base.Own(account)
	c := crypto.SpaceSecret{7, n}.Keys()
	c.Owner, c.Store = own.Owner, own.Store
	return space.Keys{Capability: c, Author: own.Author, Frames: own.Frames, Listed: true}
}

// share opens a space that others may follow, beside an account's own.
func (h *home) share(s *space.Space, store remote.Store) *space.Space {
	h.t.Helper()
	keys := listedKeys(h.account, 0)
	if err := space.Create(h.t.Context(), store, keys, h.options.Device, rand.Reader, time.Now()); err != nil {
		h.t.Fatal(err)
	}
	shared, err := s.Home().Open(h.t.Context(), space.Options{Store: store, Keys: keys})
	if err != nil {
		h.t.Fatal(err)
	}
	return shared
}

// friends are Bob, who shares a space, and Alice, who follows it over her own line.
type friends struct {
	t            *testing.T
	bob, alice   *space.Space
	shared       *space.Space
	follower     *follow.Follower
	line         *faulty.Store // of Alice
	bobs, alices *home
}

func newFriends(t *testing.T) *friends {
	t.Helper()
	store := mem.New()
	f := &friends{t: t, bobs: newHome(t, store)}
	f.line = faulty.New(store.Another(), nil, faulty.Options{})
	f.alices = newHome(t, verify.New(f.line, &verify.MemoryPins{}))
	f.alices.options.Deadlines.Poll = time.Hour
	f.bob = f.bobs.open()
	f.shared = f.bobs.share(f.bob, store)
	f.alice = f.alices.open()
	f.follower = f.alice.Home().Follow(f.alices.store, listedKeys(f.bobs.account, 0).ReadOnly())
	t.Cleanup(func() {
		f.follower.Close()
		f.alices.close(f.alice)
		f.bobs.close(f.shared)
		f.bobs.close(f.bob)
	})
	return f
}

// say writes a file of Bob's and commits it.
func (f *friends) say(path, body string) {
	f.t.Helper()
	put(f.t, f.shared, path, []byte(body))
	if err := f.shared.Flush(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// TestFollower checks that a follower shows what it can read, then later changes, and rejects writes.
func TestFollower(t *testing.T) {
	f := newFriends(t)
	f.say("/a", "first")
	if got := string(get(t, f.follower, "/a")); got != "first" {
		t.Fatalf("it shows %q", got)
	}
	f.say("/a", "second")
	if got := string(get(t, f.follower, "/a")); got != "first" {
		t.Errorf("before a look it shows %q", got)
	}
	f.alice.Home().Poller().Look(t.Context())
	f.alice.Home().Poller().Look(t.Context())
	if got := string(get(t, f.follower, "/a")); got != "second" {
		t.Errorf("after a look it shows %q", got)
	}
	info, err := f.follower.Stat(t.Context(), "/a")
	if err != nil || !info.ReadOnly {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := f.follower.Create(t.Context(), "/b"); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("a change: %v", err)
	}
	if _, err := f.follower.Stat(t.Context(), "/none"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// TestFollowerAway checks that without the remote a follower shows its last known state, and fails at once if it has
// none. The own files are not affected.
func TestFollowerAway(t *testing.T) {
	f := newFriends(t)
	drive := namespace.New(namespace.Options{}, map[string]vfs.FS{"files": f.alice})
	if err := drive.Mount("/shared/bob", f.follower); err != nil {
		t.Fatal(err)
	}
	put(t, f.alice, "/own", []byte("own"))
	down := func(faulty.Call) faulty.Fault { return faulty.Fail }
	f.line.SetPlan(down)
	if _, err := f.follower.Stat(t.Context(), "/"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("never seen: %v", err)
	}
	if got := string(get(t, drive, "/files/own")); got != "own" {
		t.Errorf("the own file holds %q", got)
	}
	f.line.SetPlan(nil)
	f.say("/a", "known")
	if got := string(get(t, drive, "/shared/bob/a")); got != "known" {
		t.Fatalf("it shows %q", got)
	}
	f.say("/b", "not known")
	f.alice.Home().Poller().Look(t.Context())
	f.alice.Home().Poller().Look(t.Context())
	f.line.SetPlan(func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.GetRange || c.Op == faulty.Load {
			return faulty.Fail
		}
		return faulty.Fine
	})
	if _, err := f.follower.Stat(t.Context(), "/a"); err != nil {
		t.Errorf("what is known: %v", err)
	}
	f.line.SetPlan(nil)
	if _, err := f.follower.Stat(t.Context(), "/b"); err != nil {
		t.Errorf("the remote is back: %v", err)
	}
}

// TestFollowerBehind makes the owner collect what the follower's state needs. The follower moves on to the newest
// state, and reports no corruption.
func TestFollowerBehind(t *testing.T) {
	f := newFriends(t)
	for i := range 40 {
		f.say(fmt.Sprintf("/folder-%d", i), fmt.Sprint(i))
	}
	if _, err := f.follower.Stat(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	store := f.bobs.store
	for b, err := range store.List(t.Context()) { // harder than any collection: nothing old is left
		if err == nil {
			err = store.Delete(t.Context(), b.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.follower.Stat(t.Context(), "/folder-1")
	if err != nil && !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("what is gone: %v", err)
	}
	if errors.Is(err, vfs.ErrCorrupt) {
		t.Errorf("the remote is called a liar: %v", err)
	}
}

// counting counts calls.
type counting struct{ calls atomic.Int64 }

func (c *counting) store(inner remote.Store) remote.Store {
	return remote.Wrap(inner, func(ctx context.Context, _ *remote.Call, do func(context.Context) error) error {
		c.calls.Add(1)
		return do(ctx)
	})
}

// TestFollowersCost checks that 200 unused followers take less than 20 MiB and cause no requests.
func TestFollowersCost(t *testing.T) {
	const followers, minutes = 200, 10
	var calls counting
	h := newHome(t, calls.store(mem.New()))
	h.options.Deadlines.Poll = time.Hour
	s := h.open()
	defer h.close(s)
	device := h.options.Device
	for i := range followers {
		keys := listedKeys(h.account, byte(i))
		if err := space.Create(t.Context(), h.store, keys, device, rand.Reader, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before := heap()
	drive := namespace.New(namespace.Options{}, map[string]vfs.FS{"files": s})
	all := make([]*follow.Follower, followers)
	for i := range all {
		all[i] = s.Home().Follow(h.store, listedKeys(h.account, byte(i)).ReadOnly())
		defer all[i].Close()
		if err := drive.Mount(fmt.Sprintf("/shared/friend-%03d", i), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if n := calls.calls.Load(); n == 0 {
		t.Fatal("calls are not counted")
	}
	for _, f := range all { // each was read once
		if _, err := f.Stat(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
	}
	s.Home().Poller().Look(t.Context()) // learns the cursor
	quiet(t, s)
	began := calls.calls.Load()
	for range minutes * 4 {
		s.Home().Poller().Look(t.Context())
		quiet(t, s)
	}
	if n := calls.calls.Load() - began; n > 6*minutes+4 {
		t.Errorf("%d requests in %d minutes", n, minutes)
	}
	if grown := heap() - before; grown > 20<<20 {
		t.Errorf("%d followers take %d KiB", followers, grown>>10)
	}
	runtime.KeepAlive(drive)
}

// quiet waits until the committer has handled the poller's signal.
func quiet(t *testing.T, s *space.Space) {
	t.Helper()
	if err := s.Committer().Do(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestEvilChanges checks that, whatever a remote says has moved, a follower shows a state of its owner's or an error,
// and the newest state once the remote is honest again.
func TestEvilChanges(t *testing.T) {
	for _, lie := range []evil.Lie{
		evil.HideChanges, evil.OldChanges, evil.ForgedChanges, evil.SecretChanges, evil.EndlessChanges, evil.AbsurdChanges,
		evil.AbsurdCursor,
	} {
		t.Run(fmt.Sprint(lie), func(t *testing.T) {
			store := mem.New()
			bobs := newHome(t, store)
			bob := bobs.open()
			defer bobs.close(bob)
			shared := bobs.share(bob, store)
			defer bobs.close(shared)
			liar := evil.New(store.Another(), evil.Options{Seed: 1})
			alices := newHome(t, verify.New(liar, &verify.MemoryPins{}))
			alices.options.Deadlines.Poll = time.Hour
			alice := alices.open()
			defer alices.close(alice)
			follower := alice.Home().Follow(alices.store, listedKeys(bobs.account, 0).ReadOnly())
			defer follower.Close()

			say := func(body string) {
				put(t, shared, "/a", []byte(body))
				if err := shared.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			look := func() {
				for range 2 {
					alice.Home().Poller().Look(t.Context())
				}
			}
			say("first")
			if got := string(get(t, follower, "/a")); got != "first" {
				t.Fatalf("it shows %q", got)
			}
			look()
			liar.SetLies(lie)
			for range 3 {
				say("second")
				look()
				f, err := follower.Open(t.Context(), "/a")
				if err != nil {
					continue
				}
				if got, err := io.ReadAll(f); err == nil && string(got) != "first" && string(got) != "second" {
					t.Errorf("it shows %q", got)
				}
				_ = f.Close()
			}
			if liar.Told(lie) == 0 {
				t.Error("the lie was never told, so nothing was proved")
			}
			liar.SetLies()
			say("third")
			look()
			look()
			if got := string(get(t, follower, "/a")); got != "third" {
				t.Errorf("once the remote is honest it shows %q", got)
			}
		})
	}
}

// turning is a store on which something happens before pointers are loaded.
type turning struct {
	remote.Store
	before func()
}

func (s *turning) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	s.before()
	return s.Store.Load(ctx, id)
}

func (s *turning) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	s.before()
	return s.Store.Changed(ctx, since)
}

// TestFollowerClosed: a closed follower asks the store for nothing, and says so at once.
func TestFollowerClosed(t *testing.T) {
	f := newFriends(t)
	store := &turning{Store: f.alices.store, before: func() { t.Error("the pointer was asked for") }}
	follower := f.alice.Home().Follow(store, listedKeys(f.bobs.account, 0).ReadOnly())
	follower.Close()
	if _, err := follower.Stat(t.Context(), "/"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("after it was closed: %v", err)
	}
}

// TestFollowerNeverGoesBack: an older pointer that is shown while a newer state is loaded does not replace it.
func TestFollowerNeverGoesBack(t *testing.T) {
	f := newFriends(t)
	f.say("/a", "first")
	store := &turning{Store: f.alices.store}
	var once sync.Once
	store.before = func() { once.Do(func() { f.say("/a", "second") }) }
	follower := f.alice.Home().Follow(store, listedKeys(f.bobs.account, 0).ReadOnly())
	defer follower.Close()
	for range 2 {
		if got := string(get(t, follower, "/a")); got != "second" {
			t.Errorf("it shows %q", got)
		}
	}
}

// TestFollowerStartsAway starts a follower without its remote: it shows the state that it loaded last, does not take
// that for the newest, and shows the newest once the remote is back. A damaged file is not used.
func TestFollowerStartsAway(t *testing.T) {
	f := newFriends(t)
	f.say("/a", "first")
	if got := string(get(t, f.follower, "/a")); got != "first" {
		t.Fatalf("it shows %q", got)
	}
	f.follower.Close()
	f.line.SetPlan(func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Load || c.Op == faulty.Changed {
			return faulty.Fail
		}
		return faulty.Fine
	})
	keys := listedKeys(f.bobs.account, 0).ReadOnly()
	again := f.alice.Home().Follow(f.alices.store, keys)
	defer again.Close()
	for range 2 {
		if got := string(get(t, again, "/a")); got != "first" {
			t.Errorf("without the remote it shows %q", got)
		}
	}
	if _, _, err := again.Committed(t.Context()); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("the newest state is taken for known: %v", err)
	}
	f.say("/a", "second")
	f.line.SetPlan(nil)
	if got := string(get(t, again, "/a")); got != "second" {
		t.Errorf("with the remote it shows %q", got)
	}
	if files, whole, err := again.Committed(t.Context()); err != nil || !whole || files.Root().Count() != 1 {
		t.Errorf("the newest state: %v, %v", whole, err)
	}

	saved := filepath.Join(f.alices.options.Dir, "follow-"+keys.ID.String())
	f.line.SetPlan(faulty.Always(faulty.Fail))
	if err := os.WriteFile(saved, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := f.alice.Home().Follow(f.alices.store, keys)
	defer damaged.Close()
	if _, err := damaged.Stat(t.Context(), "/a"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("with a damaged file: %v", err)
	}
}
