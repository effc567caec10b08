package gateway

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestCollectorLeavesRoom: a live heap beyond the limit raises it, so that the collector does not run at its limit.
func TestCollectorLeavesRoom(t *testing.T) {
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) }()
	var c collector
	end := c.tune(t.Context(), func(string) string { return "" })
	defer end()
	if at := debug.SetMemoryLimit(-1); at != memoryRoom {
		t.Fatalf("it begins with a limit of %d", at)
	}
	held := make([]byte, 2*memoryRoom)
	for debug.SetMemoryLimit(-1) < 3*memoryRoom { // it ends, or the test times out
		runtime.GC()
	}
	runtime.KeepAlive(held) // from here on it is garbage
	for debug.SetMemoryLimit(-1) > memoryRoom {
		runtime.GC()
	}
}

// TestIdleness: each end of work is reported once.
func TestIdleness(t *testing.T) {
	var i idleness
	now, allocated, told := time.Unix(0, 0), uint64(0), 0
	pass := func(d time.Duration, each uint64) {
		for end := now.Add(d); now.Before(end); now = now.Add(roomEach) {
			allocated += each
			if i.begins(allocated, now) {
				told++
			}
		}
	}
	for _, c := range []struct {
		what string
		take time.Duration
		each uint64 // bytes every roomEach
		want int
	}{
		{"work", time.Minute, 8 << 20, 0},
		{"a short pause", idleAfter / 2, 0, 0},
		{"work again", time.Minute, 8 << 20, 0},
		{"rest", time.Hour, 1 << 10, 1},
		{"a request", roomEach, 64 << 20, 1},
		{"rest again", time.Minute, 0, 2},
		{"slow work", time.Hour, idleAllocs / 8, 2},
	} {
		if pass(c.take, c.each); told != c.want {
			t.Errorf("after %s it was told %d times, want %d", c.what, told, c.want)
		}
	}
}
