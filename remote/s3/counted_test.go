package s3_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// tally adds up what was used.
type tally struct {
	mu  sync.Mutex
	sum remote.Usage
}

func (c *tally) used(u remote.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.Add(u)
}

// take returns the sum and begins anew.
func (c *tally) take() (sum remote.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, c.sum = c.sum, remote.Usage{}
	return sum
}

// TestCounted: the handle counts exactly the requests that reach the store, each in the class that stores bill.
func TestCounted(t *testing.T) {
	front, place := fakeBehind(t)
	var c tally
	s := opened(t, place, s3.Options{Used: c.used})
	if got, seen := c.take().Requests(), int64(len(front.Seen())); got != seen || got == 0 {
		t.Errorf("opening: %d requests are counted, and the store has seen %d", got, seen)
	}
	all := calls(t, s)
	for call, want := range map[string]remote.Usage{
		"put":     {Writes: 1, Sent: 7000},
		"get":     {Reads: 1, Received: 7000},
		"range":   {Reads: 1, Received: 100},
		"stat":    {Reads: 1},
		"list":    {Writes: 1},
		"delete":  {Deletions: 1},
		"load":    {Reads: 1},
		"changed": {Writes: 1},
		"swap":    {Writes: 1},
		"letters": {Writes: 1},
	} {
		front.Set(nil)
		c.take()
		if err := all[call](t.Context()); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		got := c.take()
		if call == "list" || call == "changed" || call == "letters" || call == "load" || call == "swap" { // XML, or a nonce
			if got.Sent+got.Received == 0 {
				t.Errorf("%s: no bytes are counted", call)
			}
			got.Sent, got.Received = 0, 0
		}
		if call == "delete" {
			got.Sent, got.Received = 0, 0
		}
		if got != want {
			t.Errorf("%s: %+v is counted instead of %+v", call, got, want)
		}
		if seen := front.Seen(); int64(len(seen)) != got.Requests() {
			t.Errorf("%s: %d requests are counted, and the store has seen %q", call, got.Requests(), seen)
		}
	}
}

// TestCountedFailures: an answered error is a request; what finds no server is none.
func TestCountedFailures(t *testing.T) {
	front, place := fakeBehind(t)
	var c tally
	s := opened(t, place, s3.Options{Used: c.used})
	all := calls(t, s)
	front.Set(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "slow down", http.StatusServiceUnavailable)
		return true
	})
	c.take()
	if err := all["put"](t.Context()); err == nil {
		t.Fatal("a busy store takes a blob")
	}
	if got := c.take(); got.Writes != 1 || got.Requests() != 1 || got.Sent != 7000 {
		t.Errorf("a refused request: %+v", got)
	}
	nowhere := s3test.Fake(t)()
	nowhere.Endpoint = "http://127.0.0.1:1"
	if _, err := s3.Open(t.Context(), nowhere, s3.Options{Used: c.used}); err == nil ||
		!strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	if got := c.take(); got != (remote.Usage{}) {
		t.Errorf("without a server: %+v", got)
	}
}
