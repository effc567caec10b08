package people_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/people"
)

// dying is a store that a gateway loses before the n-th write from now on, as if it were killed then.
type dying struct {
	remote.Store
	*fuse
}

// fuse counts writes.
type fuse struct {
	mu   sync.Mutex
	left int
	burn func() // called at the first write that fails
}

// set makes writes fail after n more.
func (f *fuse) set(n int, burn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.burn = n, burn
}

func (f *fuse) burnt() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left < 0
}

func (f *fuse) write() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
		return nil
	}
	if f.left == 0 {
		f.left = -1
		f.burn()
	}
	return fmt.Errorf("killed: %w", remote.ErrUnavailable)
}

// Put implements remote.Blobs.
func (d dying) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := d.write(); err != nil {
		return err
	}
	return d.Store.Put(ctx, name, body)
}

// Swap implements remote.Pointers.
func (d dying) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := d.write(); err != nil {
		return err
	}
	return d.Store.Swap(ctx, old, next)
}

// killed does something again and again, each time in a new folder /files/N, killed before the n-th write to the store,
// n = 0, step, 2 * step and so on. After each kill the gateway starts again, and all is checked.
func killed(
	t *testing.T, w *world, u *user, step int, prepare func(folder string), act func(ctx context.Context, folder string) error,
	check func(folder, what string),
) {
	t.Helper()
	u.close()
	f := &fuse{left: math.MaxInt}
	u.store = dying{u.store, f}
	u.open()
	for n := 0; ; n += step {
		folder := fmt.Sprintf("/files/%d", n)
		u.mkdir(folder)
		u.puts(folder+"/a.txt", "a")
		prepare(folder)
		w.look()
		ctx, cancel := context.WithCancel(t.Context())
		f.set(n, cancel)
		err := act(ctx, folder)
		dead := f.burnt()
		if !dead && err != nil {
			t.Fatalf("after %d writes: %v", n, err)
		}
		cancel()
		u.close()
		f.set(math.MaxInt, nil)
		u.open()
		w.settle()
		u.has(folder+"/a.txt", "a")
		check(folder, fmt.Sprintf("killed before write %d", n+1))
		if !dead {
			if n < 3 {
				t.Errorf("only %d writes", n)
			}
			return
		}
	}
}

// shared reports whether a user shares a folder.
func (u *user) shared(path string) bool {
	for _, sh := range u.people.Mine() {
		if sh.Path == path {
			return true
		}
	}
	return false
}

// TestKilledUnshare kills the owner's gateway at every step of taking a folder back, with another one within it.
func TestKilledUnshare(t *testing.T) {
	w := friends(t, "bob", "alice", "carol")
	bob, alice, carol := w.users["bob"], w.users["alice"], w.users["carol"]
	killed(t, w, bob, 3, func(folder string) {
		bob.mkdir(folder + "/in")
		bob.puts(folder+"/in/b.txt", "b")
		bob.shares(folder, true, "alice", "carol")
		bob.shares(folder+"/in", false, "alice")
	}, func(ctx context.Context, folder string) error {
		alice.puts("/shared/bob"+folder[len("/files"):]+"/in/c.txt", "c")
		_, err := bob.people.Unshare(ctx, folder, []string{"carol"})
		return err
	}, func(folder, what string) {
		name := folder[len("/files"):]
		for _, u := range []*user{alice, bob} {
			at := folder
			if u == alice {
				at = "/shared/bob" + name
			}
			u.has(at+"/a.txt", "a")
			u.has(at+"/in/b.txt", "b")
			u.has(at+"/in/c.txt", "c")
		}
		carol.lacks("/shared/bob" + name)
		alice.puts("/shared/bob"+name+"/in/again.txt", "again")
		w.look()
		bob.has(folder+"/in/again.txt", "again")
		if !bob.shared(folder) || !bob.shared(folder+"/in") || t.Failed() {
			t.Fatalf("%s: the folder is not shared: %+v", what, bob.people.Mine())
		}
	})
}

// TestKilledShare kills the owner's gateway at every step of sharing a folder.
func TestKilledShare(t *testing.T) {
	w := friends(t, "bob", "alice")
	bob, alice := w.users["bob"], w.users["alice"]
	killed(t, w, bob, 1, func(string) {}, func(ctx context.Context, folder string) error {
		_, err := bob.people.Share(ctx, folder, []string{"alice"}, true)
		return err
	}, func(folder, what string) {
		at := "/shared/bob" + folder[len("/files"):]
		if !bob.shared(folder) {
			alice.lacks(at)
			bob.shares(folder, true, "alice")
			w.look()
		}
		alice.has(at+"/a.txt", "a")
		alice.puts(at+"/b.txt", "b")
		w.look()
		bob.has(folder+"/b.txt", "b")
		if t.Failed() {
			t.Fatal(what)
		}
	})
}

// TestKilledRevoke kills the owner's gateway at every step of ending a link.
func TestKilledRevoke(t *testing.T) {
	w := friends(t, "bob", "alice")
	bob, alice := w.users["bob"], w.users["alice"]
	links := map[string]string{}
	killed(t, w, bob, 1, func(folder string) {
		for _, which := range []string{"ends", "stays"} {
			l, err := bob.people.CreateLink(t.Context(), folder, people.LinkOptions{})
			bob.does(err)
			links[folder+which] = l.URL
		}
	}, func(ctx context.Context, folder string) error {
		return bob.people.RevokeLink(ctx, links[folder+"ends"])
	}, func(folder, what string) {
		if _, err := alice.people.OpenLink(t.Context(), links[folder+"ends"], ""); err == nil {
			t.Error("the link opens")
		}
		bob.puts(folder+"/later.txt", "later")
		w.look()
		at, err := alice.people.OpenLink(t.Context(), links[folder+"stays"], "")
		alice.does(err)
		alice.has(at+"/later.txt", "later")
		if t.Failed() {
			t.Fatal(what)
		}
	})
}
