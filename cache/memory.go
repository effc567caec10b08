package cache

import (
	"sync/atomic"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"postern/cache/blockfile"
	"postern/crypto"
)

// block is the beginning of a block of a blob, mostly all of it. It never changes.
type block struct {
	data []byte
	size int64 // bytes of the whole blob; 0: not known
}

// overhead is roughly what an entry takes beside its bytes: key, node, block, hash table.
const overhead = 256

// memory is the memory tier. Otter's policy, W-TinyLFU, lets nothing in that is asked for once in place of what is asked
// for often, so a scan leaves folder pages where they are.
type memory struct {
	blocks *otter.Cache[blockfile.Key, *block]
	limit  int64

	hits, misses, hitBytes atomic.Uint64
	evictions              evictions
}

func newMemory(limit int64) (*memory, error) {
	m := &memory{limit: limit}
	blocks, err := otter.New(&otter.Options[blockfile.Key, *block]{
		MaximumWeight: uint64(limit),
		Weigher:       func(_ blockfile.Key, b *block) uint32 { return uint32(cap(b.data)) + overhead },
		StatsRecorder: &m.evictions,
		// On the caller's goroutine: the bound holds when Set returns, and none is left over at the end.
		Executor: func(task func()) { task() },
	})
	m.blocks = blocks
	return m, err
}

// get returns a block that holds at least need bytes, and counts. A quiet look moves nothing in the eyes of the policy.
func (m *memory) get(k blockfile.Key, need int, quiet bool) *block {
	if m == nil {
		return nil
	}
	var b *block
	if quiet {
		b = m.peek(k)
	} else {
		b, _ = m.blocks.GetIfPresent(k)
	}
	if b == nil || len(b.data) < need {
		m.misses.Add(1)
		return nil
	}
	m.hits.Add(1)
	m.hitBytes.Add(uint64(need))
	return b
}

// peek returns what is held of a block without counting.
func (m *memory) peek(k blockfile.Key) *block {
	if m == nil {
		return nil
	}
	if e, ok := m.blocks.GetEntryQuietly(k); ok {
		return e.Value
	}
	return nil
}

func (m *memory) set(k blockfile.Key, b *block) {
	if m != nil {
		m.blocks.Set(k, b)
	}
}

// drop forgets all blocks of a blob.
func (m *memory) drop(blob crypto.BlobName) {
	if m == nil {
		return
	}
	for i := range uint32(maxBlocks) {
		m.blocks.Invalidate(blockfile.Key{Blob: blob, Index: i})
	}
}

func (m *memory) tier() Tier {
	return Tier{
		Hits: m.hits.Load(), Misses: m.misses.Load(), HitBytes: m.hitBytes.Load(), Evictions: m.evictions.n.Load(),
		Entries: m.blocks.EstimatedSize(), Bytes: int64(m.blocks.WeightedSize()), Limit: m.limit,
	}
}

// evictions counts evictions; the rest memory counts itself, for a hit on too short a block is a miss.
type evictions struct {
	stats.NoopRecorder
	n atomic.Uint64
}

// RecordEviction implements stats.Recorder.
func (e *evictions) RecordEviction(uint32) { e.n.Add(1) }
