package cache

import (
	"bytes"
	"context"
	"errors"

	"postern/cache/tier"
	"postern/crypto"
	"postern/remote"
)

// GetRange implements remote.Blobs. If memory has the block, it only copies it.
func (c *Cache) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if err := c.ready(ctx, remote.OpGetRange, name); err != nil {
		return err
	}
	if !cacheable(off, len(p)) {
		return c.inner.GetRange(ctx, name, off, p)
	}
	s := span{name: name, off: off, p: p}
	large := len(p) > c.large
	force := remote.IsPastCaches(ctx)
	if force {
		c.drop(name)
	}
	if large && c.local {
		c.passed.Add(1)
		return c.inner.GetRange(ctx, name, off, p)
	}
	if first := s.first(); first == s.last() && !large && !force {
		if b := c.mem.get(s.key(first), s.need(first), false); b != nil {
			s.take(first, b.Data)
			return nil
		}
	}
	return c.gather(ctx, s, force, large)
}

// rounds bounds how often a read that joined others starts over because they fetched less than it needs.
const rounds = 4

// gather fills a span from the tiers and the remote.
func (c *Cache) gather(ctx context.Context, s span, force, large bool) error {
	var done [maxBlocks]bool
	for range rounds {
		waits, err := c.claim(ctx, s, &done, force, large)
		if err != nil {
			return err
		}
		if err := c.await(ctx, s, &done, waits); err != nil {
			return err
		}
		left := s.blocks()
		for i := range left {
			if done[s.first()+i] {
				left--
			}
		}
		if left == 0 {
			return nil
		}
	}
	// The other reads keep fetching less than this one needs, or keep failing where this one would succeed.
	return c.fetchRange(ctx, s.name, s.off, s.p)
}

// wait is a flight that a read waits for.
type wait struct {
	index int
	f     *flight
	own   bool // this asker has set it off
}

// claim copies the blocks in memory, joins the flights under way, and starts a batch for the rest.
func (c *Cache) claim(ctx context.Context, s span, done *[maxBlocks]bool, force, large bool) ([]wait, error) {
	var waits []wait
	var held [maxBlocks]*tier.Block
	var own *batch
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return nil, remote.Fail(remote.OpGetRange, s.name, remote.ErrClosed, nil)
	}
	if force {
		c.doom(s.name)
	}
	for i := s.first(); i <= s.last(); i++ {
		if done[i] {
			continue
		}
		key := s.key(i)
		if !force {
			if held[i] = c.mem.get(key, s.need(i), large); held[i] != nil {
				continue
			}
			if f := c.flying[key]; f != nil {
				f.batch.join()
				waits = append(waits, wait{index: i, f: f})
				continue
			}
		}
		if own == nil {
			own = newBatch(ctx, s.name, force, large)
		}
		f := own.add(key, s.need(i))
		if !force {
			f.held = c.mem.peek(key)
		}
		c.flying[key] = f
		waits = append(waits, wait{index: i, f: f, own: true})
	}
	if own != nil {
		c.launch(own, c.run)
	}
	c.mu.Unlock()
	for i := s.first(); i <= s.last(); i++ {
		if held[i] != nil {
			s.take(i, held[i].Data)
			done[i] = true
		}
	}
	return waits, nil
}

// await waits for flights and copies their blocks. It returns the error of the read's own batch, and errors of others
// that this read would meet as well. The caller retries blocks that are still missing.
func (c *Cache) await(ctx context.Context, s span, done *[maxBlocks]bool, waits []wait) (err error) {
	defer func() { c.leave(waits, errors.Is(err, remote.ErrSlow)) }()
	for _, w := range waits {
		if err := w.f.wait(ctx, remote.OpGetRange); err != nil {
			return err
		}
		switch {
		case w.f.err == nil && len(w.f.got.Data) >= s.need(w.index):
			s.take(w.index, w.f.got.Data)
			done[w.index] = true
		case w.f.err != nil && (w.own || !errors.Is(remote.KindOf(w.f.err), remote.ErrCorrupt)):
			// A range past the end is ErrCorrupt; another read may have gone too far.
			return w.f.err
		}
	}
	return nil
}

// Get implements remote.Blobs. A blob assembled from blocks is checked against its name, since blocks have none.
func (c *Cache) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	if err := c.ready(ctx, remote.OpGet, name); err != nil {
		return nil, err
	}
	force := remote.IsPastCaches(ctx)
	if force {
		c.drop(name)
	}
	key := tier.Key{Blob: name, Index: whole}
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return nil, remote.Fail(remote.OpGet, name, remote.ErrClosed, nil)
	}
	if force {
		c.doom(name)
	}
	f := c.flying[key]
	if f != nil {
		f.batch.join()
	} else {
		b := newBatch(ctx, name, force, true)
		f = b.add(key, 0)
		c.flying[key] = f
		c.launch(b, c.runWhole)
	}
	c.mu.Unlock()
	err := f.wait(ctx, remote.OpGet)
	c.leave([]wait{{f: f}}, errors.Is(err, remote.ErrSlow))
	if err != nil {
		return nil, err
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.own && !f.batch.joined {
		return f.got.Data, nil
	}
	return bytes.Clone(f.got.Data), nil
}
