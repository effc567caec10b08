package gateway

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"postern/cmd/postern/home"
)

// How the garbage collector is set: a gateway's live heap is some ten megabytes and its garbage is made by the request, so
// collecting at five times the heap instead of at twice saves a tenth of the processor. The soft limit makes it collect
// earlier when much is held, and leaves the cache its room.
const (
	collectAt  = 400       // percent of growth
	memoryRoom = 160 << 20 // bytes beside the cache: folder pages, buffers of files being read and written
	// roomEach is how often it is looked whether the limit leaves room: a heap that grows by a gigabyte takes longer.
	roomEach = 250 * time.Millisecond
)

// tuneCollector sets the collector, unless the environment does. What it returns ends what it began.
func tuneCollector(ctx context.Context, s home.Settings, getenv func(string) string) (end func()) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	least := memoryRoom + s.Cache.Memory.Bytes()
	debug.SetMemoryLimit(least)
	return inBackground(ctx, func(ctx context.Context) { leaveRoom(ctx, least) })
}

// leaveRoom raises the soft limit while more is held than it leaves room for, as when a hundred thousand changes wait for the remote: a
// collector that runs against its limit takes half of the processor, and frees nothing.
func leaveRoom(ctx context.Context, least int64) {
	each := time.NewTicker(roomEach)
	defer each.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for limit := least; ; {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		metrics.Read(live)
		if want := roomFor(int64(live[0].Value.Uint64()), least); want > limit || want < limit/2 { // not at every cycle
			limit = want
			debug.SetMemoryLimit(limit)
		}
	}
}

// roomFor is the limit for a live heap of so many bytes: at least half as much again.
func roomFor(live, least int64) int64 { return max(least, live+live/2) }
