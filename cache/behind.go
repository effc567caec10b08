package cache

import (
	"context"
	"slices"

	"postern/cache/tier"
	"postern/crypto"
)

// writer runs the queued work until the level is closed.
func (l *level) writer(ctx context.Context) {
	for {
		drops, blocks, ok := l.next()
		if !ok {
			return
		}
		l.written(drops, blocks, l.write(ctx, drops, blocks))
	}
}

// next waits for work: blobs to forget come first, then blocks to write. It returns false once the level is closed.
func (l *level) next() (drops []crypto.BlobName, blocks []tier.Entry, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	for !l.closed && len(l.drops) == 0 && len(l.order) == 0 {
		l.wake.Broadcast()
		l.wake.Wait()
	}
	l.busy = true
	for blob := range l.drops {
		drops = append(drops, blob)
	}
	for len(drops) == 0 && len(l.order) > 0 && len(blocks) < writeBlocks {
		k := l.order[0]
		l.order = l.order[1:]
		if b := l.pending[k]; b != nil {
			blocks = append(blocks, tier.Entry{Key: k, Block: *b})
		}
	}
	return drops, blocks, !l.closed
}

// write calls the tier, without a lock.
func (l *level) write(ctx context.Context, drops []crypto.BlobName, blocks []tier.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	for _, blob := range drops {
		if err := l.Tier.Delete(ctx, blob); err != nil {
			return err
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	return l.Tier.Put(ctx, blocks)
}

// written removes finished work from the queue, whether or not it succeeded. A block that was replaced meanwhile is
// written once more; a block of a blob that was dropped meanwhile must still be forgotten.
func (l *level) written(drops []crypto.BlobName, blocks []tier.Entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, blob := range drops {
		delete(l.drops, blob)
	}
	for _, b := range blocks {
		switch now := l.pending[b.Key]; {
		case now == nil: // dropped, or the level is out
		case sameBytes(now.Data, b.Data):
			l.unqueue(b.Key)
		case !slices.Contains(l.order, b.Key):
			l.order = append(l.order, b.Key)
		}
	}
	switch {
	case err != nil:
		l.fault(err)
	case len(blocks) > 0:
		l.faults = 0
	}
}

// sameBytes reports whether two blocks are the same place in memory.
func sameBytes(a, b []byte) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }
