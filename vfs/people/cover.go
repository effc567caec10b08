package people

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// A store that tells its clients apart sees who fetches the blobs of whose folders. With cover, a gateway fetches all
// small blobs that come to the store, whoever put them, before it reads the states that they belong to. What it then
// needs of them is in its cache, and the store sees the same requests of each gateway. Larger blobs are not covered.

const (
	// coverSize is the size of the largest blob that cover fetches. A folder that was changed just before it was shared
	// lies in one blob with the owner's private state, so the least size is not enough.
	coverSize = 16 << 10
	// maxCovered bounds the small blobs at a store that cover fetches and remembers: 1 GiB to fetch, 3 MiB of memory.
	maxCovered = 1 << 16
	// coverLines is how many of them are fetched at a time.
	coverLines = 8
)

// cover has the poller fetch all small blobs. It then looks for listed pointers even if this account follows none.
func (p *People) cover() {
	c := &covering{store: p.o.Store, log: p.o.Log}
	poller := p.o.Own.Home().Poller()
	poller.Cover(c.fetch)
	p.uncover = poller.Listed(p.o.Store, crypto.PointerID{}, func(crypto.Pointer) {})
}

// covering fetches the small blobs of a store.
type covering struct {
	store remote.Store
	log   *slog.Logger

	mu   sync.Mutex
	seen map[crypto.BlobName]bool // those that were fetched, and are still there
	told bool                     // that the store has too many
}

// fetch fetches the small blobs that have come since the last call.
func (c *covering) fetch(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	still := map[crypto.BlobName]bool{}
	var fresh []crypto.BlobName
	for b, err := range c.store.List(ctx) {
		switch {
		case err != nil:
			return err
		case b.Size > coverSize:
		case c.seen[b.Name]:
			still[b.Name] = true
		case len(still)+len(fresh) < maxCovered:
			fresh = append(fresh, b.Name)
		case !c.told:
			c.told = true
			c.log.Warn("the storage has too many small blobs to fetch them all: it may see which ones are read here",
				"most", maxCovered)
		}
	}
	c.seen = still
	return c.fetchAll(ctx, fresh)
}

// fetchAll fetches some blobs and adds them to those that were seen.
func (c *covering) fetchAll(ctx context.Context, names []crypto.BlobName) error {
	var lines sync.WaitGroup
	errs := make([]error, coverLines)
	done := make([]int, coverLines)
	for line := range coverLines {
		lines.Go(func() {
			for i := line; i < len(names); i += coverLines {
				_, err := c.store.Get(ctx, names[i])
				if errors.Is(err, remote.ErrUnavailable) || errors.Is(err, remote.ErrClosed) {
					errs[line] = err
					return
				}
				done[line]++ // also what is gone again, or damaged
			}
		})
	}
	lines.Wait()
	for line, n := range done {
		for k := range n {
			c.seen[names[line+k*coverLines]] = true
		}
	}
	return errors.Join(errs...)
}
