// Package cache puts memory and disk in front of a remote. Cache is itself a remote.Store: what it holds is ciphertext, may
// be lost at any time, and is never trusted more than the remote is: a reader whose seal fails asks once more with
// remote.PastCaches, which goes to the remote and replaces what is held.
//
// Blobs are cached in blocks. A block is as long as a sealed segment, and lies where a segment of a full chunk lies, so a
// small read of a large file fetches the one segment it needs and not parts of two. The first block has the chunk's sealed
// metadata in front. In a pack blocks are read from their beginning to as far as somebody asked, and whole when somebody
// comes back for more: then it pays to ask how long the blob is.
//
// However many ask for a block, it is fetched once, and adjacent blocks that are missing in one request. Small reads go
// through memory; large ones, above Options.Large, do not push out the small things there, but do fill the disk.
package cache

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"

	"postern/cache/blockfile"
	"postern/crypto"
	"postern/remote"
)

const (
	// DefaultMemory is room for a thousand segments, or for the folder pages of some hundred thousand files.
	DefaultMemory = 64 << 20
	// DefaultDisk is the room on disk, where a folder is given.
	DefaultDisk = blockfile.DefaultLimit
	// DefaultLarge is where reading ahead begins: who asks for four segments or more reads on and comes by once.
	DefaultLarge = 3 * blockSize
	// DefaultLargeLocal leaves to the kernel's own cache all but folder pages and small files.
	DefaultLargeLocal = 32 << 10
)

// Options of a Cache. The zero value works: DefaultMemory and no disk.
type Options struct {
	Memory int64        // bytes in memory; zero: DefaultMemory, negative: none
	Dir    string       // folder of the disk tier; empty: none
	Disk   int64        // bytes on disk; zero: DefaultDisk
	Local  bool         // the remote lies on this machine: there is no disk tier, and large reads go straight through
	Large  int          // bytes; reads above are large. Zero: DefaultLarge, or DefaultLargeLocal
	Log    *slog.Logger // nil: quiet
}

// Cache is a remote.Store whose blobs are cached. Pointers, listings and sizes always come from the remote.
type Cache struct {
	inner remote.Store
	large int
	local bool

	mem  *memory         // nil: none
	disk *blockfile.Tier // nil: none

	closed  atomic.Bool
	mu      sync.Mutex
	flying  map[blockfile.Key]*flight // what can be joined
	batches map[*batch]bool           // what is under way at all
	staying int                       // batches that go on whoever waits
	drops   uint64                    // how often a blob was dropped
	running sync.WaitGroup            // batches

	fetches, fetchedBytes, passed atomic.Uint64
}

var _ remote.Store = (*Cache)(nil)

// New puts a cache in front of inner, which it closes when it is closed. It fails when the folder can't be used.
func New(inner remote.Store, o Options) (*Cache, error) {
	c := &Cache{inner: inner, large: o.Large, local: o.Local, flying: map[blockfile.Key]*flight{}, batches: map[*batch]bool{}}
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
	if o.Dir != "" && !o.Local {
		disk, err := blockfile.Open(o.Dir, blockfile.Options{Limit: o.Disk, Log: o.Log})
		if err != nil {
			return nil, err
		}
		c.disk = disk
	}
	return c, nil
}

// ready fails when the cache is closed or the context has ended. It costs nothing while all is well.
func (c *Cache) ready(ctx context.Context, op string, name crypto.BlobName) error {
	if c.closed.Load() {
		return remote.Fail(op, name, remote.ErrClosed, nil)
	}
	if ctx.Err() != nil {
		return remote.Alive(ctx, op, name)
	}
	return nil
}

// Stat asks the remote: a committer wants to know what is there, not what was.
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

// Close ends what is being fetched, the disk tier and the remote. What is on disk is there at the next New.
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
	if c.disk != nil {
		c.disk.Close()
	}
	return c.inner.Close()
}

// Stats are what a cache has done since it was made, and what it holds.
type Stats struct {
	Memory, Disk Tier
	Fetches      uint64 // requests to the remote for blobs or ranges
	FetchedBytes uint64
	Passed       uint64 // large reads of a local remote, which are not cached
}

// Tier is one tier of the Stats. Hits and misses are counted by block.
type Tier struct {
	Hits, Misses uint64
	HitBytes     uint64
	Evictions    uint64
	Dropped      uint64 // of the disk: blocks that came faster than it could write
	Corrupt      uint64 // of the disk: files that were damaged
	Faults       uint64 // of the disk: failures
	Out          bool   // the disk was sick and is no longer used
	Entries      int
	Bytes, Limit int64
}

// Stats returns what was done so far.
func (c *Cache) Stats() Stats {
	s := Stats{Fetches: c.fetches.Load(), FetchedBytes: c.fetchedBytes.Load(), Passed: c.passed.Load()}
	if c.mem != nil {
		s.Memory = c.mem.tier()
	}
	if c.disk != nil {
		d := c.disk.Stats()
		s.Disk = Tier{
			Hits: d.Hits, Misses: d.Misses, HitBytes: d.HitBytes, Evictions: d.Evicted, Dropped: d.Dropped, Corrupt: d.Corrupt,
			Faults: d.Faults, Out: d.Out, Entries: d.Entries, Bytes: d.Bytes, Limit: d.Limit,
		}
	}
	return s
}
