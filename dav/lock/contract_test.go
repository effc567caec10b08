package lock_test

import (
	"sync"
	"testing"
	"time"

	"postern/dav/lock"
	"postern/dav/lock/locktest"
)

// clock is a clock that the test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// records is a store in memory.
type records map[string][]byte

func (r records) Load() (map[string][]byte, error)       { return r, nil }
func (r records) Save(token string, record []byte) error { r[token] = record; return nil }
func (r records) Delete(token string) error              { delete(r, token); return nil }

func TestContract(t *testing.T) {
	locktest.Run(t, func(t *testing.T) locktest.Drive {
		c := &clock{now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
		m, err := lock.New(lock.Options{Store: records{}, Clock: c.time})
		if err != nil {
			t.Fatal(err)
		}
		return locktest.Drive{System: m, Now: c.time, Forward: c.forward}
	})
}

// TestFenceAfterRestart checks that a lock granted after a restart has a greater fence than those kept from before.
func TestFenceAfterRestart(t *testing.T) {
	kept := records{}
	var last lock.Fence
	for _, root := range []string{"/a", "/b", "/c"} {
		m, err := lock.New(lock.Options{Store: kept})
		if err != nil {
			t.Fatal(err)
		}
		l := lock.Lock{}
		l.Root = root
		if l, err = m.Create(t.Context(), l); err != nil || l.Fence <= last {
			t.Fatalf("%s has fence %d after %d, %v", root, l.Fence, last, err)
		}
		last = l.Fence
	}
}
