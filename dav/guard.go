package dav

import (
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
type guard struct {
	life  time.Duration
	clock func() time.Time

	mu    sync.Mutex
	armed map[string]time.Time // until when, by client and path
}

// maxGuarded bounds the memory of a guard.
const maxGuarded = 4096

func newGuard(life time.Duration, clock func() time.Time) *guard {
	return &guard{life: life, clock: clock, armed: map[string]time.Time{}}
}

// arm protects what is at path from the next DELETE of a client.
func (g *guard) arm(client, path string) {
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
		g.armed[client+"\n"+lock.Key(path)] = now.Add(g.life)
	}
}

// spend tells whether a DELETE is to be left undone; it is so once.
func (g *guard) spend(client, path string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := client + "\n" + lock.Key(path)
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
