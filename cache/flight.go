package cache

import (
	"bytes"
	"context"
	"slices"

	"postern/cache/tier"
	"postern/crypto"
	"postern/remote"
)

// flight is the fetch of a block, or of a whole blob.
type flight struct {
	key   tier.Key
	batch *batch
	need  int         // bytes from the block's beginning that are needed
	held  *tier.Block // the longest prefix found in a tier, too short; nil: none

	doomed bool // guarded by Cache.mu: the blob was dropped meanwhile, so the block is not kept

	done chan struct{} // closed when got or err is set
	got  tier.Block
	own  bool // no tier keeps got
	err  error
}

// wait returns when a flight has landed, or with an error when the reader's time is over.
func (f *flight) wait(ctx context.Context, op string) error {
	select {
	case <-f.done:
		return nil
	case <-remote.Patience(ctx):
		return remote.Fail(op, f.key.Blob, remote.ErrUnavailable, remote.ErrSlow)
	case <-ctx.Done():
		return remote.Alive(ctx, op, f.key.Blob)
	}
}

// maxStaying bounds the batches that continue without a waiting reader: as many as two films read ahead.
const maxStaying = 64

// batch is the set of flights that one read has started. It lasts as long as any read waits for one of its flights; if
// a read has timed out, it continues to its end, since that reader will retry.
type batch struct {
	ctx     context.Context
	cancel  context.CancelFunc
	name    crypto.BlobName
	force   bool // from the remote only
	large   bool // not for memory
	flights []*flight
	refs    int  // waiting reads, counted per flight; guarded by Cache.mu
	joined  bool // other reads waited, too; guarded by Cache.mu until its flights have landed
	stays   bool // it continues without waiting reads; guarded by Cache.mu
}

func newBatch(ctx context.Context, name crypto.BlobName, force, large bool) *batch {
	b := &batch{name: name, force: force, large: large}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return b
}

func (b *batch) add(key tier.Key, need int) *flight {
	f := &flight{key: key, batch: b, need: need, done: make(chan struct{})}
	b.flights = append(b.flights, f)
	return f
}

// join counts one more waiting read, under Cache.mu.
func (b *batch) join() { b.refs++; b.joined = true }

// launch starts a batch, under Cache.mu; each of its flights has one waiting read.
func (c *Cache) launch(b *batch, run func(*batch)) {
	b.refs = len(b.flights)
	c.batches[b] = true
	c.running.Go(func() { run(b) })
}

// end is called when all flights of a batch have landed.
func (c *Cache) end(b *batch) {
	b.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.batches, b)
	if b.stays {
		c.staying--
	}
}

// leave ends waits. A batch without waiting reads is cancelled and can't be joined any more. If back is set, the reader
// will retry: then the batch continues, and its blocks are kept in memory too, since there may be no disk.
func (c *Cache) leave(waits []wait, back bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range waits {
		b := w.f.batch
		if back && !b.stays && c.batches[b] && c.staying < maxStaying {
			b.stays, b.large = true, false
			c.staying++
		}
		if b.refs--; b.refs > 0 || b.stays {
			continue
		}
		b.cancel()
		for _, f := range b.flights {
			c.land(f)
		}
	}
}

// land ends a flight, under Cache.mu.
func (c *Cache) land(f *flight) {
	if c.flying[f.key] == f {
		delete(c.flying, f.key)
	}
}

// doom marks the flights of a blob, under Cache.mu: their blocks are not kept, and no read joins them.
func (c *Cache) doom(name crypto.BlobName) {
	for key, f := range c.flying {
		if key.Blob == name {
			f.doomed = true
			delete(c.flying, key)
		}
	}
}

// drop forgets a blob, and its flights.
func (c *Cache) drop(name crypto.BlobName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.doom(name)
	c.forget(name)
}

// forget makes all tiers forget a blob, under Cache.mu, so that blocks kept later stay.
func (c *Cache) forget(name crypto.BlobName) {
	c.mem.drop(name)
	for _, l := range c.levels {
		l.drop(name)
	}
}

// fetchAll gets blocks from the remote, adjacent ones together, and ends their batch.
func (c *Cache) fetchAll(b *batch, missing []*flight) {
	defer c.end(b)
	for len(missing) > 0 {
		n := 1
		for n < len(missing) && missing[n].key.Index == missing[n-1].key.Index+1 {
			n++
		}
		c.fetchRun(b, missing[:n])
		missing = missing[n:]
	}
}

