package dav

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"postern/dav/lock"
)

// guard keeps a file from a client's clearing up. When an upload fails, rclone deletes what it takes for the half-written
// file, about a second later. Here a failed PUT changes nothing, so what it would delete is the good old version. One DELETE
// of that path, from that client, within a few seconds of the failure, is therefore answered with success and not done. A
// second one is meant, and is done.
//
// Who is killed in the middle of an upload has failed it too: what was under way when the last gateway ended is guarded from the
// start of the next.
type guard struct {
	life    time.Duration
	clock   func() time.Time
	uploads Uploads
	log     *slog.Logger

	mu    sync.Mutex
	armed map[string]time.Time // until when, by client and path
}

// maxGuarded bounds the memory of a guard.
const maxGuarded = 4096

// Uploads keeps in mind what is being replaced, over the end of the process. Its methods may be called at the same time.
type Uploads interface {
	// Left are the notes that the last process has begun and not ended.
	Left() []string
	// Begin keeps a note until End. A note is kept once, however often it is begun.
	Begin(note string) error
	// End forgets a note. One that isn't there is no error.
	End(note string) error
}

func newGuard(o Options) *guard {
	g := &guard{life: o.Guard, clock: o.Clock, uploads: o.Uploads, log: o.Log, armed: map[string]time.Time{}}
	if g.uploads != nil {
		for _, key := range g.uploads.Left() {
			g.armKey(key)
		}
	}
	return g
}

// guarded is what a guard knows a client's path by.
func guarded(client, path string) string { return client + "\n" + lock.Key(path) }

// begin notes that a client replaces what is at path. It has failed unless disarm is told otherwise.
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
func (g *guard) arm(client, path string) { g.armKey(guarded(client, path)) }

func (g *guard) armKey(key string) {
	if g.life <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if len(g.armed) >= maxGuarded {
		for key, until := range g.armed {
			if now.After(until) {
				delete(g.armed, key)
			}
		}
	}
	if len(g.armed) < maxGuarded {
		g.armed[key] = now.Add(g.life)
	}
}

// spend tells whether a DELETE is to be left undone; it is so once.
func (g *guard) spend(client, path string) bool {
	key := guarded(client, path)
	if g.uploads != nil {
		g.noted(g.uploads.End, key)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	until, ok := g.armed[key]
	delete(g.armed, key)
	return ok && !g.clock().After(until)
}

// disarm forgets about a path: a later PUT went well.
func (g *guard) disarm(client, path string) { g.spend(client, path) }

// client tells programs apart as well as can be: by user, address and what they call themselves.
func (q *request) client() string {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		host = q.r.RemoteAddr
	}
	return strings.Join([]string{q.submitted.Principal, host, q.r.UserAgent()}, "\n")
}
