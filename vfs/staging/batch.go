package staging

import (
	"context"
	"errors"
	"sync"

	"postern/crypto"
)

var (
	errEnded = errors.New("the batch has ended")
	errLost  = errors.New("stage blobs: another sync of the staging area failed: check the disk, then send " +
		"the file again")
)

// Batch is the blobs of one change. Its methods may be called by several goroutines at once.
type Batch struct {
	area  *Area
	share *Share         // what its blobs take the room of; nil: of the area alone
	wg    sync.WaitGroup // syncs in the background

	mu    sync.Mutex
	begun int64 // bytes that its blobs may have
	names []crypto.BlobName
	gives []func() // return what the blobs take of the share
	dirty bool     // a file was renamed since the directory was synced
	since int      // failed syncs of the directory before the first of these renames
	err   error
	ended bool
}

// Begin begins a batch. It allocates nothing on disk until the first blob.
func (a *Area) Begin() *Batch { return &Batch{area: a} }

// Add stages a whole blob and returns its name. The caller may reuse the bytes afterwards; they are synced in the
// background. Errors: vfs.ErrFull, the context's.
func (b *Batch) Add(ctx context.Context, blob []byte) (crypto.BlobName, error) {
	w, err := b.create(ctx, int64(len(blob)))
	if err != nil {
		return crypto.BlobName{}, err
	}
	if _, err := w.Write(blob); err != nil {
		w.Discard()
		return crypto.BlobName{}, err
	}
	return w.Finish(ctx)
}

// Names returns the blobs of the batch.
func (b *Batch) Names() []crypto.BlobName {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]crypto.BlobName(nil), b.names...)
}

// Seal waits until every blob of the batch is durable under its name. It returns the first error of any of them; the
// caller should then abort the batch. All blobs must have been finished or discarded.
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
	if b.area.dirSync.failures() != b.since {
		b.err = errLost
		return b.err
	}
	b.dirty = false
	return nil
}

// Done ends a sealed batch that the journal now refers to: its blobs stay until they are released, and Abort has no
// effect any more.
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

// Abort removes the batch's blobs, also after Seal. After Done, or a second time, it does nothing.
func (b *Batch) Abort() {
	b.wg.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	for _, name := range b.names {
		b.area.drop(name, func(h *held) { h.batches-- })
	}
	for _, give := range b.gives {
		give()
	}
	b.gives = nil
}

func (b *Batch) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	return err
}
