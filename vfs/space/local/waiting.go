package local

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"postern/crypto"
)

// unopened is what the journal holds for a space that is not open, oldest first. It is never empty.
type unopened []needs

// needs is a record of the journal with the staged blobs that it needs.
type needs struct {
	seq   uint64
	blobs []crypto.BlobName
}

// Attach adds an open space, which needs the staged blobs. The first call also removes everything else from staging.
// The error is vfs.ErrCorrupt when staging has lost one of the blobs; a space that is already open is not added again.
func (h *Home) Attach(space crypto.PointerID, w Waiter, staged []crypto.BlobName) error {
	for _, name := range staged {
		if !h.Area.Has(name) {
			return lostStaged(name)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending[space] != nil {
		return errOpen
	}
	h.pending[space] = w
	delete(h.waiting, space)
	if h.revised || !h.scanned {
		return nil
	}
	h.revised = true
	needed := map[crypto.BlobName]struct{}{}
	for _, name := range staged {
		needed[name] = struct{}{}
	}
	for _, u := range h.waiting {
		for _, rec := range u {
			for _, name := range rec.blobs {
				needed[name] = struct{}{}
			}
		}
	}
	if n := h.Area.Keep(needed); n > 0 {
		h.Log.Info("removed staged blobs that no change needs", "blobs", n)
	}
	return nil
}

// errOpen says why a space is not opened twice: the two would not see each other's changes.
var errOpen = errors.New("this folder is open already")

// Detach removes a space that is closed, if it is there. Its records stay in the journal.
func (h *Home) Detach(space crypto.PointerID, w Waiter) {
	h.mu.Lock()
	there := h.pending[space] == w
	h.mu.Unlock()
	if !there {
		return
	}
	var u unopened
	w.Each(func(seq uint64, blobs []crypto.BlobName) { u = append(u, needs{seq, blobs}) })
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pending, space)
	if len(u) > 0 {
		h.waiting[space] = u
	}
}

// Waiting returns the spaces that are not open and have records in the journal. It returns none before the first space
// is open.
func (h *Home) Waiting() []crypto.PointerID {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]crypto.PointerID, 0, len(h.waiting))
	for id := range h.waiting {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b crypto.PointerID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// Holds reports whether a space, open or not, has records in the journal that it has not committed.
func (h *Home) Holds(space crypto.PointerID) bool {
	h.mu.Lock()
	w, waits := h.pending[space], len(h.waiting[space]) > 0
	h.mu.Unlock()
	if w != nil {
		_, waits = w.FirstPending()
	}
	return waits
}

// Flush waits until every change made so far in an open space is committed. It waits for all of them, even when one
// fails. Errors: those of Waiter.Landed.
func (h *Home) Flush(ctx context.Context) error {
	h.mu.Lock()
	open := slices.Collect(maps.Values(h.pending))
	h.mu.Unlock()
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, w := range open {
		wg.Go(func() {
			var last uint64
			w.Each(func(seq uint64, _ []crypto.BlobName) { last = seq })
			if last > 0 {
				errs[i] = w.Landed(ctx, last)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Changes returns how many changes of all spaces are recorded and not committed. A move between two spaces counts in
// both.
func (h *Home) Changes() (n int) {
	h.each(func(uint64, []crypto.BlobName) { n++ })
	return n
}

// Release removes staged blobs that a space no longer needs, except those that another space needs, too: after a move
// was put back, two spaces need the same blobs.
func (h *Home) Release(names []crypto.BlobName) {
	if len(names) == 0 {
		return
	}
	h.Sharing.Lock()
	defer h.Sharing.Unlock()
	unneeded := make(map[crypto.BlobName]struct{}, len(names))
	for _, name := range names {
		unneeded[name] = struct{}{}
	}
	h.each(func(_ uint64, blobs []crypto.BlobName) {
		for _, name := range blobs {
			delete(unneeded, name)
		}
	})
	h.Area.Release(slices.Collect(maps.Keys(unneeded))...)
}

// each calls f for the records that any space needs.
func (h *Home) each(f func(seq uint64, blobs []crypto.BlobName)) {
	h.mu.Lock()
	open := slices.Collect(maps.Values(h.pending))
	for _, u := range h.waiting {
		for _, rec := range u {
			f(rec.seq, rec.blobs)
		}
	}
	h.mu.Unlock()
	for _, w := range open {
		w.Each(f)
	}
}

// DefaultCompactFrom is the size in bytes of the journal from which on it is compacted. Below, that would save too
// little.
const DefaultCompactFrom = 128 << 20

// compact drops records that no space needs from the middle of the journal, once they take about half of it. A space
// whose remote is away keeps the journal from being trimmed, while the records of other spaces come and go behind its
// own. So the journal takes at most twice what the spaces need, or compactFrom, and one more file.
func (h *Home) compact() error {
	h.mu.Lock()
	full := max(h.compactFrom, 2*h.left)
	h.mu.Unlock()
	now := h.journal.Pending()
	if now.Bytes < full {
		return nil
	}
	// Records from now.Next on may be missing here: their spaces are recording them.
	needed := map[uint64]struct{}{}
	h.each(func(seq uint64, _ []crypto.BlobName) { needed[seq] = struct{}{} })
	err := h.journal.Compact(now.Next, func(seq uint64) bool {
		_, ok := needed[seq]
		return ok
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = h.journal.Pending().Bytes
	return err
}

func (h *Home) openSpace(space crypto.PointerID) Waiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pending[space]
}
