package people_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/meet"
	"postern/vfs/namespace"
	"postern/vfs/people"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// world is a store with the gateways of some users.
type world struct {
	t      *testing.T
	store  *mem.Store
	began  time.Time
	passed atomic.Int64 // ns since then
	users  map[string]*user

	letters *recorder // has the inboxes
}

// user is a user with one gateway.
type user struct {
	w      *world
	name   string
	number byte // of the device
	secret crypto.AccountSecret
	dir    string
	store  remote.Store
	own    *space.Space
	drive  *namespace.Drive
	people *people.People
	page   string            // the server of the page for links
	opened map[string]vfs.FS // by the path of the mount in its space
	commit time.Duration     // how long changes wait for their commit; 0: as shipped
}

// users makes a world in which these have claimed their names.
func users(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{t: t, store: mem.New(), began: time.Now(), users: map[string]*user{}, letters: newRecorder()}
	for i, name := range names {
		u := &user{w: w, name: name, secret: crypto.AccountSecret{byte(i + 1)}, dir: t.TempDir(),
			opened: map[string]vfs.FS{}}
		w.users[name] = u
		u.store = verify.New(w.store.Another(), &verify.MemoryPins{})
		err := space.Create(t.Context(), u.store, base.Own(u.secret), u.device(), rand.Reader, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		u.open()
		if _, err := u.people.Claim(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, u := range w.users {
			u.close()
		}
	})
	return w
}

func (u *user) device() space.Device {
	return space.Device{ID: [16]byte{u.secret[0], u.number}, Name: u.name + "'s"}
}

// another starts a second gateway of a user, whose changes are committed only by a flush.
func (u *user) another() *user {
	u.w.t.Helper()
	v := &user{w: u.w, name: u.name, secret: u.secret, dir: u.w.t.TempDir(), opened: map[string]vfs.FS{}, number: 1,
		commit: time.Hour, store: verify.New(u.w.store.Another(), &verify.MemoryPins{})}
	v.open()
	u.w.users[u.name+" 2"] = v
	return v
}

// open starts the user's gateway.
func (u *user) open() {
	t := u.w.t
	t.Helper()
	waits := remote.Deadlines{Poll: time.Hour, Commit: u.commit, Again: time.Millisecond,
		MaxAgain: 10 * time.Millisecond}.OrShipped()
	var err error
	var p *people.People
	ready := make(chan struct{}) // closed once p is there
	u.own, err = space.Open(t.Context(), space.Options{
		Store: u.store, Keys: base.Own(u.secret), Dir: u.dir, Device: u.device(), Deadlines: waits,
		Beside: func(ctx context.Context, id crypto.PointerID) (space.Options, error) {
			select {
			case <-ready:
				return p.Beside(ctx, id)
			case <-ctx.Done():
				return space.Options{}, ctx.Err()
			}
		},
		Carry: func(in crypto.PointerID, c tree.Conflict) {
			go func() {
				select {
				case <-ready:
					p.Carry(in, c)
				case <-t.Context().Done():
				}
			}()
		},
		Now: u.w.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	u.drive = namespace.New(namespace.Options{
		Open: func(ctx context.Context, outer vfs.FS, m tree.Mounted) (vfs.FS, error) {
			fs, err := u.people.Open(ctx, outer, m)
			u.opened[m.Path] = fs
			return fs, err
		},
		Moved: func(from, to string) { u.people.Moved(from, to) },
	}, map[string]vfs.FS{"files": u.own, "shared": namespace.Folder(time.Time{})})
	p, err = people.New(people.Options{
		Account: u.secret, User: u.name, Device: u.device(), Own: u.own, Drive: u.drive, Store: u.store, LinkPage: u.page,
		Seen: &meet.SeenFile{}, Now: u.w.clock, Rand: rand.Reader,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	people.WithoutStamps(p, mail{u.w.letters, 0})
	u.people = p
	close(ready)
}

func (u *user) close() {
	if err := errors.Join(u.people.Close(), u.own.Close()); err != nil {
		u.w.t.Error(err)
	}
}

// clock returns the time in the world.
func (w *world) clock() time.Time { return w.began.Add(time.Duration(w.passed.Load())) }

// pass lets time pass.
func (w *world) pass(d time.Duration) { w.passed.Add(int64(d)) }

// look makes all gateways commit, read their letters, reconcile, and look for what others have committed.
func (w *world) look() {
	w.t.Helper()
	for range 2 {
		for _, u := range w.users {
			if _, err := u.people.Friends(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			if err := u.people.Sync(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			if err := u.own.Home().Flush(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
		for _, u := range w.users {
			u.does(u.people.Look(w.t.Context()))
		}
	}
}

// befriend makes two users friends.
func (w *world) befriend(a, b string) {
	w.t.Helper()
	if _, err := w.users[a].people.Add(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
	w.look()
	if _, err := w.users[b].people.Accept(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
	w.look()
}

// put writes a file, and returns the error.
func (u *user) put(path, text string) error {
	up, err := u.drive.Create(u.w.t.Context(), path)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := io.WriteString(up, text); err != nil {
		return err
	}
	_, _, err = up.Commit(u.w.t.Context(), vfs.CommitOptions{})
	return err
}

// get returns the contents of a file.
func (u *user) get(path string) (string, error) {
	f, err := u.drive.Open(u.w.t.Context(), path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	return string(b), errors.Join(err, f.Close())
}

// has expects a file.
func (u *user) has(path, want string) {
	u.w.t.Helper()
	if got, err := u.get(path); got != want || err != nil {
		u.w.t.Errorf("%s: %s is %q, %v", u.name, path, got, err)
	}
}

// lacks expects that nothing is at a path.
func (u *user) lacks(path string) {
	u.w.t.Helper()
	if _, err := u.drive.Stat(u.w.t.Context(), path); !errors.Is(err, vfs.ErrNotExist) {
		u.w.t.Errorf("%s: %s: %v", u.name, path, err)
	}
}

// does expects that something works.
func (u *user) does(err error) {
	u.w.t.Helper()
	if err != nil {
		u.w.t.Fatalf("%s: %v", u.name, err)
	}
}

// restart stops the user's gateway and starts it again.
func (u *user) restart() {
	u.w.t.Helper()
	u.close()
	u.open()
}

// shares shares a folder.
func (u *user) shares(path string, write bool, with ...string) {
	u.w.t.Helper()
	_, err := u.people.Share(u.w.t.Context(), path, with, write)
	u.does(err)
}

// unshare takes a folder back.
func (u *user) unshare(path string, from ...string) {
	u.w.t.Helper()
	_, err := u.people.Unshare(u.w.t.Context(), path, from)
	u.does(err)
}

func (u *user) mkdir(path string) { u.w.t.Helper(); u.does(u.drive.Mkdir(u.w.t.Context(), path, nil)) }

func (u *user) puts(path, text string) { u.w.t.Helper(); u.does(u.put(path, text)) }