// fetchRun gets adjacent blocks in one request, from the beginning of the first to the needed end of the last, or a
// little further so that the remote does not see the exact size of its contents (crypto.CoverEnd). If a tier held part
// of the last block, readers come back to it, so it is fetched to its end; so is every block of a distant remote, since
// one more round trip would cost more than the rest of the block.
func (c *Cache) fetchRun(b *batch, run []*flight) {
	first, last := run[0], run[len(run)-1]
	from := startOf(int(first.key.Index))
	exact := startOf(int(last.key.Index)) + int64(last.need)
	to := min(int64(crypto.CoverEnd(int(exact))), endOf(int(last.key.Index)))
	if last.held != nil || c.distant() {
		to = min(endOf(int(last.key.Index)), crypto.MaxBlobSize)
	}
	buf := make([]byte, to-from)
	ctx, end := remote.UpTo(b.ctx, int(exact-from))
	err := c.fetchRange(ctx, b.name, from, buf)
	size, shared := end.Size(), len(run) > 1
	if size > 0 {
		buf, shared = buf[:size-from], true // what is left of the block's buffer should not stay in memory
	}
	for _, f := range run {
		if err != nil {
			c.fail(f, err)
			continue
		}
		n := min(int64(len(buf)), endOf(int(f.key.Index))-startOf(int(f.key.Index)))
		c.arrive(f, tier.Block{Data: buf[:n:n], Size: size}, origin{level: len(c.levels), shared: shared})
		buf = buf[n:]
	}
}

// distant reports whether the bytes of a block take less time than another round trip.
func (c *Cache) distant() bool {
	if c.pace == nil {
		return false
	}
	p := c.pace()
	return p.RoundTrip > 0 && p.Down*p.RoundTrip.Seconds() >= blockSize
}

// fetchRange reads from the remote, and counts.
func (c *Cache) fetchRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	c.fetches.Add(1)
	err := c.inner.GetRange(ctx, name, off, p)
	if err == nil {
		c.fetchedBytes.Add(uint64(len(p)))
	}
	return err
}

// fetchWhole gets a whole blob from the remote, keeps its blocks and ends its batch.
func (c *Cache) fetchWhole(b *batch) {
	defer c.end(b)
	f := b.flights[0]
	c.fetches.Add(1)
	data, err := c.inner.Get(b.ctx, b.name)
	if err != nil {
		c.fail(f, err)
		return
	}
	c.fetchedBytes.Add(uint64(len(data)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(f)
	if !f.doomed {
		c.keepAll(b.name, data, len(data) > c.large)
	}
	f.got = tier.Block{Data: data, Size: int64(len(data))}
	close(f.done)
}

// keepAll keeps the blocks of a whole blob, under mu; a large one not in memory. data must not change any more.
func (c *Cache) keepAll(name crypto.BlobName, data []byte, large bool) {
	for i := 0; startOf(i) < int64(len(data)) && i < maxBlocks; i++ {
		part := tier.Block{Data: data[startOf(i):min(endOf(i), int64(len(data)))], Size: int64(len(data))}
		part.Data = slices.Clip(part.Data)
		c.keep(tier.Key{Blob: name, Index: uint32(i)}, part, large, origin{level: len(c.levels), shared: true})
	}
}

// arrive lands a flight with its block.
func (c *Cache) arrive(f *flight, got tier.Block, from origin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(f)
	if !f.doomed {
		c.keep(f.key, got, f.batch.large, from)
	}
	f.got = got
	close(f.done)
}

func (c *Cache) fail(f *flight, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(f)
	f.err = err
	close(f.done)
}

// origin is where a block comes from.
type origin struct {
	level  int  // the number of the level; the remote comes after the last
	shared bool // part of a larger buffer, which stays in memory as long as one of its blocks
}

// keep puts a block into the tiers before its origin, under mu, so that a drop either precedes it or finds the block.
// Memory copies a block of a larger buffer, since its bound counts blocks.
func (c *Cache) keep(k tier.Key, b tier.Block, large bool, from origin) {
	for _, l := range c.levels[:from.level] {
		l.put(k, &b)
	}
	if large || c.mem == nil {
		return
	}
	held := b // the levels keep b
	if from.shared {
		held.Data = bytes.Clone(b.Data)
	}
	c.mem.set(k, &held)
}
