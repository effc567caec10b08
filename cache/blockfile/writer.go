package blockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/cache/tier"
	"postern/crypto"
)

// mostDead is how many bytes of replaced blocks a file may hold, beside as many of others.
const mostDead = 1 << 20

// Put implements tier.Tier. Between two blobs it stops when ctx has ended.
func (t *Tier) Put(ctx context.Context, blocks []tier.Entry) error {
	var failed error
	for len(blocks) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 1
		for n < len(blocks) && blocks[n].Blob == blocks[0].Blob {
			n++
		}
		if err := t.put(blocks[0].Blob, blocks[:n]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("write blocks of the cache: %w", err))
		}
		blocks = blocks[n:]
	}
	return failed
}

// put appends blocks to the file of their blob. It does not block readers while the disk works.
func (t *Tier) put(name crypto.BlobName, blocks []tier.Entry) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.ended() {
		return errClosed
	}
	f, b, err := t.file(name)
	if err != nil {
		return err
	}
	for _, e := range blocks {
		n := headerSize + len(e.Data)
		if e.Index > tier.MaxIndex || len(e.Data) > tier.MaxBlock || onDisk(int64(n)) > t.limit {
			continue
		}
		if !t.makeRoom(name, b, n) {
			break
		}
		if err = writeBlock(f, b.size, e); err != nil {
			break
		}
		t.adopt(b, e.Index, n)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	t.mu.Lock()
	useless := err != nil || len(b.blocks) == 0
	if useless {
		t.index.Remove(name)
	}
	t.mu.Unlock()
	if useless {
		t.removeAll([]crypto.BlobName{name})
	}
	return err
}

// file opens the file of a blob for writing, with its entry in the index. It makes a new one if there is none, or if
// most of it is dead, or if it is not the one that the tier knows. writing is held.
func (t *Tier) file(name crypto.BlobName) (*os.File, *blob, error) {
	path := t.path(name)
	t.mu.Lock()
	b, ok := t.index.Peek(name)
	stale := ok && b.dead > mostDead && b.dead > b.size/2
	t.mu.Unlock()
	if ok && !stale {
		f, err := openFile(path, os.O_WRONLY)
		if err == nil {
			return f, b, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamaged) {
			return nil, nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	f, err := create(path)
	if err != nil {
		return nil, nil, err
	}
	b = &blob{blocks: map[uint32]record{}}
	t.mu.Lock()
	t.index.Remove(name) // counts what was there
	t.index.Add(name, b)
	t.mu.Unlock()
	return f, b, nil
}

// makeRoom removes the blobs that were used least recently until n more bytes of one fit. It returns false if that one
// alone leaves no room for them.
func (t *Tier) makeRoom(name crypto.BlobName, b *blob, n int) bool {
	var gone []crypto.BlobName
	t.mu.Lock()
	t.index.Get(name) // it is used now
	more := onDisk(b.size+int64(n)) - onDisk(b.size)
	for t.bytes+more > t.limit && t.index.Len() > 1 {
		oldest, left, _ := t.index.RemoveOldest()
		gone = append(gone, oldest)
		t.stats.Evicted += uint64(len(left.blocks))
	}
	fits := t.bytes+more <= t.limit
	t.mu.Unlock()
	t.removeAll(gone)
	return fits
}

// adopt enters a block of n bytes that was written at the end of its blob's file.
func (t *Tier) adopt(b *blob, index uint32, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(b, index)
	b.blocks[index] = record{off: b.size, n: n}
	t.bytes += onDisk(b.size+int64(n)) - onDisk(b.size)
	b.size += int64(n)
	t.entries++
}
