package gateway

import (
	"runtime"
	"runtime/debug"
	"testing"

	"postern/cmd/postern/home"
)

// TestCollectorLeavesRoom: what is held beyond the limit raises it, so that the collector does not run against it all the time.
func TestCollectorLeavesRoom(t *testing.T) {
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) }()
	end := tuneCollector(t.Context(), home.Settings{}, func(string) string { return "" })
	defer end()
	if at := debug.SetMemoryLimit(-1); at != memoryRoom {
		t.Fatalf("it begins with a limit of %d", at)
	}
	held := make([]byte, 2*memoryRoom)
	for debug.SetMemoryLimit(-1) < 3*memoryRoom { // it ends, or the test's time does
		runtime.GC()
	}
	runtime.KeepAlive(held) // and from here on it is garbage
	for debug.SetMemoryLimit(-1) > memoryRoom {
		runtime.GC()
	}
}
