package gateway

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// The settings of the garbage collector. A gateway's live heap is some ten megabytes, and requests produce the garbage:
// collecting at five times the heap instead of at twice saves a tenth of the CPU time. The soft limit makes the
// collector run earlier when the live heap is large. Without it, garbage of five times a heap of 50 MiB would stay.
const (
	collectAt  = 400       // percent of growth
	memoryRoom = 112 << 20 // bytes of a busy process: caches, folder pages, buffers of files
	// roomEach is the time between two checks of whether the limit leaves room: growing by a gigabyte takes longer.
	roomEach = 250 * time.Millisecond
)

// When a gateway counts as idle and returns memory to the system.
const (
	idleAfter  = 10 * time.Second // without work
	idleAllocs = 4 << 20          // bytes allocated in that time at most: polling and status lines need as many
)

// collector adjusts the garbage collector to the work of the process.
type collector struct {
	idle atomic.Pointer[func()] // called when work has ended, before memory is returned; nil: nothing
}

// whenIdle sets a function to call whenever the gateway has been idle for a while. do must return soon.
func (c *collector) whenIdle(do func()) { c.idle.Store(&do) }

// tune adjusts the collector, unless the environment sets it, until the returned function is called.
func (c *collector) tune(ctx context.Context, getenv func(string) string) (end func()) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	debug.SetMemoryLimit(memoryRoom)
	return inBackground(ctx, c.watch)
}

// watch raises the soft limit while the live heap is too large for it, as when a hundred thousand changes wait for the
// remote: a collector at its limit takes half of the CPU time and frees nothing. Once work has ended, watch returns
// memory to the system, which the limit alone never does: garbage below it stays for ever in a process that allocates
// no more.
func (c *collector) watch(ctx context.Context) {
	each := time.NewTicker(roomEach)
	defer each.Stop()
	const live, allocated = 0, 1
	figures := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	limit := int64(memoryRoom)
	var calm idleness
	for {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		metrics.Read(figures)
		if want := roomFor(int64(figures[live].Value.Uint64())); want > limit || want < limit/2 { // not at every cycle
			limit = want
			debug.SetMemoryLimit(limit)
		}
		if calm.begins(figures[allocated].Value.Uint64(), time.Now()) {
			if idle := c.idle.Load(); idle != nil {
				(*idle)()
			}
			debug.FreeOSMemory()
		}
	}
}

// roomFor returns the limit for a live heap of live bytes: at least half as much again.
func roomFor(live int64) int64 { return max(memoryRoom, live+live/2) }

// idleness detects the end of work.
type idleness struct {
	allocated uint64    // by the process, at the time since
	since     time.Time // the beginning of the span with few allocations
	told      bool      // begins has reported that it is idle
}

// begins reports, once for each end of work, that the process has allocated little for idleAfter.
func (i *idleness) begins(allocated uint64, now time.Time) bool {
	if allocated-i.allocated > idleAllocs {
		*i = idleness{allocated: allocated, since: now}
		return false
	}
	if i.since.IsZero() {
		i.since = now
	}
	if now.Sub(i.since) < idleAfter {
		return false
	}
	began := !i.told
	*i = idleness{allocated: allocated, since: now, told: true} // the next span is measured separately
	return began
}
