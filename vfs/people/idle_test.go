package people_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/remote"
	"postern/vfs/people"
)

// calls counts the calls of a store.
type calls struct {
	mu  sync.Mutex
	all []string
}

// around is a remote.Around.
func (c *calls) around(ctx context.Context, call *remote.Call, do func(context.Context) error) error {
	c.mu.Lock()
	c.all = append(c.all, call.Op)
	c.mu.Unlock()
	return do(ctx)
}

// take returns the calls so far, and forgets them.
func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// TestReconcileIdle: a round of the reconciler makes no request when no record has changed, also after a restart.
func TestReconcileIdle(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.mkdir("/files/photos")
	bob.puts("/files/talk.pdf", "talk")
	bob.puts("/files/gone.pdf", "gone")
	bob.shares("/files/photos", true, "alice")
	gone := bob.link("/files/gone.pdf", people.LinkOptions{})
	bob.does(bob.people.RevokeLink(t.Context(), gone.ID))
	l := bob.link("/files/talk.pdf", people.LinkOptions{Expires: time.Hour})
	at, err := alice.people.OpenLink(t.Context(), l.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	w.look()
	for _, u := range []*user{alice, bob} {
		var c calls
		u.close()
		u.store = remote.Wrap(u.store, c.around)
		u.open()
		u.own.Home().Poller().Look(t.Context()) // shows which links have moved
		u.does(u.people.Sync(t.Context()))
		c.take()
		u.does(u.people.Sync(t.Context()))
		c.mu.Lock()
		made := slices.DeleteFunc(slices.Clone(c.all), func(op string) bool { return strings.HasPrefix(op, "get") })
		c.mu.Unlock()
		if len(made) > 0 {
			t.Errorf("%s: requests of a round without news: %v", u.name, made)
		}
	}
	alice.has(at, "talk")
	bob.does(bob.people.RevokeLink(t.Context(), l.ID))
	w.look()
	alice.lacks(at)
}
