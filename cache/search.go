package cache

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"postern/cache/tier"
	"postern/crypto"
)

// search looks for blocks in the levels, from the first to the last.
type search struct {
	cache *Cache
	ctx   context.Context
	keys  []tier.Key
	// found receives each block that a level has, with its position in keys and the number of the level. It reports
	// whether the block is long enough; if not, the next level is searched as well.
	found func(i, level int, b tier.Block) bool
	// end is called once, with the positions of the blocks that are missing.
	end func(missing []int)
}

func (s *search) run() {
	missing := make([]int, len(s.keys))
	for i := range missing {
		missing[i] = i
	}
	s.from(0, missing)
}

// from searches the levels from one on. A level that exceeds its budget is abandoned: the search goes on without it in
// another goroutine.
func (s *search) from(level int, missing []int) {
	for ; level < len(s.cache.levels) && len(missing) > 0; level++ {
		var inTime bool
		if missing, inTime = s.ask(level, missing); !inTime {
			return
		}
	}
	s.end(missing)
}

// ask searches one level for the missing blocks, and returns those that are still missing; false if the search
// continues in another goroutine.
func (s *search) ask(level int, missing []int) (left []int, inTime bool) {
	l := s.cache.levels[level]
	ctx, cancel := context.WithTimeout(s.ctx, l.Budget)
	defer cancel()
	keys := make([]tier.Key, len(missing))
	for i, at := range missing {
		keys[i] = s.keys[at]
	}
	a := &answer{search: s, level: level, missing: missing, got: make([]bool, len(missing))}
	s.cache.running.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer s.cache.running.Done()
		if left, first := a.close(); first {
			l.overdue(len(left), ctx.Err())
			s.from(level+1, left)
		}
	})
	err := l.get(ctx, keys, a.found)
	if stop() {
		s.cache.running.Done()
	}
	left, inTime = a.close()
	ended := ctx.Err() // asked once: the readers may leave at any moment
	switch {
	case !inTime:
		l.back()
	case errors.Is(ended, context.Canceled): // no reader waits any more, which is no fault of the tier
	default:
		l.returned(len(left), cmp.Or(err, ended)) // a tier that stops at its deadline is slow all the same
	}
	return left, inTime
}

// answer holds the blocks that a level has found so far.
type answer struct {
	search  *search
	level   int
	missing []int // what it was asked for

	mu     sync.Mutex
	got    []bool // by position in missing
	closed bool   // later blocks are ignored
}

func (a *answer) found(i int, b tier.Block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed && !a.got[i] {
		a.got[i] = a.search.found(a.missing[i], a.level, b)
	}
}

// close ends the answer and returns the missing blocks. It reports whether this is the first call.
func (a *answer) close() (left []int, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, false
	}
	a.closed = true
	for i, at := range a.missing {
		if !a.got[i] {
			left = append(left, at)
		}
	}
	return left, true
}

// run gets the blocks of a batch from the levels, and the rest from the remote, adjacent ones together.
func (c *Cache) run(b *batch) {
	if b.force || len(c.levels) == 0 {
		c.fetchAll(b, b.flights)
		return
	}
	s := &search{cache: c, ctx: b.ctx, keys: make([]tier.Key, len(b.flights))}
	for i, f := range b.flights {
		s.keys[i] = f.key
	}
	s.found = func(i, level int, block tier.Block) bool {
		f := b.flights[i]
		if len(block.Data) < f.need {
			f.held = &block
			return false
		}
		c.arrive(f, block, origin{level: level})
		return true
	}
	s.end = func(missing []int) {
		flights := make([]*flight, len(missing))
		for i, at := range missing {
			flights[i] = b.flights[at]
		}
		c.fetchAll(b, flights)
	}
	s.run()
}

// runWhole gets a whole blob: from the blocks in the tiers if they are complete, else from the remote.
func (c *Cache) runWhole(b *batch) {
	if b.force {
		c.fetchWhole(b)
		return
	}
	w := &wholeBlob{size: crypto.MaxBlobSize}
	c.collect(b, w, 0, 1, func() {
		if len(w.held[0].Data) == 0 {
			c.fetchWhole(b)
			return
		}
		if size := w.held[0].Size; size > 0 && size <= crypto.MaxBlobSize {
			w.size = size // else it assumes a full chunk, as most blobs read in ranges are
		}
		c.collect(b, w, 1, indexOf(w.size-1)+1, func() {
			data := w.assemble()
			if data != nil && crypto.NameOf(data) == b.name {
				c.deliver(b, data)
				return
			}
			if data != nil {
				c.mu.Lock()
				c.forget(b.name)
				c.mu.Unlock()
			}
			c.fetchWhole(b)
		})
	})
}

// deliver lands an assembled blob, and ends its batch.
func (c *Cache) deliver(b *batch, data []byte) {
	defer c.end(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	f := b.flights[0]
	c.land(f)
	f.got, f.own = tier.Block{Data: data, Size: int64(len(data))}, true
	close(f.done)
}

// collect looks for some blocks of a blob in all tiers, then calls end.
func (c *Cache) collect(b *batch, w *wholeBlob, from, to int, end func()) {
	s := &search{cache: c, ctx: b.ctx}
	for i := from; i < to; i++ {
		key := tier.Key{Blob: b.name, Index: uint32(i)}
		if held := c.mem.get(key, 1, true); held != nil {
			w.held[i] = *held
			continue
		}
		s.keys = append(s.keys, key)
	}
	s.found = func(i, _ int, block tier.Block) bool {
		w.held[s.keys[i].Index] = block
		return true
	}
	s.end = func([]int) { end() }
	s.run()
}

// wholeBlob is a blob in blocks.
type wholeBlob struct {
	held [maxBlocks]tier.Block
	size int64
}

// assemble returns the blob; nil when a block is missing or too short.
func (w *wholeBlob) assemble() []byte {
	data := make([]byte, 0, w.size)
	for i := 0; i < maxBlocks && startOf(i) < w.size; i++ {
		n := min(endOf(i), w.size) - startOf(i)
		if int64(len(w.held[i].Data)) < n {
			return nil
		}
		data = append(data, w.held[i].Data[:n]...)
	}
	return data
}
