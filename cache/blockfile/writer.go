package blockfile

import (
	"os"
	"path/filepath"
)

// suffix marks a file that is not whole yet.
const suffix = ".new"

// writer writes what is queued until the tier is closed. No lock is held while the disk works.
func (t *Tier) writer() {
	for {
		k, w := t.next()
		if w == nil {
			return
		}
		path := t.path(k)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = writeFile(path+suffix, k, w)
		}
		if err == nil {
			err = os.Rename(path+suffix, path)
		}
		if err != nil {
			_ = os.Remove(path + suffix) // what remains is removed at the next start
		}
		for _, gone := range t.place(k, w, err) {
			_ = os.Remove(t.path(gone)) // what remains is found and judged at the next start
		}
	}
}

// next waits for a block to write; nil at the end.
func (t *Tier) next() (Key, *write) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false // with the last one all is done, down to what had to go for it
	t.wake.Broadcast()
	for {
		if t.closed {
			return Key{}, nil
		}
		if len(t.order) > 0 {
			k := t.order[0]
			t.order = t.order[1:]
			if w := t.pending[k]; w != nil {
				t.busy = true
				return k, w
			}
			continue
		}
		t.wake.Wait()
	}
}

// place makes a block that was written one that is found, unless it was dropped or replaced meanwhile, and returns whose
// files must go.
func (t *Tier) place(k Key, w *write, err error) (gone []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	later := t.pending[k]
	if later == w {
		delete(t.pending, k)
		t.queued -= int64(len(w.data))
	}
	switch {
	case err != nil:
		t.fault(err)
		if later != w && later != nil {
			t.order = append(t.order, k)
		}
		return nil
	case later == nil: // dropped, or the disk was taken out
		return []Key{k}
	case later != w: // replaced: the later one goes over it
		t.order = append(t.order, k)
		return nil
	}
	t.faults = 0
	t.stats.Written++
	if at := t.index[k]; at != nil {
		t.forget(at)
	}
	n := onDisk(int64(len(w.data)) + headerSize)
	t.index[k] = t.lru.PushFront(&item{key: k, bytes: n})
	t.bytes += n
	return t.evict()
}

// evict takes the least recently used out of the index until the rest fits.
func (t *Tier) evict() (gone []Key) {
	for t.bytes > t.limit {
		last := t.lru.Back()
		gone = append(gone, last.Value.(*item).key)
		t.forget(last)
		t.stats.Evicted++
	}
	return gone
}
