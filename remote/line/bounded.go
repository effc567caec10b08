package line

import (
	"context"
	"errors"
	"time"
)

// bounded is a context that ends after a time in which it did not rest, with the error of a deadline.
type bounded struct {
	context.Context
	clock
}

// withBound returns a context that ends after limit at the latest, and the function that lets it rest. The caller calls
// end.
func withBound(
	ctx context.Context, limit time.Duration,
) (bound context.Context, rest func() (goOn func()), end func()) {
	inner, cancel := context.WithCancelCause(ctx)
	p := &bounded{Context: inner}
	p.run(limit, func() { cancel(context.DeadlineExceeded) })
	return p, p.rest, func() {
		p.end()
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
