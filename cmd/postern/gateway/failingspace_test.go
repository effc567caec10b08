package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/cache"
	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/verify"
	"postern/vfs/space"
	"postern/vfs/space/follow"
)

// neighbour is the remote of a friend's space, on a disk of its own, which can be made to fail.
type neighbour struct {
	*faulty.Store
	disk *disk.Store
	hold chan struct{} // a delayed call waits until it is closed
}

func newNeighbour(t *testing.T) *neighbour {
	t.Helper()
	n := &neighbour{hold: make(chan struct{})}
	var err error
	if n.disk, err = disk.Open(t.TempDir(), disk.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	n.Store = faulty.New(n.disk, nil, faulty.Options{Sleep: func(ctx context.Context, _ time.Duration) error {
		select {
		case <-n.hold:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	return n
}

// damage removes all blobs.
func (n *neighbour) damage(t *testing.T) {
	t.Helper()
	var names []crypto.BlobName
	for b, err := range n.disk.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, b.Name)
	}
	for _, name := range names {
		if err := n.disk.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// patience is that of the drive in these tests.
var patience = remote.Deadlines{Commit: time.Hour, Mount: 200 * time.Millisecond, Answer: time.Second}

// TestFailingSpace mounts a space for writing and followers, below the files and below the shared folders. When their
// remote is away, hangs or has lost everything, the mounts answer 503, and nothing around them changes. What a writer's
// own remote has lost is answered with 502, since no retry brings it back.
func TestFailingSpace(t *testing.T) {
	for name, fail := range map[string]func(*testing.T, *neighbour){
		"away":    func(_ *testing.T, n *neighbour) { n.SetPlan(faulty.Always(faulty.Fail)) },
		"slow":    func(_ *testing.T, n *neighbour) { n.SetPlan(faulty.Always(faulty.Delay)) },
		"damaged": func(t *testing.T, n *neighbour) { n.damage(t) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status := http.StatusServiceUnavailable
				if name == "damaged" {
					status = http.StatusBadGateway
				}
				failingSpace(t, fail, status)
			})
		})
	}
}

func failingSpace(t *testing.T, fail func(*testing.T, *neighbour), writer int) {
	n := newNeighbour(t)
	defer close(n.hold)
	over := line.Over(lent{n}, patience, line.Options{Breaker: true})
	store, err := cache.New(verify.New(over, &verify.MemoryPins{}), cache.Options{Memory: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	m := newMany(t, patience) // is closed before the store
	m.add("/shared/good", 3, m.kept)
	m.add(team, 2, store)
	const unseen = 5 // a space that nobody looks at while it can be read
	err = space.Create(t.Context(), store, second(m.account, unseen), DeviceOf(m.account, home.Defaults()), rand.Reader,
		time.Now())
	if err != nil {
		t.Fatal(err)
	}
	followers := map[string]*follow.Follower{}
	for path, n := range map[string]byte{"/files/followed": 2, "/shared/bob": 2, "/shared/unseen": unseen} {
		followers[path] = m.space.Home().Follow(store, second(m.account, n).ReadOnly())
		defer followers[path].Close()
		if err := m.fs.Mount(path, followers[path]); err != nil {
			t.Fatal(err)
		}
	}
	large := string(noise(300_000))
	m.want(http.StatusCreated, "MKCOL", team+"/d/", "")
	own := map[string]string{"/files/a.txt": "A", "/files/film": large, "/shared/good/g.txt": "G"}
	for path, body := range own {
		m.want(http.StatusCreated, "PUT", path, body)
	}
	m.want(http.StatusCreated, "PUT", team+"/film", large)
	m.flush()
	m.lists("/files/followed/", "/files/followed/d/", "/files/followed/film")
	m.lists("/shared/bob/", "/shared/bob/d/", "/shared/bob/film")

	around := func() map[string]string {
		shown := map[string]string{}
		for _, path := range []string{"/", "/files/", "/shared/good/"} {
			shown[path] = m.want(http.StatusMultiStatus, "PROPFIND", path, "", "Depth", "1").Body.String()
		}
		return shown
	}
	healthy := around()
	members := strings.Count(healthy["/files/"], "<D:response>")
	fail(t, n)
	began := time.Now()
	took := func(what string, limit time.Duration) {
		t.Helper()
		if d := time.Since(began); d > limit {
			t.Errorf("%s took %v", what, d)
		}
		began = time.Now()
	}
	if failing := around(); !maps.Equal(failing, healthy) {
		t.Errorf("the answers are %q instead of %q", failing, healthy)
	}
	took("to list what is around", 3*patience.Mount)
	for i := range 3 {
		for path, body := range own {
			m.want(http.StatusNoContent, "PUT", path, body)
		}
		m.has(own)
		moved := fmt.Sprintf("/files/moved-%d", i)
		m.want(http.StatusCreated, "PUT", "/files/new", "new")
		m.want(http.StatusCreated, "MOVE", "/files/new", "", "Destination", to(moved))
		m.has(map[string]string{moved: "new"})
	}
	if got := strings.Count(around()["/files/"], "<D:response>"); got != members+3 {
		t.Errorf("%d members are listed instead of %d", got, members+3)
	}
	took("what the mounts have no part in", 3*patience.Mount)
	m.want(writer, "GET", team+"/film", "")
	took("to read from the space", patience.Answer)
	for _, path := range []string{"/files/followed/film", "/shared/bob/film", "/shared/unseen/film"} {
		m.want(http.StatusServiceUnavailable, "GET", path, "")
		took("to read "+path, patience.Answer)
	}
	m.want(http.StatusServiceUnavailable, "PROPFIND", "/shared/unseen", "", "Depth", "1")
	took("to list a folder that nobody has seen", patience.Answer)
	m.has(own)
	took("to read the own files", 0)
}
