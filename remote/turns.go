package remote

import (
	"context"
	"slices"
	"sync"
)

// Turns lets a number of callers in at once, first come, first served. The number may change.
type Turns struct {
	Lock  sync.Locker // of the owner, which holds it in all calls but Enter
	Bound func() int  // how many may be in; called with Lock held

	in      int
	waiting []chan struct{} // closed when the caller may go in
}

// Enter returns when a caller may go in, who calls Leave later. The error is the context's.
func (t *Turns) Enter(ctx context.Context) error {
	t.Lock.Lock()
	if len(t.waiting) == 0 && t.in < t.Bound() {
		t.in++
		t.Lock.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	t.Lock.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.Lock.Lock()
	defer t.Lock.Unlock()
	if at := slices.Index(t.waiting, mine); at >= 0 {
		t.waiting = slices.Delete(t.waiting, at, at+1)
	} else { // it was let in just now
		t.Leave()
	}
	return ctx.Err()
}

// Leave ends what Enter began.
func (t *Turns) Leave() {
	t.in--
	t.Admit()
}

// Admit lets waiting callers in. The owner calls it when the bound has risen.
func (t *Turns) Admit() {
	for len(t.waiting) > 0 && t.in < t.Bound() {
		t.in++
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
	}
}

// In returns how many callers are in.
func (t *Turns) In() int { return t.in }

// Waiting returns how many callers wait.
func (t *Turns) Waiting() int { return len(t.waiting) }
