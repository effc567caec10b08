// Package blockfile keeps blocks of ciphertext in files: the disk tier of the cache. It may lose anything at any time and
// says so by a miss; what it returns is what was put, for every file carries a checksum over its key and its bytes. It is
// no proof against who may write to the folder: that is what the seal inside is for.
//
// Nothing is synced to disk, and a torn file is a miss. Writes are queued and dropped when the queue is full, so that a
// slow disk never holds up who puts. A disk that fails again and again is left alone until the next start.
package blockfile

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"postern/crypto"
)

// Key names a block: the blob and which of its blocks.
type Key struct {
	Blob  crypto.BlobName
	Index uint32
}

const (
	// MaxIndex is the greatest index of a block: two hex digits of a file's name.
	MaxIndex = 0xff
	// MaxBlock is the most bytes of a block; a file that claims more is damaged.
	MaxBlock = 1 << 20

	// DefaultLimit is room for some two hundred full chunks.
	DefaultLimit = 1 << 30
	// DefaultQueue holds three full chunks that came in one piece each; a disk that is further behind is too slow to help.
	DefaultQueue = 16 << 20

	// maxFaults is how many failures in a row make a disk sick. One may be a stray, eight are not.
	maxFaults = 8
	// unit is what files take on disk in multiples of, on nearly all file systems.
	unit = 4096
)

// Options of a Tier. The zero value works.
type Options struct {
	Limit int64        // bytes on disk; zero: DefaultLimit
	Queue int64        // bytes that wait to be written; zero: DefaultQueue
	Log   *slog.Logger // nil: quiet
}

// Stats are what a Tier has done since it was opened, and what it holds.
type Stats struct {
	Hits, Misses uint64
	HitBytes     uint64
	Written      uint64 // blocks
	Dropped      uint64 // blocks that found the queue full
	Evicted      uint64
	Corrupt      uint64 // files that were not what was written
	Faults       uint64 // failures of the disk
	Entries      int
	Bytes, Limit int64 // on disk
	Out          bool  // the disk was sick and is no longer used
}

// item is a block on disk.
type item struct {
	key   Key
	bytes int64 // on disk
}

// write is a block that waits to be written.
type write struct {
	data []byte
	size int64
}

// Tier is a folder of blocks. It is safe for concurrent use.
type Tier struct {
	dir   string
	limit int64
	room  int64 // bytes of the queue
	log   *slog.Logger

	mu      sync.Mutex
	index   map[Key]*list.Element // of *item
	lru     *list.List            // most recently used first
	bytes   int64
	pending map[Key]*write
	queued  int64 // bytes in pending
	order   []Key // of pending, oldest first; keys may be gone from pending
	busy    bool  // the writer is writing
	faults  int   // in a row
	stats   Stats
	closed  bool
	early   map[crypto.BlobName]bool // dropped before scan knew what is there; nil once it does

	wake    *sync.Cond    // there is something to write, or it was written, or the end
	scanned chan struct{} // closed when what lay there at the start is known
	done    sync.WaitGroup
}

// Open uses a folder, made if need be. What lies there from before is found in the background; until then it is a miss.
// Files that it does not know are left alone.
func Open(dir string, o Options) (*Tier, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("use %s as a cache: %w", dir, err)
	}
	t := newTier(dir, o)
	t.done.Go(t.scan)
	t.done.Go(t.writer)
	return t, nil
}

// newTier is a tier at rest.
func newTier(dir string, o Options) *Tier {
	t := &Tier{
		dir: dir, limit: o.Limit, room: o.Queue, log: o.Log,
		index: map[Key]*list.Element{}, lru: list.New(), pending: map[Key]*write{}, scanned: make(chan struct{}),
		early: map[crypto.BlobName]bool{},
	}
	if t.limit <= 0 {
		t.limit = DefaultLimit
	}
	if t.room <= 0 {
		t.room = DefaultQueue
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.wake = sync.NewCond(&t.mu)
	return t
}

// Get returns a block as it was put, or false. The caller must not change the bytes.
func (t *Tier) Get(k Key) (data []byte, size int64, ok bool) {
	t.mu.Lock()
	if w := t.pending[k]; w != nil {
		t.hit(len(w.data))
		t.mu.Unlock()
		return w.data, w.size, true
	}
	at := t.index[k]
	if at == nil {
		t.stats.Misses++
		t.mu.Unlock()
		return nil, 0, false
	}
	t.lru.MoveToFront(at)
	t.mu.Unlock()

	path := t.path(k)
	data, size, err := readFile(path, k)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.hit(len(data))
		t.faults = 0
		return data, size, true
	}
	if t.unread(k, at, err) {
		_ = os.Remove(path) // it is forgotten either way
	}
	return nil, 0, false
}

