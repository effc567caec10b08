package blockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postern/cache/tier"
)

// suffix marks an unfinished file.
const suffix = ".new"

// Put implements tier.Tier. Between two blocks it stops when ctx has ended.
func (t *Tier) Put(ctx context.Context, blocks []tier.Entry) error {
	var failed error
	for _, b := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if b.Index > tier.MaxIndex || len(b.Data) > tier.MaxBlock || onDisk(int64(len(b.Data))+headerSize) > t.limit {
			continue
		}
		failed = errors.Join(failed, t.put(b))
	}
	return failed
}

// put writes a block. Its file has another name until it is whole. It does not block readers while the disk works.
func (t *Tier) put(b tier.Entry) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.ended() {
		return errClosed
	}
	path := t.path(b.Key)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = writeFile(path+suffix, b)
	}
	if err == nil {
		err = os.Rename(path+suffix, path)
	}
	if err != nil {
		_ = os.Remove(path + suffix) // a file that remains is removed at the next start
		return fmt.Errorf("write a block of the cache: %w", err)
	}
	t.mu.Lock()
	t.adopt(b.Key, onDisk(int64(len(b.Data))+headerSize))
	gone := t.evict()
	t.mu.Unlock()
	t.removeAll(gone)
	return nil
}

// adopt adds a file to the index, as the one used last. mu is held.
func (t *Tier) adopt(k tier.Key, n int64) {
	t.index.Remove(k) // counts what was there
	t.index.Add(k, &item{bytes: n})
	t.bytes += n
}

// evict removes the least recently used blocks from the index until the others fit. mu is held.
func (t *Tier) evict() (gone []tier.Key) {
	for t.bytes > t.limit {
		k, _, _ := t.index.RemoveOldest()
		gone = append(gone, k)
		t.stats.Evicted++
	}
	return gone
}
