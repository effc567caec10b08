package staging

import "sync"

// groupSync lets callers share one sync: a run serves every caller that came before it began.
type groupSync struct {
	sync func() error

	mu      sync.Mutex
	current *run // under way
	next    *run // begins when current ends
	failed  int  // failed runs
}

type run struct {
	done chan struct{}
	err  error
}

// do returns once a sync that began after the call has ended.
func (g *groupSync) do() error {
	g.mu.Lock()
	if g.current == nil {
		r := &run{done: make(chan struct{})}
		g.current = r
		g.mu.Unlock()
		return g.lead(r)
	}
	if r := g.next; r != nil { // another caller already waits to begin it
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r := &run{done: make(chan struct{})}
	g.next = r
	before := g.current
	g.mu.Unlock()
	<-before.done
	g.mu.Lock()
	g.current, g.next = r, nil
	g.mu.Unlock()
	return g.lead(r)
}

func (g *groupSync) lead(r *run) error {
	r.err = g.sync()
	g.mu.Lock()
	if r.err != nil {
		g.failed++
	}
	if g.next == nil {
		g.current = nil
	}
	g.mu.Unlock()
	close(r.done)
	return r.err
}

// failures returns how many syncs have failed so far. A change made before the last failure may never reach the disk,
// even if a later sync succeeds.
func (g *groupSync) failures() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}