// unread judges why a block could not be read, and reports whether its file must go.
func (t *Tier) unread(k Key, at *list.Element, err error) (remove bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Misses++
	if t.index[k] != at || t.pending[k] != nil {
		return false // evicted or replaced while it was read
	}
	t.forget(at)
	switch {
	case errors.Is(err, errDamaged):
		t.stats.Corrupt++
		t.log.Warn("a block of the cache is damaged and was thrown away", "blob", k.Blob, "block", k.Index, "error", err)
		return true
	case !errors.Is(err, fs.ErrNotExist): // someone may well have emptied the folder
		t.fault(err)
	}
	return false
}

// Put queues a block to be written, replacing what is there. size is that of the whole blob, 0 when it is not known. The
// caller must not change data any more.
func (t *Tier) Put(k Key, data []byte, size int64) {
	if k.Index > MaxIndex || len(data) > MaxBlock {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.stats.Out {
		return
	}
	old := int64(0)
	if w := t.pending[k]; w != nil {
		old = int64(len(w.data))
	}
	if t.queued-old+int64(len(data)) > t.room || t.full(int64(len(data))) {
		t.stats.Dropped++
		return
	}
	t.queued += int64(len(data)) - old
	if t.pending[k] == nil {
		t.order = append(t.order, k)
	}
	t.pending[k] = &write{data: data, size: size}
	t.wake.Broadcast()
}

// full reports whether a block can't fit at all.
func (t *Tier) full(n int64) bool { return onDisk(n+headerSize) > t.limit }

// Drop forgets all blocks of a blob.
func (t *Tier) Drop(blob crypto.BlobName) {
	var gone []Key
	t.mu.Lock()
	if t.early != nil {
		t.early[blob] = true
	}
	for i := range uint32(MaxIndex + 1) {
		k := Key{Blob: blob, Index: i}
		if w := t.pending[k]; w != nil {
			t.queued -= int64(len(w.data))
			delete(t.pending, k)
		}
		if at := t.index[k]; at != nil {
			t.forget(at)
			gone = append(gone, k)
		}
	}
	t.mu.Unlock()
	for _, k := range gone {
		_ = os.Remove(t.path(k)) // what remains is found and judged at the next start
	}
}

// Stats returns what was done so far.
func (t *Tier) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Entries, s.Bytes, s.Limit = len(t.index), t.bytes, t.limit
	return s
}

// Settle waits until what was found at the start is known and all that was put is written or dropped.
func (t *Tier) Settle() {
	<-t.scanned
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.closed && (t.busy || len(t.pending) > 0) {
		t.wake.Wait()
	}
}

// Close ends the tier. What waits to be written is lost, what is on disk is there at the next Open.
func (t *Tier) Close() {
	t.mu.Lock()
	t.closed = true
	t.wake.Broadcast()
	t.mu.Unlock()
	t.done.Wait()
}

func (t *Tier) hit(n int) {
	t.stats.Hits++
	t.stats.HitBytes += uint64(n)
}

// forget takes a block out of the index.
func (t *Tier) forget(at *list.Element) {
	it := t.lru.Remove(at).(*item)
	delete(t.index, it.key)
	t.bytes -= it.bytes
}

// fault counts a failure of the disk, and takes the disk out when there are too many.
func (t *Tier) fault(err error) {
	t.stats.Faults++
	t.faults++
	if t.faults < maxFaults || t.stats.Out {
		return
	}
	t.stats.Out = true
	t.index, t.pending, t.order = map[Key]*list.Element{}, map[Key]*write{}, nil
	t.lru.Init()
	t.bytes, t.queued = 0, 0
	t.log.Warn("the disk of the cache fails and is left alone until the next start", "folder", t.dir, "error", err)
}

// path is where a block lies: two hex digits keep folders small.
func (t *Tier) path(k Key) string {
	name := k.Blob.String()
	return filepath.Join(t.dir, name[:2], fmt.Sprintf("%s-%02x", name, k.Index))
}

func onDisk(n int64) int64 { return (n + unit - 1) / unit * unit }
