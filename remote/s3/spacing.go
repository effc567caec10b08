package s3

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The bounds of the time between two writes of one register.
const (
	// firstSpacing is the time after the first refusal: Google's store and Storj take one write a second of each object.
	firstSpacing = time.Second
	mostSpacing  = 8 * time.Second
	// leastSpacing is where a spacing that has shrunk ends.
	leastSpacing = 100 * time.Millisecond
)

// spacing keeps apart the writes of each register, in a store that has refused one because the last came just before.
// It grows with each such refusal, and shrinks slowly with each write that the store takes.
type spacing struct {
	now   func() time.Time
	sleep func(ctx context.Context, d time.Duration) error

	mu    sync.Mutex
	every time.Duration                 // 0: the store has not refused any
	last  *lru.Cache[string, time.Time] // the last write of each register since there is a spacing
}

// newSpacing returns a spacing of 0.
func newSpacing(now func() time.Time, sleep func(context.Context, time.Duration) error) (*spacing, error) {
	last, err := lru.New[string, time.Time](knownStates)
	return &spacing{now: now, sleep: sleep, last: last}, err
}

// wait waits until a register may be written.
func (p *spacing) wait(ctx context.Context, key string) error {
	p.mu.Lock()
	left := time.Duration(0)
	if at, ok := p.last.Get(key); ok && p.every > 0 {
		left = at.Add(p.every).Sub(p.now())
	}
	p.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return p.sleep(ctx, left)
}

// wrote adapts the spacing to the reply to a write.
func (p *spacing) wrote(key string, throttled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case throttled:
		p.every = min(max(2*p.every, firstSpacing), mostSpacing)
	case p.every == 0:
		return
	default:
		if p.every -= p.every / 20; p.every < leastSpacing {
			p.every = 0
			p.last.Purge()
			return
		}
	}
	p.last.Add(key, p.now())
}
