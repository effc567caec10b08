// Package blockfile is the cache's tier on disk: blocks of ciphertext in files. It may lose any of them at any time; it
// returns only what was put, since every file has a checksum over its key and its bytes. The checksum does not stop an
// attacker with access to the folder; the seal inside does.
//
// Nothing is synced to disk, and a torn file is a miss.
package blockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"postern/cache/tier"
	"postern/crypto"
)

const (
	// DefaultLimit has room for some two hundred full chunks.
	DefaultLimit = 1 << 30

	// unit is the multiple to which nearly all file systems round the size of a file on disk.
	unit = 4096
)

// Options of a Tier. The zero value works.
type Options struct {
	Limit int64        // bytes on disk; zero: DefaultLimit
	Log   *slog.Logger // nil: quiet
}

// item is the index's entry of a block on disk. Each file that is written gets a new one.
type item struct {
	bytes int64 // on disk
}

// Tier is a folder of blocks. It implements tier.Tier and tier.Measured.
type Tier struct {
	dir   string
	limit int64
	log   *slog.Logger

	writing sync.Mutex // held while files come or go on purpose; before mu

	mu     sync.Mutex
	index  *simplelru.LRU[tier.Key, *item] // its evict callback, left, counts bytes
	bytes  int64
	stats  tier.Stats
	closed bool
	early  map[crypto.BlobName]bool // deleted before scan had ended; nil after that

	scanned chan struct{} // closed when scan has ended
}

var (
	_ tier.Tier     = (*Tier)(nil)
	_ tier.Measured = (*Tier)(nil)
)

var errClosed = errors.New("the cache's folder is closed")

// Open opens a folder, and makes it if needed. It finds existing blocks in the background; until then they are misses.
// It leaves foreign files alone.
func Open(dir string, o Options) (*Tier, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("use %s as a cache: %w", dir, err)
	}
	t := newTier(dir, o)
	go t.scan()
	return t, nil
}

// newTier returns a tier that has not read its folder yet.
func newTier(dir string, o Options) *Tier {
	t := &Tier{dir: dir, limit: o.Limit, log: o.Log, scanned: make(chan struct{}), early: map[crypto.BlobName]bool{}}
	if t.limit <= 0 {
		t.limit = DefaultLimit
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	// The tier bounds the bytes itself; NewLRU fails only for a size below 1.
	t.index, _ = simplelru.NewLRU(math.MaxInt, func(_ tier.Key, it *item) { t.bytes -= it.bytes })
	return t
}

// Get implements tier.Tier. Between two blocks it stops if ctx has ended.
func (t *Tier) Get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	var failed error
	for i, k := range keys {
		t.mu.Lock()
		it, ok := t.index.Get(k)
		t.mu.Unlock()
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := readFile(t.path(k), k)
		if err != nil {
			failed = errors.Join(failed, t.unread(k, it, err))
			continue
		}
		found(i, b)
	}
	return failed
}

// unread forgets a block that could not be read, and removes its file. It returns an error if the disk has failed.
func (t *Tier) unread(k tier.Key, it *item, err error) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now, _ := t.index.Peek(k); now != it {
		return nil // evicted or replaced while it was read
	}
	t.index.Remove(k)
	_ = os.Remove(t.path(k)) // the next scan finds a file that remains
	switch {
	case errors.Is(err, errDamaged):
		t.stats.Corrupt++
		t.log.Warn("a block of the cache is damaged and was thrown away", "blob", k.Blob, "block", k.Index, "error", err)
		return nil
	case errors.Is(err, fs.ErrNotExist): // the user may have emptied the folder
		return nil
	}
	return fmt.Errorf("read a block of the cache: %w", err)
}

// Delete implements tier.Tier.
func (t *Tier) Delete(_ context.Context, blob crypto.BlobName) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	var gone []tier.Key
	t.mu.Lock()
	if t.early != nil {
		t.early[blob] = true
	}
	for i := range uint32(tier.MaxIndex + 1) {
		if k := (tier.Key{Blob: blob, Index: i}); t.index.Remove(k) {
			gone = append(gone, k)
		}
	}
	t.mu.Unlock()
	t.removeAll(gone)
	return nil
}

// removeAll removes files. The next scan finds those that remain.
func (t *Tier) removeAll(gone []tier.Key) {
	for _, k := range gone {
		_ = os.Remove(t.path(k))
	}
}

// Stats implements tier.Measured.
func (t *Tier) Stats() tier.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Entries, s.Bytes, s.Limit = t.index.Len(), t.bytes, t.limit
	return s
}

// Scanned waits until the tier has found the blocks that were in its folder at Open.
func (t *Tier) Scanned() { <-t.scanned }

// Close implements tier.Tier. The blocks on disk are there at the next Open.
func (t *Tier) Close() error {
	t.writing.Lock()
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.writing.Unlock()
	<-t.scanned
	return nil
}

// path returns the file of a block. Two hex digits keep folders small.
func (t *Tier) path(k tier.Key) string {
	name := k.Blob.String()
	return filepath.Join(t.dir, name[:2], fmt.Sprintf("%s-%02x", name, k.Index))
}

func onDisk(n int64) int64 { return (n + unit - 1) / unit * unit }
