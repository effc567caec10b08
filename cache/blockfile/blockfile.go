// Package blockfile is the cache's tier on disk: blocks of ciphertext, in one file for each blob. It may lose any of
// them at any time; it returns only what was put, since every block has a checksum over its key and its bytes. The
// checksum does not stop an attacker with access to the folder; the seal inside does.
//
// Blocks are appended to their blob's file in the order in which they come: making a file costs ten times as much as
// writing a block. Room is made by removing the blob that was not read for the longest time. Nothing is synced to disk,
// and a torn block is a miss.
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

// blob is the index's entry of a file.
type blob struct {
	size   int64             // bytes of the file up to where the next block goes
	dead   int64             // of them, bytes of blocks that others have replaced
	blocks map[uint32]record // by index
}

// record is where a block lies in its file.
type record struct {
	off int64
	n   int // bytes with the header
}

// Tier is a folder of blobs. It implements tier.Tier and tier.Measured.
type Tier struct {
	dir   string
	limit int64
	log   *slog.Logger

	writing sync.Mutex // held while files come, grow or go on purpose; before mu

	mu      sync.Mutex
	index   *simplelru.LRU[crypto.BlobName, *blob] // its evict callback, left, counts
	bytes   int64                                  // on disk
	entries int                                    // blocks
	stats   tier.Stats
	closed  bool
	early   map[crypto.BlobName]bool // deleted before scan had ended; nil after that

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
	t.index, _ = simplelru.NewLRU(math.MaxInt, func(_ crypto.BlobName, b *blob) {
		t.bytes -= onDisk(b.size)
		t.entries -= len(b.blocks)
	})
	return t
}

// Get implements tier.Tier. Between two blocks it stops if ctx has ended.
func (t *Tier) Get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	var failed error
	for i := 0; i < len(keys); {
		n := i + 1
		for n < len(keys) && keys[n].Blob == keys[i].Blob {
			n++
		}
		if err := t.get(ctx, keys[i:n], func(at int, b tier.Block) { found(i+at, b) }); err != nil {
			failed = errors.Join(failed, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		i = n
	}
	return failed
}

// get is Get for blocks of one blob.
func (t *Tier) get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	t.mu.Lock()
	b, _ := t.index.Get(keys[0].Blob)
	places := make([]record, len(keys)) // zero: it is not there
	held := false
	for i, k := range keys {
		if b != nil {
			places[i] = b.blocks[k.Index]
			held = held || places[i].n > 0
		}
	}
	t.mu.Unlock()
	if !held {
		return nil
	}
	f, err := openFile(t.path(keys[0].Blob), os.O_RDONLY)
	if err != nil {
		return t.unread(keys[0].Blob, b, err)
	}
	defer f.Close()
	var failed error
	for i, k := range keys {
		if places[i].n == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		block, err := readBlock(f, places[i], k)
		if err != nil {
			failed = errors.Join(failed, t.damaged(k, b, places[i], err))
			continue
		}
		found(i, block)
	}
	return failed
}

// unread forgets a blob whose file could not be opened. It returns an error if the disk has failed.
func (t *Tier) unread(name crypto.BlobName, b *blob, err error) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now, _ := t.index.Peek(name); now != b {
		return nil // evicted or replaced meanwhile
	}
	t.index.Remove(name)
	_ = os.Remove(t.path(name)) // the next scan finds a file that remains
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the user may have emptied the folder
	}
	if errors.Is(err, errDamaged) {
		t.stats.Corrupt++
		t.log.Warn("a file of the cache was replaced by something else and was thrown away", "blob", name, "error", err)
		return nil
	}
	return fmt.Errorf("read a file of the cache: %w", err)
}

// damaged forgets a block that could not be read. It returns an error if the disk has failed.
func (t *Tier) damaged(k tier.Key, b *blob, at record, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now, _ := t.index.Peek(k.Blob); now != b || b.blocks[k.Index] != at {
		return nil // evicted or replaced while it was read
	}
	t.remove(b, k.Index)
	if errors.Is(err, errDamaged) {
		t.stats.Corrupt++
		t.log.Warn("a block of the cache is damaged and was thrown away", "blob", k.Blob, "block", k.Index, "error", err)
		return nil
	}
	return fmt.Errorf("read a block of the cache: %w", err)
}

// remove takes a block out of a blob of the index, if it is there. mu is held.
func (t *Tier) remove(b *blob, index uint32) {
	if old, ok := b.blocks[index]; ok {
		b.dead += int64(old.n)
		delete(b.blocks, index)
		t.entries--
	}
}

// Delete implements tier.Tier.
func (t *Tier) Delete(_ context.Context, name crypto.BlobName) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	if t.early != nil {
		t.early[name] = true
	}
	held := t.index.Remove(name)
	t.mu.Unlock()
	if held {
		t.removeAll([]crypto.BlobName{name})
	}
	return nil
}

// removeAll removes files. The next scan finds those that remain.
func (t *Tier) removeAll(gone []crypto.BlobName) {
	for _, name := range gone {
		_ = os.Remove(t.path(name))
	}
}

// Stats implements tier.Measured.
func (t *Tier) Stats() tier.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Entries, s.Bytes, s.Limit = t.entries, t.bytes, t.limit
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

// path returns the file of a blob. Two hex digits keep folders small.
func (t *Tier) path(name crypto.BlobName) string {
	digits := name.String()
	return filepath.Join(t.dir, digits[:2], digits)
}

func onDisk(n int64) int64 { return (n + unit - 1) / unit * unit }
