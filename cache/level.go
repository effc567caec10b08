package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"postern/cache/tier"
	"postern/crypto"
)

const (
	// diskBudget is the time of one lookup on disk. A disk under load takes less for a chunk of scattered blocks.
	diskBudget = 5 * time.Second
	// writeTime is the deadline of one write to a tier. No read waits for it.
	writeTime = 30 * time.Second
	// queueBytes has room for three full chunks that were fetched whole; a tier that is further behind is too slow to
	// help.
	queueBytes = 16 << 20
	// queueDrops bounds the blobs that a tier has yet to forget. A blob that a tier still has is harmless: its bytes
	// fit its name.
	queueDrops = 10_000
	// writeBlocks is the most blocks of one Put: a full chunk takes five.
	writeBlocks = 16
	// maxFaults is how many calls in a row may fail. Each is for many blocks: two may be chance, four are not.
	maxFaults = 4
	// maxLate bounds the calls that have not returned although their time is over.
	maxLate = 16
)

// Outer is a tier behind memory, with its time limits.
type Outer struct {
	Name   string
	Tier   tier.Tier
	Budget time.Duration // the time of one lookup, for all blocks of a read; after that the read goes on without the tier
	Rest   time.Duration // how long a tier that keeps failing is not used; zero: until the next start
}

// level runs an outer tier. Whatever its tier does, a level returns the blocks that were found in time, or none.
//
// It writes behind: put and drop return at once, and get sees the queue. Blocks are dropped while the queue is full.
type level struct {
	Outer
	log *slog.Logger

	mu      sync.Mutex
	pending map[tier.Key]*tier.Block
	order   []tier.Key // of pending, oldest first; keys may be gone from pending
	queued  int64      // bytes in pending
	drops   map[crypto.BlobName]bool
	busy    bool // the writer is writing
	closed  bool

	faults int       // in a row
	again  time.Time // when a level that is out is tried again
	late   int       // calls that have not returned although their time was over
	stats  TierStats

	wake *sync.Cond // signals new work, finished work and the end
	stop context.CancelFunc
	done sync.WaitGroup
}

func newLevel(o Outer, log *slog.Logger) *level {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &level{Outer: o, log: log, pending: map[tier.Key]*tier.Block{}, drops: map[crypto.BlobName]bool{}}
	l.wake = sync.NewCond(&l.mu)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.done.Go(func() { l.writer(ctx) })
	return l
}

// get calls found for each block that the level has, with its position in keys. The caller ignores calls that come
// late, and counts the outcome with returned or overdue.
func (l *level) get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	ask := make([]tier.Key, 0, len(keys))
	at := make([]int, 0, len(keys)) // the positions in keys of the blocks in ask
	queued := map[int]*tier.Block{}
	l.mu.Lock()
	for i, k := range keys {
		if b := l.pending[k]; b != nil {
			l.hit(*b)
			queued[i] = b
		} else if !l.drops[k.Blob] && !l.out() {
			ask, at = append(ask, k), append(at, i)
		}
	}
	l.mu.Unlock()
	for i, b := range queued {
		found(i, *b)
	}
	if len(ask) == 0 {
		return nil
	}
	return l.Tier.Get(ctx, ask, func(i int, b tier.Block) {
		if i < 0 || i >= len(ask) {
			return
		}
		l.mu.Lock()
		fits := fits(ask[i], b) && !l.drops[ask[i].Blob]
		if fits {
			l.hit(b)
			l.faults = 0
		}
		l.mu.Unlock()
		if fits {
			found(at[i], b)
		}
	})
}

// fits reports whether a block may belong to a key. Only its seal proves it.
func fits(k tier.Key, b tier.Block) bool {
	start, n := startOf(int(k.Index)), int64(len(b.Data))
	return n > 0 && start+n <= endOf(int(k.Index)) &&
		b.Size >= 0 && b.Size <= crypto.MaxBlobSize && (b.Size == 0 || start+n <= b.Size)
}

func (l *level) hit(b tier.Block) {
	l.stats.Hits++
	l.stats.HitBytes += uint64(len(b.Data))
}

// returned counts the outcome of a call: how many blocks were missing, and whether the tier failed.
func (l *level) returned(missing int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Misses += uint64(missing)
	if err != nil {
		l.fault(err)
	}
}

// overdue counts a call that is abandoned since its context has ended; back must be called when it returns after all. A
// cancellation by the readers is no fault of the tier.
func (l *level) overdue(missing int, ended error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late++
	if errors.Is(ended, context.DeadlineExceeded) {
		l.stats.Misses += uint64(missing)
		l.fault(fmt.Errorf("no answer within %v", l.Budget))
	}
}

func (l *level) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late--
}

// fault counts a failure, and takes the tier out of use after too many. mu is held.
func (l *level) fault(err error) {
	if l.closed || l.out() {
		return
	}
	l.stats.Faults++
	l.faults++
	if l.faults < maxFaults {
		return
	}
	if l.again = (time.Time{}); l.Rest > 0 {
		l.again = time.Now().Add(l.Rest)
	}
	l.pending, l.order, l.queued = map[tier.Key]*tier.Block{}, nil, 0
	clear(l.drops)
	l.log.Warn("a tier of the cache keeps failing and is left alone", "tier", l.Name, "for", l.Rest, "error", err)
}

// out reports whether the tier is out of use. After its rest one call tries it again. mu is held.
func (l *level) out() bool {
	switch {
	case l.late >= maxLate:
		return true
	case l.faults < maxFaults:
		return false
	case l.Rest <= 0 || time.Now().Before(l.again):
		return true
	}
	l.faults = maxFaults - 1
	return false
}

// put queues a block to be written, in place of what is there.
func (l *level) put(k tier.Key, b *tier.Block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.out() {
		return
	}
	old := l.pending[k]
	n := int64(len(b.Data))
	if old != nil {
		n -= int64(len(old.Data))
	}
	if l.queued+n > queueBytes {
		l.stats.Dropped++
		return
	}
	if old == nil {
		l.order = append(l.order, k)
	}
	l.queued += n
	l.pending[k] = b
	l.wake.Broadcast()
}

// drop forgets a blob. From now on get finds nothing of it.
func (l *level) drop(blob crypto.BlobName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range uint32(maxBlocks) {
		l.unqueue(tier.Key{Blob: blob, Index: i})
	}
	if !l.closed && !l.out() && len(l.drops) < queueDrops {
		l.drops[blob] = true
		l.wake.Broadcast()
	}
}

// unqueue removes a block from pending. mu is held.
func (l *level) unqueue(k tier.Key) {
	if b := l.pending[k]; b != nil {
		l.queued -= int64(len(b.Data))
		delete(l.pending, k)
	}
}

// tierStats returns the level's figures, and those of the tier if it has any.
func (l *level) tierStats() TierStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Name = l.Name
	if s.Out = l.out(); s.Out {
		return s
	}
	if m, ok := l.Tier.(tier.Measured); ok {
		s.hold(m.Stats())
	}
	return s
}

// close ends the level and its tier. It drops the queue.
func (l *level) close() error {
	l.mu.Lock()
	l.closed = true
	l.wake.Broadcast()
	l.mu.Unlock()
	l.stop()
	l.done.Wait()
	return l.Tier.Close()
}
