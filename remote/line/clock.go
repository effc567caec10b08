package line

import (
	"sync"
	"time"
)

// clock runs the timers of a call. They stop while the call waits for something else than the remote, and then begin
// anew.
type clock struct {
	mu      sync.Mutex
	timers  []timer
	resting int // how many waits there are; the timers run when it is 0
	over    bool
}

// timer is a timer of a clock.
type timer struct {
	*time.Timer
	after time.Duration
}

// run adds a timer.
func (c *clock) run(after time.Duration, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers = append(c.timers, timer{time.AfterFunc(after, do), after})
}

// rest stops the timers until goOn is called.
func (c *clock) rest() (goOn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting++
	c.stop()
	return c.resume
}

// resume ends a rest. After the last one the timers begin anew, unless the call has ended.
func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting--; c.resting > 0 || c.over {
		return
	}
	for _, t := range c.timers {
		t.Reset(t.after)
	}
}

// end stops the timers for good.
func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.stop()
}

// stop stops the timers. The caller holds mu.
func (c *clock) stop() {
	for _, t := range c.timers {
		t.Stop()
	}
}

// again restarts a timer that has just fired, the first one of the clock. It returns false if the timer had fired
// before the call began to rest, or ended.
func (c *clock) again() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting > 0 || c.over {
		return false
	}
	c.timers[0].Reset(c.timers[0].after)
	return true
}
