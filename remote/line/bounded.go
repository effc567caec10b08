package line

import (
	"context"
	"errors"
	"sync"
	"time"
)

// bounded is a context that ends after a time in which it did not rest, with the error of a deadline.
type bounded struct {
	context.Context
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	resting int
	over    bool
}

// withBound returns a context that ends after limit at the latest, and the function that lets it rest. The caller calls
// end.
func withBound(
	ctx context.Context, limit time.Duration,
) (bound context.Context, rest func() (goOn func()), end func()) {
	inner, cancel := context.WithCancelCause(ctx)
	p := &bounded{Context: inner, limit: limit}
	p.timer = time.AfterFunc(limit, func() { cancel(context.DeadlineExceeded) })
	return p, p.rest, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		p.timer.Stop()
		cancel(context.Canceled)
	}
}

// Err implements context.Context.
func (p *bounded) Err() error {
	if err := p.Context.Err(); err == nil || !errors.Is(context.Cause(p.Context), context.DeadlineExceeded) {
		return err
	}
	return context.DeadlineExceeded
}

// rest stops the time until goOn is called; then the whole time begins anew.
func (p *bounded) rest() (goOn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting++
	p.timer.Stop()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.resting--; p.resting == 0 && !p.over {
			p.timer.Reset(p.limit)
		}
	}
}
