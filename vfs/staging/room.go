package staging

import (
	"context"
	"fmt"
	"sync"
	"time"

	"postern/vfs"
)

// room is a budget of bytes with a queue of waiting callers.
type room struct {
	limit    int64 // negative: none
	patience time.Duration

	mu      sync.Mutex
	used    int64
	waiting []*waiter // first come, first served
}

type waiter struct {
	n     int64
	ready chan struct{} // closed when the bytes have been taken for it
}

func newRoom(limit int64, patience time.Duration) *room {
	return &room{limit: limit, patience: patience}
}

func (r *room) figures() (used, limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used, r.limit
}

// take takes n bytes even beyond the limit.
func (r *room) take(n int64) {
	r.mu.Lock()
	r.used += n
	r.mu.Unlock()
}

// give returns n bytes and serves the queue.
func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.serve()
}

func (r *room) serve() {
	for len(r.waiting) > 0 && r.used+r.waiting[0].n <= r.limit {
		w := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.used += w.n
		close(w.ready)
	}
}

// wait takes n bytes and waits for them at most r.patience.
func (r *room) wait(ctx context.Context, n int64) error {
	r.mu.Lock()
	if r.limit < 0 || (len(r.waiting) == 0 && r.used+n <= r.limit) {
		r.used += n
		r.mu.Unlock()
		return nil
	}
	if n > r.limit || r.patience < 0 {
		defer r.mu.Unlock()
		return r.full(n)
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	r.waiting = append(r.waiting, w)
	r.mu.Unlock()

	timer := time.NewTimer(r.patience)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.waiting {
		if other == w {
			r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
			r.serve() // the next waiter may need less
			if err == nil {
				err = r.full(n)
			}
			return err
		}
	}
	return nil // served just before the timeout
}

// full returns the error of a full area. r.mu is held.
func (r *room) full(n int64) error {
	return fmt.Errorf("%w: staging holds %d of %d bytes that wait for the remote, and %d more do not fit", vfs.ErrFull,
		r.used,
		r.limit, n)
}
