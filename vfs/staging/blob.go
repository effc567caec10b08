package staging

import (
	"context"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote/localfs"
)

// bufferSize is the size of one write: large enough for a disk's full speed. A blob has two buffers while it is
// written.
//
// Once manyBuffers large buffers are in use, further blobs get small ones, so that hundreds of concurrent uploads do
// not take hundreds of megabytes. The disk is busy anyway by then.
const (
	bufferSize  = 1 << 20
	smallBuffer = 64 << 10
	manyBuffers = 48
)

// cached is how many bytes of one change are written through the page cache. Programs read soon what they have saved,
// and a thumbnail or preview is made of it: such a read is then twice as fast, and the write itself a third. The
// rest of a larger file goes straight to the disk, which saves a copy and evicts nothing from the cache.
const cached = 64 << 20

var (
	buffers      = sync.Pool{New: func() any { b := localfs.Aligned(bufferSize); return &b }}
	smallBuffers = sync.Pool{New: func() any { b := localfs.Aligned(smallBuffer); return &b }}
	inUse        atomic.Int64 // large buffers
)

func takeBuffer() *[]byte {
	if inUse.Add(1) <= manyBuffers {
		return buffers.Get().(*[]byte)
	}
	inUse.Add(-1)
	return smallBuffers.Get().(*[]byte)
}

func giveBuffer(b *[]byte) {
	if len(*b) == smallBuffer {
		smallBuffers.Put(b)
		return
	}
	inUse.Add(-1)
	buffers.Put(b)
}

// Blob is a blob that is being written. Exactly one of Finish and Discard ends it. It is not safe for concurrent use.
type Blob struct {
	batch *Batch
	temp  string
	file  localfs.File
	hash  hash.Hash
	give  func()
	size  int64
	err   error
	ended bool

	buf     *[]byte // nil: none yet
	n       int     // bytes in buf
	at      int64   // where buf begins in the file
	writing chan error
}

// Create begins a blob that is written piece by piece. It reserves room for the largest blob, so that a blob that was
// begun can be finished. Errors: vfs.ErrFull, the context's.
func (b *Batch) Create(ctx context.Context) (*Blob, error) {
	return b.create(ctx, crypto.MaxBlobSize)
}

// create begins a blob of at most size bytes.
func (b *Batch) create(ctx context.Context, size int64) (*Blob, error) {
	b.mu.Lock()
	err := b.err
	if b.ended {
		err = errEnded
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	give, err := b.area.ReserveIn(ctx, b.share, size)
	if err != nil {
		return nil, err
	}
	temp, err := b.area.temp()
	if err != nil {
		give()
		return nil, err
	}
	create := b.area.fs.Create
	if d, ok := b.area.fs.(localfs.Director); ok && b.begin(size) > cached {
		create = d.CreateDirect
	}
	f, err := create(temp)
	if err != nil {
		give()
		return nil, full("stage blob", err)
	}
	return &Blob{batch: b, temp: temp, file: f, hash: crypto.NewNameHash(), give: give}, nil
}

// begin counts the bytes that the blobs of the batch may have, with one more of size bytes.
func (b *Batch) begin(size int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun += size
	return b.begun
}

// Size returns the number of bytes written so far.
func (w *Blob) Size() int64 { return w.size }

// Write appends to the blob. The disk works while the caller makes the next bytes, so an error may be returned by a
// later Write, by Finish or by the batch's Seal. Errors: vfs.ErrFull.
func (w *Blob) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.size+int64(len(p)) > crypto.MaxBlobSize {
		w.err = fmt.Errorf("stage blob: more than %d bytes", crypto.MaxBlobSize)
		return 0, w.err
	}
	w.hash.Write(p)
	w.size += int64(len(p))
	for rest := p; len(rest) > 0; {
		if w.buf == nil {
			w.buf = takeBuffer()
		}
		m := copy((*w.buf)[w.n:], rest)
		w.n += m
		rest = rest[m:]
		if w.n == len(*w.buf) {
			if err := w.waitWritten(); err != nil {
				return 0, err
			}
			w.start()
		}
	}
	return len(p), nil
}

// start writes the buffer in the background.
func (w *Blob) start() {
	buf, n, at := w.buf, w.n, w.at
	w.buf, w.n, w.at = nil, 0, at+int64(n)
	done := make(chan error, 1)
	w.writing = done
	go func() {
		_, err := w.file.WriteAt((*buf)[:n], at)
		giveBuffer(buf)
		done <- err
	}()
}

