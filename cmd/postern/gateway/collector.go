package gateway

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// How the garbage collector is set. A gateway's live heap is some ten megabytes, and requests make its garbage: collecting at
// five times the heap instead of at twice saves a tenth of the processor. The soft limit makes it collect earlier when much is
// held. Without it, garbage of five times a heap of 50 MiB would stay.
const (
	collectAt  = 400       // percent of growth
	memoryRoom = 112 << 20 // bytes of a whole process at work: caches, folder pages, buffers of files being read and written
	// roomEach is how often it is looked whether the limit leaves room: a heap that grows by a gigabyte takes longer.
	roomEach = 250 * time.Millisecond
)

// When a gateway counts as idle, and gives memory back to the system.
const (
	idleAfter  = 10 * time.Second // without work
	idleAllocs = 4 << 20          // bytes allocated in that time, which polling and status lines take
)

// collector sets the garbage collector by what the process does.
type collector struct {
	idle atomic.Pointer[func()] // called when work has ended, before memory is given back; nil: nothing
}

// whenIdle has do called whenever the gateway has had nothing to do for a while. It must return soon.
func (c *collector) whenIdle(do func()) { c.idle.Store(&do) }

// tune sets the collector, unless the environment does, and goes on to do so until the function that it returns is called.
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

// watch raises the soft limit while more is held than it leaves room for, as when a hundred thousand changes wait for the
// remote: a collector that runs against its limit takes half of the processor, and frees nothing. Once work has ended it gives
// memory back, which the limit alone never would: garbage below it stays for ever in a process that allocates no more.
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

// roomFor returns the limit for a live heap of so many bytes: at least half as much again.
func roomFor(live int64) int64 { return max(memoryRoom, live+live/2) }

// idleness notices when work has ended.
type idleness struct {
	allocated uint64    // by the process, when the time below began
	since     time.Time // since when little was allocated
	told      bool      // that it is idle
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
	*i = idleness{allocated: allocated, since: now, told: true} // the next span is measured by itself
	return began
}
