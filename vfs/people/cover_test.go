package people_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/people"
)

// TestCover: a gateway with cover shows what a friend has changed only after it has fetched all new small blobs, each
// once, those of strangers too.
func TestCover(t *testing.T) {
	w := users(t, "alice", "bob", "carol")
	alice, bob, carol := w.users["alice"], w.users["bob"], w.users["carol"]
	alice.does(people.Befriend(t.Context(), alice.people, bob.people))
	w.look()
	var mu sync.Mutex
	broken, got := true, map[string]int{}
	alice.close()
	alice.store = remote.Wrap(alice.store, func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Op == remote.OpList && broken {
			return remote.Fail(c.Op, c.On, remote.ErrUnavailable, nil)
		}
		if c.Op == remote.OpGet {
			got[c.On.String()]++
		}
		return do(ctx)
	})
	alice.open()
	people.Cover(alice.people)
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "of Bob")
	carol.puts("/files/own.txt", "of Carol")
	bob.shares("/files/photos", false, "alice")
	w.look()
	if _, err := alice.get("/shared/bob/photos/a.txt"); !errors.Is(err, vfs.ErrUnavailable) && !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("without a listing of the store: %v", err)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	w.look()
	w.look()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	for b, err := range w.store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if n := got[b.Name.String()]; b.Size <= people.CoverSize && n != 1 {
			t.Errorf("blob %.8v was fetched %d times", b.Name, n)
		}
		mu.Unlock()
	}
}
