package s3

import (
	"context"
	"sync"
	"time"

	"postern/remote"
)

// gate bounds the requests under way. After the store has asked for fewer it halves the bound, at most once a second,
// and with each good reply it raises it again by a fraction, as TCP does.
type gate struct {
	most int // the bound of a store that asks for nothing
	now  func() time.Time

	mu     sync.Mutex
	bound  float64 // 1 to most
	turns  remote.Turns
	halved time.Time
}

// newGate returns an open gate.
func newGate(most int, now func() time.Time) *gate {
	g := &gate{most: most, now: now, bound: float64(most)}
	g.turns = remote.Turns{Lock: &g.mu, Bound: func() int { return int(g.bound) }}
	return g
}

// enter waits until a request may begin. The caller calls leave at its end.
func (g *gate) enter(ctx context.Context) error {
	if g.turns.Enter(ctx) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// leave ends a request.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns.Leave()
}

// answered adapts the bound to a reply.
func (g *gate) answered(throttled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !throttled {
		g.bound = min(g.bound+1/g.bound, float64(g.most))
		g.turns.Admit()
		return
	}
	if now := g.now(); now.Sub(g.halved) >= time.Second {
		g.bound, g.halved = max(g.bound/2, 1), now
	}
}
