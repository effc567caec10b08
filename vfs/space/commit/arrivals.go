package commit

import (
	"context"
	"sync"

	"postern/crypto"
)

// arrivals remembers which staged blobs the remote has, so that the next attempt does not send them again, and lets
// callers that need the same blob share its upload.
type arrivals struct {
	mu       sync.Mutex
	of       map[crypto.BlobName]*arrival
	doubtful map[crypto.BlobName]bool // may be there: sent before, by this process or an earlier one
}

// arrival is the upload of one blob.
type arrival struct {
	done chan struct{} // closed when it has ended
	err  error         // nil: the remote has the blob
}

// newArrivals returns arrivals of which an earlier process may have sent some.
func newArrivals(earlier []crypto.BlobName) *arrivals {
	a := &arrivals{of: map[crypto.BlobName]*arrival{}, doubtful: map[crypto.BlobName]bool{}}
	for _, name := range earlier {
		a.doubtful[name] = true
	}
	return a
}

// bring returns when the remote has a blob. It calls upload unless the blob is there; one call at a time for each blob.
func (a *arrivals) bring(
	ctx context.Context, name crypto.BlobName, upload func(ctx context.Context, doubtful bool) error,
) error {
	for {
		a.mu.Lock()
		other := a.of[name]
		if other == nil {
			mine := &arrival{done: make(chan struct{})}
			a.of[name] = mine
			doubtful := a.doubtful[name]
			a.mu.Unlock()
			err := upload(ctx, doubtful)
			a.end(name, mine, err)
			return err
		}
		a.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if other.err == nil {
			return nil
		}
	}
}

// end ends an upload.
func (a *arrivals) end(name crypto.BlobName, of *arrival, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		delete(a.of, name)
		a.doubtful[name] = true
	}
	of.err = err
	close(of.done)
}

// keep forgets all blobs but those that are staged still, and returns them: the remote has them, or may have.
func (a *arrivals) keep(staged func(crypto.BlobName) bool) (gone []crypto.BlobName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, of := range a.of {
		select {
		case <-of.done:
			if !staged(name) {
				delete(a.of, name)
				gone = append(gone, name)
			}
		default:
		}
	}
	for name := range a.doubtful {
		if !staged(name) {
			delete(a.doubtful, name)
			gone = append(gone, name)
		}
	}
	return gone
}
