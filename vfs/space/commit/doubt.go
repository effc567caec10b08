package commit

import (
	"context"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs/space/working"
)

// doubt lists the blobs that a committer can't be sure the remote still has.
type doubt struct {
	// sure is when the remote last showed the base state of the pending changes, and so still kept what they refer to.
	sure time.Time
	// older says that some of the changes were made to a predecessor of base, whose blobs base may no longer need.
	older bool
	// paths holds, with their paths, blobs that the newest commit refers to and that may still be collected.
	paths map[crypto.BlobName]string
}

// assure makes sure, before the pointer moves to a state, that everything it refers to is at the remote. Usually there
// is nothing to do.
func (c *Committer) assure(ctx context.Context, h *working.Head) (err error) {
	if !c.grace.Doubtful(c.doubt.sure) {
		return nil
	}
	staged := c.copy.Staged(h.Seq)
	if c.doubt.paths, err = Needs(ctx, c.base.Whole, h.Tree, staged); err == nil {
		err = c.settleDoubts(ctx)
	}
	if err != nil {
		return fmt.Errorf("look whether all that was uploaded is still there: %w", err)
	}
	for _, name := range staged {
		delete(c.doubt.paths, name) // only this gateway has them, and it will not keep them staged for long
	}
	return nil
}

// settleDoubts checks that the doubtful blobs are at the remote. It runs again some time after the pointer has moved:
// by then, a collection that read the pointer just before has finished its deletions.
func (c *Committer) settleDoubts(ctx context.Context) error {
	if len(c.doubt.paths) == 0 {
		return nil
	}
	lost, err := c.uploads.Restore(ctx, c.doubt.paths)
	if err != nil {
		return err
	}
	for _, l := range lost {
		c.home.Log.Error(
			"a file or folder was deleted on another device and collected while this device was away, and is not here either",
			"path", l.Path, "blob", l.Blob.String())
		delete(c.doubt.paths, l.Blob)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Lost += len(lost)
	return nil
}
