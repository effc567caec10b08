package cache

import (
	"context"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"postern/cache/tier"
	"postern/crypto"
)

// overhead is roughly the memory of an entry besides its bytes: key, node, block, hash table.
const overhead = 256

// memory is the tier in memory. The cache reads it directly, block by block, so that a hit copies the block and
// allocates nothing. Otter's policy, W-TinyLFU, does not replace a block that is read often by one that is read once,
// so a scan does not evict folder pages.
type memory struct {
	blocks *otter.Cache[tier.Key, *tier.Block]
	limit  int64

	hits, misses, hitBytes atomic.Uint64
	evictions              evictions
}

func newMemory(limit int64) (*memory, error) {
	m := &memory{limit: limit}
	blocks, err := otter.New(&otter.Options[tier.Key, *tier.Block]{
		MaximumWeight: uint64(limit),
		Weigher:       func(_ tier.Key, b *tier.Block) uint32 { return uint32(cap(b.Data)) + overhead },
		StatsRecorder: &m.evictions,
		// Tasks run on the caller's goroutine: the bound holds when Set returns, and no goroutine remains at the end.
		Executor: func(task func()) { task() },
	})
	m.blocks = blocks
	return m, err
}

// get returns a block of at least need bytes, and counts. A quiet read does not change the policy's figures.
func (m *memory) get(k tier.Key, need int, quiet bool) *tier.Block {
	if m == nil {
		return nil
	}
	var b *tier.Block
	if quiet {
		b = m.peek(k)
	} else {
		b, _ = m.blocks.GetIfPresent(k)
	}
	if b == nil || len(b.Data) < need {
		m.misses.Add(1)
		return nil
	}
	m.hits.Add(1)
	m.hitBytes.Add(uint64(need))
	return b
}

// peek returns the held part of a block without counting.
func (m *memory) peek(k tier.Key) *tier.Block {
	if m == nil {
		return nil
	}
	if e, ok := m.blocks.GetEntryQuietly(k); ok {
		return e.Value
	}
	return nil
}

func (m *memory) set(k tier.Key, b *tier.Block) {
	if m != nil {
		m.blocks.Set(k, b)
	}
}

// drop forgets all blocks of a blob.
func (m *memory) drop(blob crypto.BlobName) {
	if m == nil {
		return
	}
	for i := range uint32(tier.MaxIndex + 1) {
		m.blocks.Invalidate(tier.Key{Blob: blob, Index: i})
	}
}

// Get implements tier.Tier. It does not change the policy's figures.
func (m *memory) Get(_ context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	for i, k := range keys {
		if b := m.get(k, 0, true); b != nil {
			found(i, *b)
		}
	}
	return nil
}

// Put implements tier.Tier.
func (m *memory) Put(_ context.Context, blocks []tier.Entry) error {
	for _, b := range blocks {
		m.set(b.Key, &b.Block)
	}
	return nil
}

// Delete implements tier.Tier.
func (m *memory) Delete(_ context.Context, blob crypto.BlobName) error {
	m.drop(blob)
	return nil
}

// Close implements tier.Tier.
func (m *memory) Close() error { return nil }

// Stats implements tier.Measured.
func (m *memory) Stats() tier.Stats {
	return tier.Stats{
		Evicted: m.evictions.n.Load(), Entries: m.blocks.EstimatedSize(),
		Bytes: int64(m.blocks.WeightedSize()), Limit: m.limit,
	}
}

func (m *memory) tierStats() TierStats {
	s := TierStats{Name: "memory", Hits: m.hits.Load(), Misses: m.misses.Load(), HitBytes: m.hitBytes.Load()}
	s.hold(m.Stats())
	return s
}

// evictions counts evictions. Memory counts hits and misses itself: a hit on too short a block is a miss.
type evictions struct {
	stats.NoopRecorder
	n atomic.Uint64
}

// RecordEviction implements stats.Recorder.
func (e *evictions) RecordEviction(uint32) { e.n.Add(1) }
