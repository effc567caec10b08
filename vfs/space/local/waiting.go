package local

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"slices"

	"postern/crypto"
)

// unopened is what the journal holds for a space that is not open.
type unopened struct {
	first uint64
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
		for _, name := range u.blobs {
			needed[name] = struct{}{}
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
	first, found := w.FirstPending()
	blobs := w.Staged(math.MaxUint64)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pending, space)
	if found {
		h.waiting[space] = &unopened{first: first, blobs: blobs}
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
	needed := func(blobs []crypto.BlobName) {
		for _, name := range blobs {
			delete(unneeded, name)
		}
	}
	h.mu.Lock()
	open := slices.Collect(maps.Values(h.pending))
	for _, u := range h.waiting {
		needed(u.blobs)
	}
	h.mu.Unlock()
	for _, w := range open {
		needed(w.Staged(math.MaxUint64))
	}
	h.Area.Release(slices.Collect(maps.Keys(unneeded))...)
}

func (h *Home) openSpace(space crypto.PointerID) Waiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pending[space]
}
