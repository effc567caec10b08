package s3

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gate bounds the requests under way. After the store has asked for fewer it halves the bound, at most once a second,
// and with each good reply it raises it again by a fraction, as TCP does.
type gate struct {
	most int // the bound of a store that asks for nothing
	now  func() time.Time

	mu      sync.Mutex
	bound   float64 // 1 to most
	under   int     // requests under way
	waiting []chan struct{}
	halved  time.Time
}

// newGate returns an open gate.
func newGate(most int, now func() time.Time) *gate {
	return &gate{most: most, now: now, bound: float64(most)}
}

// enter waits until a request may begin. The caller calls leave at its end.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.under < int(g.bound) {
		g.under++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := slices.Index(g.waiting, turn); at >= 0 {
		g.waiting = slices.Delete(g.waiting, at, at+1)
	} else { // it was let in at the same moment
		g.under--
		g.admit()
	}
	return context.Cause(ctx)
}

// leave ends a request.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under--
	g.admit()
}

// admit lets requests in that wait. The caller holds mu.
func (g *gate) admit() {
	for len(g.waiting) > 0 && g.under < int(g.bound) {
		g.under++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}

// answered adapts the bound to a reply.
func (g *gate) answered(throttled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !throttled {
		g.bound = min(g.bound+1/g.bound, float64(g.most))
		g.admit()
		return
	}
	if now := g.now(); now.Sub(g.halved) >= time.Second {
		g.bound, g.halved = max(g.bound/2, 1), now
	}
}

// bucket bounds the rate of requests of one kind.
type bucket struct {
	every time.Duration // the time between two requests in the long run
	burst int           // how many may come at once

	mu   sync.Mutex
	next time.Time // when the next request is due without any burst
}

// take returns how long the next request has to wait.
func (b *bucket) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if oldest := now.Add(-time.Duration(b.burst) * b.every); b.next.Before(oldest) {
		b.next = oldest
	}
	b.next = b.next.Add(b.every)
	return max(b.next.Sub(now), 0)
}
