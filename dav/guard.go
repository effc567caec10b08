package dav

import (
	"crypto/sha1" //nolint:gosec // it compares files, as rclone does
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"postern/dav/lock"
)

// guard protects a file from a client that cleans up after itself (profile.clearsUp). When an upload fails, rclone
// deletes the file, which it takes for half-written, about a second later. Here a failed PUT changes nothing, so that
// file is the good old version. One DELETE of that path by that client, within a few seconds of the failure, is
// therefore refused (409) and the file kept: rclone ignores that error. A second DELETE is deliberate, and is done.
// Other clients delete without this guard.
//
// An upload cut off by a crash counts as failed: the next gateway guards its path from its start.
//
// After a successful upload rclone compares the file with what it sent, and deletes it if it differs: then another
// client has saved it meanwhile. One DELETE of such content, within the same time, is refused too.
type guard struct {
	life    time.Duration
	clock   func() time.Time
	uploads Uploads
	log     *slog.Logger

	mu    sync.Mutex
	armed map[string]pledge // by client and path
	order []string          // keys of armed, by time, and some that are no longer in it
}

// pledge means that one DELETE will be refused.
type pledge struct {
	until time.Time
	own   [sha1.Size]byte // the client's own content, which it may delete; zero: none
}

// maxGuarded bounds the memory of a guard.
const maxGuarded = 4096

// Uploads records uploads in progress, and keeps the records when the process ends. It is safe for concurrent use.
type Uploads interface {
	// Left returns the notes that the last process began and did not end.
	Left() []string
	// Begin keeps a note until End. A note is kept once, however often it is begun.
	Begin(note string) error
	// End removes a note. A missing note is not an error.
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

// guarded returns the key of a client's path.
func guarded(client, path string) string { return client + "\n" + lock.Key(path) }

// begin records that a client is replacing the file at path. The upload counts as failed until disarm.
func (g *guard) begin(client, path string) {
	if g.life > 0 && g.uploads != nil {
		g.noted(g.uploads.Begin, guarded(client, path))
	}
}

func (g *guard) noted(do func(string) error, key string) {
	if err := do(key); err != nil {
		g.log.Warn("upload not recorded", "error", err)
	}
}

// arm protects the file at path from the next DELETE of a client.
func (g *guard) arm(client, path string) { g.pledge(guarded(client, path), pledge{}) }

// armUnless is arm for content other than the client's own.
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

// spend reports whether a DELETE of this content is to be refused, and ends the pledge.
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

// disarm ends the protection of a path: the client's upload succeeded.
func (g *guard) disarm(client, path string) { g.spend(client, path, [sha1.Size]byte{}) }

// client returns the best available identity of a program: user, address and User-Agent.
func (q *request) client() string {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		host = q.r.RemoteAddr
	}
	return strings.Join([]string{q.submitted.Principal, host, q.r.UserAgent()}, "\n")
}
