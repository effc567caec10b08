package dav

import (
	"crypto/sha1" //nolint:gosec // it tells one file from another, as rclone does
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"postern/dav/lock"
)

// guard keeps a file from a client that clears up after itself (profile.clearsUp). When an upload fails, rclone deletes
// what it takes for the half-written file, about a second later. Here a failed PUT changes nothing, so that file is the
// good old version. One DELETE of that path, from that client, within a few seconds of the failure, is therefore
// refused (409) and the file kept: rclone ignores that error. A second DELETE is meant, and is done. Other clients
// delete what they ask to delete.
//
// An upload cut off by a crash counts as failed: the next gateway guards its path from its start.
//
// After a successful upload rclone compares what is there with what it sent, and deletes it when it differs: then it is
// what another client has saved there meanwhile. One DELETE of such content, within the same time, is refused too.
type guard struct {
	life    time.Duration
	clock   func() time.Time
	uploads Uploads
	log     *slog.Logger

	mu    sync.Mutex
	armed map[string]pledge // by client and path
	order []string          // of armed, by time, with some that were spent
}

// pledge is that one DELETE is refused.
type pledge struct {
	until time.Time
	own   [sha1.Size]byte // what the client itself has put there, and may delete; zero: nothing
}

// maxGuarded bounds the memory of a guard.
const maxGuarded = 4096

// Uploads keeps in mind what is being replaced, over the end of the process. Its methods may be called at the same
// time.
type Uploads interface {
	// Left are the notes that the last process has begun and not ended.
	Left() []string
	// Begin keeps a note until End. A note is kept once, however often it is begun.
	Begin(note string) error
	// End forgets a note. One that isn't there is no error.
	End(note string) error
}

func newGuard(o Options) *guard {
	g := &guard{life: o.Guard, clock: o.Clock, uploads: o.Uploads, log: o.Log, armed: map[string]pledge{}}
	if g.uploads != nil {
		for _, key := range g.uploads.Left() {
			g.pledge(key, pledge{})
		}
	}
	return g
}

// guarded is what a guard knows a client's path by.
func guarded(client, path string) string { return client + "\n" + lock.Key(path) }

// begin notes that a client replaces what is at path. The upload counts as failed until disarm.
func (g *guard) begin(client, path string) {
	if g.life > 0 && g.uploads != nil {
		g.noted(g.uploads.Begin, guarded(client, path))
	}
}

func (g *guard) noted(do func(string) error, key string) {
	if err := do(key); err != nil {
		g.log.Warn("upload not noted", "error", err)
	}
}

// arm protects what is at path from the next DELETE of a client.
func (g *guard) arm(client, path string) { g.pledge(guarded(client, path), pledge{}) }

// armUnless does so as long as it is not what the client has put there.
func (g *guard) armUnless(own [sha1.Size]byte, client, path string) {
	g.pledge(guarded(client, path), pledge{own: own})
}

func (g *guard) pledge(key string, p pledge) {
	if g.life <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	p.until = now.Add(g.life)
	for len(g.order) > 0 && (len(g.order) >= maxGuarded || !g.live(g.order[0], now)) {
		delete(g.armed, g.order[0])
		g.order = g.order[1:]
	}
	g.armed[key] = p
	g.order = append(g.order, key)
}

func (g *guard) live(key string, now time.Time) bool {
	p, ok := g.armed[key]
	return ok && !now.After(p.until)
}

// spend reports whether a DELETE of this content is to be refused, once.
func (g *guard) spend(client, path string, content [sha1.Size]byte) bool {
	key := guarded(client, path)
	if g.uploads != nil {
		g.noted(g.uploads.End, key)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.live(key, g.clock()) && g.armed[key].own != content
	delete(g.armed, key)
	return kept
}

// disarm forgets about a path: the client has put something there, all of it.
func (g *guard) disarm(client, path string) { g.spend(client, path, [sha1.Size]byte{}) }

// client tells programs apart as well as can be: by user, address and what they call themselves.
func (q *request) client() string {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		host = q.r.RemoteAddr
	}
	return strings.Join([]string{q.submitted.Principal, host, q.r.UserAgent()}, "\n")
}
