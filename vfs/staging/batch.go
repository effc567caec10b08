package staging

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"

	"postern/crypto"
	"postern/vfs/localfs"
)

// startEvery is how many bytes are written before the disk is asked to begin with them, so that the sync at the end finds little
// left to do.
const startEvery = 1 << 20

var errEnded = errors.New("the batch has ended")

// Batch is the blobs of one change. Its methods may be called by several goroutines at once.
type Batch struct {
	area *Area
	wg   sync.WaitGroup // syncs in the background

	mu    sync.Mutex
	names []crypto.BlobName
	dirty bool // something was renamed since the directory was synced
	err   error
	ended bool
}

// Begin begins a batch. It costs nothing until the first blob.
func (a *Area) Begin() *Batch { return &Batch{area: a} }

// Add stages a whole blob and tells its name. The bytes are the caller's again when it returns; they are synced in the background.
// Errors: vfs.ErrFull, the context's.
func (b *Batch) Add(ctx context.Context, blob []byte) (crypto.BlobName, error) {
	w, err := b.Create(ctx)
	if err != nil {
		return crypto.BlobName{}, err
	}
	if _, err := w.Write(blob); err != nil {
		w.Discard()
		return crypto.BlobName{}, err
	}
	return w.Finish(ctx)
}

// Names tells the blobs of the batch.
func (b *Batch) Names() []crypto.BlobName {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]crypto.BlobName(nil), b.names...)
}

// Seal waits until every blob of the batch is durable under its name. It tells the first error of any of them; the batch should be
// aborted then. All blobs must have been finished or discarded.
func (b *Batch) Seal(ctx context.Context) error {
	synced := make(chan struct{})
	go func() { b.wg.Wait(); close(synced) }()
	select {
	case <-synced:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	err, ended, dirty := b.err, b.ended, b.dirty
	b.mu.Unlock()
	switch {
	case err != nil:
		return err
	case ended:
		return errEnded
	case !dirty:
		return nil
	}
	if err := b.area.dirSync.do(); err != nil {
		return b.fail(full("stage blobs", err))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirty = false
	return nil
}

// Done ends a batch that was sealed and that the journal now refers to: its blobs stay until they are released, and Abort does
// nothing any more.
func (b *Batch) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	b.area.mu.Lock()
	defer b.area.mu.Unlock()
	for _, name := range b.names {
		if h := b.area.blobs[name]; h != nil {
			h.batches--
			h.kept = true
		}
	}
}

// Abort removes the batch's blobs, also when it was sealed. After Done, or a second time, it does nothing.
func (b *Batch) Abort() {
	b.wg.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	b.area.mu.Lock()
	defer b.area.mu.Unlock()
	for _, name := range b.names {
		if h := b.area.blobs[name]; h != nil {
			h.batches--
			if h.batches == 0 && !h.kept {
				b.area.drop(name, h)
			}
		}
	}
}

func (b *Batch) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	return err
}

// Blob is one blob on its way in. Exactly one of Finish and Discard ends it. Not safe for concurrent use.
type Blob struct {
	batch   *Batch
	temp    string
	file    localfs.File
	hash    hash.Hash
	size    int64
	started int64 // bytes the disk was asked to begin with
	give    func()
	err     error
	ended   bool
}

// Create begins a blob that is written piece by piece. Room for a whole blob is taken at once, so a blob that was begun can be
// finished. Errors: vfs.ErrFull, the context's.
func (b *Batch) Create(ctx context.Context) (*Blob, error) {
	b.mu.Lock()
	err := b.err
	if b.ended {
		err = errEnded
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	give, err := b.area.Reserve(ctx, crypto.MaxBlobSize)
	if err != nil {
		return nil, err
	}
	temp, err := b.area.temp()
	if err != nil {
		give()
		return nil, err
	}
	f, err := b.area.fs.Create(temp)
	if err != nil {
		give()
		return nil, full("stage blob", err)
	}
	return &Blob{batch: b, temp: temp, file: f, hash: crypto.NewNameHash(), give: give}, nil
}

// Size is what was written so far.
func (w *Blob) Size() int64 { return w.size }

// Write appends to the blob. Errors: vfs.ErrFull.
func (w *Blob) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.size+int64(len(p)) > crypto.MaxBlobSize {
		w.err = fmt.Errorf("stage blob: more than %d bytes", crypto.MaxBlobSize)
		return 0, w.err
	}
	if _, err := w.file.WriteAt(p, w.size); err != nil {
		w.err = full("stage blob", err)
		return 0, w.err
	}
	w.hash.Write(p)
	w.size += int64(len(p))
	if s, ok := w.file.(localfs.Starter); ok && w.size-w.started >= startEvery {
		s.StartSync(w.started, w.size-w.started)
		w.started = w.size
	}
	return len(p), nil
}

// Rewrite replaces the first bytes of the blob, which are no more than were written. It reads the blob again for its name, so it is
// for the rare case only.
func (w *Blob) Rewrite(p []byte) error {
	if w.err != nil {
		return w.err
	}
	if int64(len(p)) > w.size {
		return fmt.Errorf("stage blob: %d bytes to rewrite of %d", len(p), w.size)
	}
	if _, err := w.file.WriteAt(p, 0); err != nil {
		w.err = full("stage blob", err)
		return w.err
	}
	w.hash.Reset()
	buf := make([]byte, min(w.size, 256<<10))
	for off := int64(0); off < w.size; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), w.size-off)]
		if n, err := w.file.ReadAt(buf, off); n < len(buf) {
			w.err = fmt.Errorf("stage blob: read back: %w", err)
			return w.err
		}
		w.hash.Write(buf)
	}
	return nil
}

// Finish names the blob and hands it to the background, where it is synced and renamed; Seal tells whether that went well.
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
			b.fail(full("stage blob", err))
		}
	}()
	return name, nil
}

// land syncs the file and gives it its name.
func (w *Blob) land(name crypto.BlobName) error {
	if err := w.file.Sync(); err != nil {
		return err
	}
	a, b := w.batch.area, w.batch
	w.file.Close()
	a.mu.Lock()
	if err := a.fs.Rename(w.temp, a.path(name)); err != nil {
		a.mu.Unlock()
		return err
	}
	h := a.blobs[name]
	if h == nil {
		h = &held{size: w.size}
		a.blobs[name] = h
		a.room.take(w.size)
	}
	h.batches++
	a.mu.Unlock()
	w.give()
	b.mu.Lock()
	b.names = append(b.names, name)
	b.dirty = true
	b.mu.Unlock()
	return nil
}

// Discard forgets the blob. After Finish it does nothing.
func (w *Blob) Discard() {
	if !w.ended {
		w.ended = true
		w.discard()
	}
}

func (w *Blob) discard() {
	w.file.Close()
	if err := w.batch.area.fs.Remove(w.temp); err != nil {
		w.batch.area.log.Debug("an unfinished blob can't be removed; the next start will", "error", err)
	}
	w.give()
}