// waitWritten waits for the write in progress.
func (w *Blob) waitWritten() error {
	if w.writing == nil {
		return w.err
	}
	err := <-w.writing
	w.writing = nil
	if err != nil && w.err == nil {
		w.err = full("stage blob", err)
	}
	return w.err
}

// flush writes the rest of the buffer, its aligned part separately, so that this part can bypass the page cache.
func (w *Blob) flush() error {
	if err := w.waitWritten(); err != nil {
		return err
	}
	if w.n == 0 {
		return nil
	}
	p := (*w.buf)[:w.n]
	whole := len(p) - len(p)%localfs.Alignment
	for _, part := range [][]byte{p[:whole], p[whole:]} {
		if len(part) == 0 {
			continue
		}
		if _, err := w.file.WriteAt(part, w.at); err != nil {
			w.err = full("stage blob", err)
			return w.err
		}
		w.at += int64(len(part))
	}
	w.n = 0
	return nil
}

// Rewrite replaces the first bytes of the blob, at most as many as were written. It reads the blob again to compute its
// name, so it is meant for rare cases. No Write may follow.
func (w *Blob) Rewrite(p []byte) error {
	if int64(len(p)) > w.size {
		return fmt.Errorf("stage blob: %d bytes to rewrite of %d", len(p), w.size)
	}
	if w.err == nil && w.at == 0 && w.buf != nil { // the whole blob is still in the buffer
		copy(*w.buf, p)
		w.hash.Reset()
		w.hash.Write((*w.buf)[:w.n])
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(p, 0); err != nil {
		w.err = full("stage blob", err)
		return w.err
	}
	if w.buf == nil {
		w.buf = takeBuffer()
	}
	w.hash.Reset()
	for off := int64(0); off < w.size; {
		b := (*w.buf)[:min(w.size-off, int64(len(*w.buf)))]
		if n, err := w.file.ReadAt(b, off); n < len(b) {
			w.err = fmt.Errorf("stage blob: read back: %w", err)
			return w.err
		}
		w.hash.Write(b)
		off += int64(len(b))
	}
	return nil
}

// Finish returns the blob's name. The rest is written, synced and renamed in the background; Seal reports errors.
func (w *Blob) Finish(ctx context.Context) (crypto.BlobName, error) {
	if w.err != nil {
		w.Discard()
		return crypto.BlobName{}, w.err
	}
	var name crypto.BlobName
	w.hash.Sum(name[:0])
	b := w.batch
	select {
	case b.area.syncing <- struct{}{}:
	case <-ctx.Done():
		w.Discard()
		return crypto.BlobName{}, ctx.Err()
	}
	w.ended = true
	b.wg.Add(1)
	go func() {
		defer b.wg.Done()
		defer func() { <-b.area.syncing }()
		if err := w.land(name); err != nil {
			w.discard()
			_ = b.fail(full("stage blob", err))
		}
	}()
	return name, nil
}

// land completes and syncs the file and renames it to its blob name.
func (w *Blob) land(name crypto.BlobName) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.recycle()
	if err := w.file.Sync(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	a, b := w.batch.area, w.batch
	a.naming.Lock()
	defer a.naming.Unlock()
	failures := a.dirSync.failures()
	if err := a.fs.Rename(w.temp, a.path(name)); err != nil {
		return err
	}
	a.mu.Lock()
	h := a.blobs[name]
	if h == nil {
		h = &held{size: w.size}
		a.blobs[name] = h
		a.room.take(w.size)
	}
	h.batches++
	a.mu.Unlock()
	var give func()
	if b.share != nil {
		give = b.share.Take(w.size)
	}
	w.give()
	b.mu.Lock()
	b.names = append(b.names, name)
	if give != nil {
		b.gives = append(b.gives, give)
	}
	if !b.dirty {
		b.dirty, b.since = true, failures
	}
	b.mu.Unlock()
	return nil
}

// Discard removes the blob. After Finish it does nothing.
func (w *Blob) Discard() {
	if !w.ended {
		w.ended = true
		w.discard()
	}
}

func (w *Blob) discard() {
	_ = w.waitWritten() // the blob is discarded
	w.recycle()
	w.file.Close()
	if err := w.batch.area.fs.Remove(w.temp); err != nil {
		w.batch.area.log.Debug("an unfinished blob can't be removed; the next start will", "error", err)
	}
	w.give()
}

func (w *Blob) recycle() {
	if w.buf != nil {
		giveBuffer(w.buf)
		w.buf, w.n = nil, 0
	}
}
