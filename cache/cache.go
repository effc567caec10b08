// Package cache puts tiers in front of a remote: memory, a folder on disk, servers on the network. Cache is itself a
// remote.Store. A read takes each block from the first tier that has it, else from the remote, and puts it into the
// tiers before. Package tier defines their contract.
//
// The tiers hold ciphertext, may lose it at any time, and are as untrusted as the remote: a reader that can't open the
// seal reads once more with remote.PastCaches (vfs.Authentic does so), which reads from the remote and replaces the
// block in every tier.
//
// Blobs are cached in blocks. A block is as long as a sealed segment, and lies where a segment of a full chunk lies, so
// a small read of a large file fetches the one segment it needs and not parts of two. The first block has the chunk's
// sealed metadata in front. In a pack, blocks are read from their beginning up to the requested end, and whole when a
// second read needs more: then it pays to ask for the size of the blob.
//
// Concurrent reads of a block share one fetch, and adjacent missing blocks share one request. Small reads go through
// memory; large ones, above Options.Large, do not evict small blocks there, but fill the other tiers.
package cache

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"

	"postern/cache/blockfile"
	"postern/cache/tier"
	"postern/crypto"
	"postern/remote"
)

const (
	// DefaultMemory has room for a thousand segments, or for the folder pages of some hundred thousand files.
	DefaultMemory = 64 << 20
	// DefaultDisk is the room on disk, if a folder is given.
	DefaultDisk = blockfile.DefaultLimit
	// DefaultLarge is the largest read that is not read-ahead: a reader of four segments or more reads on, and reads
	// the file once.
	DefaultLarge = 3 * blockSize
	// DefaultLargeLocal leaves all but folder pages and small files to the kernel's own cache.
	DefaultLargeLocal = 32 << 10
)

// Options of a Cache. The zero value works: DefaultMemory and no disk.
type Options struct {
	Memory int64        // bytes in memory; zero: DefaultMemory, negative: none
	Dir    string       // folder of the disk tier; empty: none
	Disk   int64        // bytes on disk; zero: DefaultDisk
	Outer  []Outer      // tiers behind memory and disk
	Local  bool         // the remote is on this machine: memory is the only tier, and large reads bypass it
	Large  int          // bytes; reads above are large. Zero: DefaultLarge, or DefaultLargeLocal
	Log    *slog.Logger // nil: quiet
}

// diskName is the name of the tier in Options.Dir.
const diskName = "disk"

// Cache is a remote.Store whose blobs are cached. Pointers, listings and sizes always come from the remote.
type Cache struct {
	inner remote.Store
	pace  func() remote.Pace // of the remote; nil: not known
	large int
	local bool

	mem    *memory  // the first tier; nil: none
	levels []*level // the others

	closed  atomic.Bool
	mu      sync.Mutex
	flying  map[tier.Key]*flight // fetches that other reads can join
	batches map[*batch]bool      // all fetches under way
	staying int                  // batches that continue without a waiting reader
	drops   uint64               // how often a blob was dropped
	running sync.WaitGroup       // batches

	fetches, fetchedBytes, passed atomic.Uint64
}

var _ remote.Store = (*Cache)(nil)

// New puts a cache in front of inner. Closing the cache closes inner and the tiers. It fails if the folder can't be
// used.
func New(inner remote.Store, o Options) (*Cache, error) {
	c := &Cache{inner: inner, pace: inner.Roles().Pace, large: o.Large, local: o.Local, flying: map[tier.Key]*flight{},
		batches: map[*batch]bool{}}
	if c.large <= 0 {
		c.large = DefaultLarge
		if o.Local {
			c.large = DefaultLargeLocal
		}
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Memory > 0 {
		mem, err := newMemory(o.Memory)
		if err != nil {
			return nil, fmt.Errorf("make a cache of %d bytes: %w", o.Memory, err)
		}
		c.mem = mem
	}
	if o.Local {
		return c, nil
	}
	if o.Dir != "" {
		disk, err := blockfile.Open(o.Dir, blockfile.Options{Limit: o.Disk, Log: o.Log})
		if err != nil {
			return nil, err
		}
		c.levels = append(c.levels, newLevel(Outer{Name: diskName, Tier: disk, Budget: diskBudget}, o.Log))
	}
	for _, outer := range o.Outer {
		c.levels = append(c.levels, newLevel(outer, o.Log))
	}
	return c, nil
}

// ready returns an error when the cache is closed or the context has ended.
func (c *Cache) ready(ctx context.Context, op string, name crypto.BlobName) error {
	if c.closed.Load() {
		return remote.Fail(op, name, remote.ErrClosed, nil)
	}
	if ctx.Err() != nil {
		return remote.Alive(ctx, op, name)
	}
	return nil
}

// Stat asks the remote: a committer needs the current state.
func (c *Cache) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if err := c.ready(ctx, remote.OpStat, name); err != nil {
		return 0, err
	}
	return c.inner.Stat(ctx, name)
}

// List asks the remote.
func (c *Cache) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] { return c.inner.List(ctx) }

// Load asks the remote.
func (c *Cache) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	return c.inner.Load(ctx, id)
}

// Swap asks the remote.
func (c *Cache) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	return c.inner.Swap(ctx, old, next)
}

// Changed asks the remote.
func (c *Cache) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	return c.inner.Changed(ctx, since)
}

// ID asks the remote.
func (c *Cache) ID(ctx context.Context) (crypto.StoreID, error) { return c.inner.ID(ctx) }

// Roles are the remote's.
func (c *Cache) Roles() remote.Roles { return c.inner.Roles() }

// Space asks the remote.
func (c *Cache) Space(ctx context.Context) (remote.Space, error) { return c.inner.Space(ctx) }

// Close ends all fetches, and closes the tiers and the remote. The next New finds the blocks on disk.
func (c *Cache) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.mu.Lock()
	for b := range c.batches {
		b.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
	var errs []error
	for _, l := range c.levels {
		errs = append(errs, l.close())
	}
	return errors.Join(append(errs, c.inner.Close())...)
}

// Stats are the counters of a cache since New, and its contents.
type Stats struct {
	Memory, Disk TierStats
	Outer        []TierStats // of the tiers behind them
	Fetches      uint64      // requests to the remote for blobs or ranges
	FetchedBytes uint64
	Passed       uint64 // large reads of a local remote, which are not cached
}

// TierStats are one tier's part of the Stats. Hits and misses are counted by block.
type TierStats struct {
	Name         string
	Hits, Misses uint64
	HitBytes     uint64
	Evictions    uint64
	Dropped      uint64 // blocks that came faster than the tier could write
	Corrupt      uint64 // blocks that the tier found damaged
	Faults       uint64 // failures of the tier
	Out          bool   // the tier keeps failing and is not used for now
	Entries      int
	Bytes, Limit int64
}

// hold adds the tier's own figures.
func (s *TierStats) hold(t tier.Stats) {
	s.Evictions, s.Corrupt, s.Entries, s.Bytes, s.Limit = t.Evicted, t.Corrupt, t.Entries, t.Bytes, t.Limit
}

// Stats returns the current figures.
func (c *Cache) Stats() Stats {
	s := Stats{Fetches: c.fetches.Load(), FetchedBytes: c.fetchedBytes.Load(), Passed: c.passed.Load()}
	if c.mem != nil {
		s.Memory = c.mem.tierStats()
	}
	for _, l := range c.levels {
		if l.Name == diskName {
			s.Disk = l.tierStats()
		} else {
			s.Outer = append(s.Outer, l.tierStats())
		}
	}
	return s
}
