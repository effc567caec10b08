package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// learn goes back through the commits before the newest. The packs of those younger than the grace period are kept, so that a gateway
// that comes back finds the commit it had last; what any of them leads to, that was not looked at before, is known to be this drive's
// from now on. A commit that is gone was collected, and those before it with it.
func (c *collection) learn(ctx context.Context) error {
	oldest := c.start.Add(-c.Grace)
	known := c.state.Hash == c.notes.Walked
	for at := c.state; ; {
		young := c.Grace > 0 && time.Unix(0, at.Commit.Time).After(oldest)
		parent := at.Commit.Parent
		if parent == (object.Parent{}) || known && !young {
			break
		}
		next, err := c.Drive.Open(ctx, parent.Commit)
		if corrupt(err) {
			break
		}
		if err != nil {
			return err
		}
		if next.Hash != parent.Hash {
			return &vfs.Error{Op: "open a commit before", Path: "/", Kind: vfs.ErrCorrupt, Err: errors.New("it is another one than its child says")}
		}
		if c.Grace > 0 && time.Unix(0, next.Commit.Time).After(oldest) {
			c.marks.keep(next.Ref.Blob)
		}
		if known = known || next.Hash == c.notes.Walked; !known {
			if err := c.marks.know(ctx, next); err != nil {
				return err
			}
		}
		at = next
	}
	for name := range c.marks.ours {
		if _, known := c.notes.Blobs[name]; !known {
			c.notes.Blobs[name] = 0
		}
	}
	c.notes.Walked = c.state.Hash
	return nil
}

// list tells the sizes of what is at the remote and this drive's.
func (c *collection) list(ctx context.Context) error {
	c.listed = map[crypto.BlobName]int64{}
	c.report.Others, c.report.Needed, c.report.Live = Amount{}, Amount{}, 0
	for b, err := range c.Store.List(ctx) {
		if err != nil {
			return fmt.Errorf("list what is at the remote: %w", err)
		}
		_, ours := c.notes.Blobs[b.Name]
		u := c.marks.blobs[b.Name]
		if u == nil && !ours && !c.Alone {
			c.report.Others.add(b.Size)
			continue
		}
		if _, twice := c.listed[b.Name]; twice {
			continue
		}
		c.listed[b.Name] = b.Size
		if u != nil {
			c.report.Needed.add(b.Size)
			c.report.Live += u.live
		}
	}
	c.report.Commit = object.Time(c.state.Commit.Time)
	return nil
}
