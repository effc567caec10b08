package cache

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"postern/cache/blockfile"
	"postern/crypto"
	"postern/remote"
)

// flight is a block under way, or a whole blob.
type flight struct {
	key   blockfile.Key
	batch *batch
	need  int    // bytes from the block's beginning that must come
	held  *block // what was held of it, too short; nil: nothing

	doomed bool // guarded by Cache.mu: the blob was dropped meanwhile, so this is not kept

	done chan struct{} // closed when got or err is set
	got  block
	err  error
}

// wait returns when a flight has landed; with an error when the asker has no more time before that.
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

// maxStaying bounds the batches that go on with nobody waiting: what two films read ahead.
const maxStaying = 64

// batch is what one asker has set off. It lasts as long as anyone waits for one of its flights, whoever set it off; and to its end when
// somebody was not patient enough, who will come back.
type batch struct {
	ctx     context.Context
	cancel  context.CancelFunc
	name    crypto.BlobName
	force   bool // from the remote only
	large   bool // not for memory
	flights []*flight
	refs    int  // who waits, counted by flight; guarded by Cache.mu
	stays   bool // whoever waits; guarded by Cache.mu
}

func newBatch(ctx context.Context, name crypto.BlobName, force, large bool) *batch {
	b := &batch{name: name, force: force, large: large}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return b
}

func (b *batch) add(key blockfile.Key, need int) *flight {
	f := &flight{key: key, batch: b, need: need, done: make(chan struct{})}
	b.flights = append(b.flights, f)
	return f
}

// join counts one who waits, under Cache.mu.
func (b *batch) join() { b.refs++ }

// launch sets a batch off, under Cache.mu; each of its flights has one who waits.
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

// leave ends waiting. A batch that nobody waits for is cancelled, and nobody joins it any more, unless who leaves comes back: then it
// stays, and what it brings is kept in memory too, where there may be no disk.
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

// land takes a flight out of the air, under Cache.mu.
func (c *Cache) land(f *flight) {
	if c.flying[f.key] == f {
		delete(c.flying, f.key)
	}
}

// doom keeps what is under way of a blob from being kept or joined, under Cache.mu.
func (c *Cache) doom(name crypto.BlobName) {
	for key, f := range c.flying {
		if key.Blob == name {
			f.doomed = true
			delete(c.flying, key)
		}
	}
}

// drop forgets a blob.
func (c *Cache) drop(name crypto.BlobName) {
	c.mu.Lock()
	c.drops++
	c.doom(name)
	c.mem.drop(name)
	c.mu.Unlock()
	if c.disk != nil {
		c.disk.Drop(name)
	}
}

// run gets the blocks of a batch: from disk what is there, the rest from the remote, adjacent ones together.
func (c *Cache) run(b *batch) {
	defer c.end(b)
	var missing []*flight
	for _, f := range b.flights {
		if !c.fromDisk(f) {
			missing = append(missing, f)
		}
	}
	for len(missing) > 0 {
		n := 1
		for n < len(missing) && missing[n].key.Index == missing[n-1].key.Index+1 {
			n++
		}
		c.fetchRun(b, missing[:n])
		missing = missing[n:]
	}
}

// fromDisk lands a flight with what the disk has, if that is enough.
func (c *Cache) fromDisk(f *flight) bool {
	if c.disk == nil || f.batch.force {
		return false
	}
	data, size, ok := c.disk.Get(f.key)
	if !ok {
		return false
	}
	got := block{data: data, size: size}
	if len(data) < f.need {
		f.held = &got
		return false
	}
	c.arrive(f, got, origin{disk: true})
	return true
}

// fetchRun gets adjacent blocks in one request, from the beginning of the first to as far as is needed of the last, or a little
// further so that the remote does not see the exact size of what lies there (crypto.CoverEnd); or to its end, when it was held
// in part before and so is one that readers come back to.
func (c *Cache) fetchRun(b *batch, run []*flight) {
	first, last := run[0], run[len(run)-1]
	from := startOf(int(first.key.Index))
	exact := startOf(int(last.key.Index)) + int64(last.need)
	to, size := min(int64(crypto.CoverEnd(int(exact))), endOf(int(last.key.Index))), int64(0)
	if last.held != nil {
		to, size = c.reach(b, last, exact)
	}
	buf := make([]byte, to-from)
	err := c.fetchRange(b.ctx, b.name, from, buf)
	shared := len(run) > 1
	if to > exact && errors.Is(remote.KindOf(err), remote.ErrCorrupt) {
		size, shared = 0, true // the length was a lie; what was asked for may be there all the same
		buf = buf[:exact-from]
		err = c.fetchRange(b.ctx, b.name, from, buf)
	}
	for _, f := range run {
		if err != nil {
			c.fail(f, err)
			continue
		}
		n := min(int64(len(buf)), endOf(int(f.key.Index))-startOf(int(f.key.Index)))
		c.arrive(f, block{data: buf[:n:n], size: size}, origin{shared: shared})
		buf = buf[n:]
	}
}

// reach returns how far a block goes that is worth fetching whole. Where the blob's size can't be told it is as far as needed.
func (c *Cache) reach(b *batch, f *flight, exact int64) (to, size int64) {
	size = f.held.size
	if size == 0 {
		var err error
		if size, err = c.inner.Stat(b.ctx, b.name); err != nil || size > crypto.MaxBlobSize {
			return exact, 0
		}
	}
	if size < exact {
		return exact, 0 // a lie, here or there
	}
	return min(size, endOf(int(f.key.Index))), size
}

// fetchRange asks the remote, and counts.
func (c *Cache) fetchRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	c.fetches.Add(1)
	err := c.inner.GetRange(ctx, name, off, p)
	if err == nil {
		c.fetchedBytes.Add(uint64(len(p)))
	}
	return err
}

// runWhole gets a whole blob and keeps its blocks.
func (c *Cache) runWhole(b *batch) {
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
	f.got = block{data: data, size: int64(len(data))}
	close(f.done)
}

// keepAll keeps the blocks of a whole blob, under mu; a large one not in memory. data must not change any more.
func (c *Cache) keepAll(name crypto.BlobName, data []byte, large bool) {
	for i := 0; startOf(i) < int64(len(data)) && i < maxBlocks; i++ {
		part := block{data: data[startOf(i):min(endOf(i), int64(len(data)))], size: int64(len(data))}
		part.data = slices.Clip(part.data)
		c.keep(blockfile.Key{Blob: name, Index: uint32(i)}, part, large, origin{shared: true})
	}
}

// arrive lands a flight with its block.
func (c *Cache) arrive(f *flight, got block, from origin) {
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
	disk   bool // the disk tier, which need not be told
	shared bool // a larger piece, which lives on for as long as one of its blocks does
}

// keep holds a block, under mu so that a drop is either before it or finds it. Memory takes a copy of what is part of a
// larger piece, for its bound counts blocks.
func (c *Cache) keep(k blockfile.Key, b block, large bool, from origin) {
	if c.disk != nil && !from.disk {
		c.disk.Put(k, b.data, b.size)
	}
	if large || c.mem == nil {
		return
	}
	if from.shared {
		b.data = bytes.Clone(b.data)
	}
	c.mem.set(k, &b)
}
