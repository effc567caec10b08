package commit

import (
	"context"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs/space/working"
)

// doubt is what a committer doubts that the remote still has.
type doubt struct {
	// sure is when the remote last showed the state that the pending changes were made to, and so that it keeps what they refer to.
	sure time.Time
	// older says that some of them were made to a state that base has followed, and needs no longer what that one did.
	older bool
	// paths is what the newest commit refers to and may be collected all the same, by its paths.
	paths map[crypto.BlobName]string
}

// assure makes sure, before the pointer moves to a state, that all it refers to is at the remote. Usually there is nothing to do.
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
		delete(c.doubt.paths, name) // nobody else knows them, and they won't be staged for long
	}
	return nil
}

// settleDoubts looks whether all is there of which there is doubt. It is called again some time after the pointer has
// moved: a collection that looked for the newest state just before is through by then with what it deletes.
func (c *Committer) settleDoubts(ctx context.Context) error {
	if len(c.doubt.paths) == 0 {
		return nil
	}
	lost, err := c.uploads.Restore(ctx, c.doubt.paths)
	if err != nil {
		return err
	}
	for _, l := range lost {
		c.home.Log.Error("a file or folder was deleted on another device and collected while this device was away, and is not here either",
			"path", l.Path, "blob", l.Blob.String())
		delete(c.doubt.paths, l.Blob)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Lost += len(lost)
	return nil
}
