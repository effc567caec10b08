package working

import (
	"context"
	"errors"
	"fmt"

	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// A gateway that was away for longer than the grace period may find that the pages of its base were collected. Then its
// changes can be neither replayed nor merged. Instead they are made again, one after the other, on top of the newest
// commit (tree.Reapply). New changes are rejected until that commit has landed, so a crash in between only repeats this
// and loses nothing.

// errReapplying says why changes are rejected meanwhile.
var errReapplying = errors.New("changes made here are being brought together with those of other devices, after a " +
	"long time apart: try again in a minute")

// Reapply makes the pending changes after known again, on top of a commit.
func (c *Copy) Reapply(ctx context.Context, onto base.State, known uint64) error {
	c.home.Log.Warn("the state that changes were made to was collected while this device was away; they are made again " +
		"on what is there now")
	c.blocked.Store(&errReapplying)
	for {
		from, err := c.DurableHead()
		if err != nil {
			return err
		}
		r := tree.NewReapply(onto.Files, c.home.Device.Name)
		err = c.home.Replay(c.space.ID, func(seq uint64, rec local.Record) error {
			if seq <= known || seq > from.Seq {
				return nil
			}
			if err := c.redo(ctx, r, rec.Of(c.space.ID)); err != nil {
				return fmt.Errorf("make change %d again: %w", seq, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.changing.Lock()
		private := registry.Join(from.Private, onto.Private())
		done := c.replaceHead(from, &Head{Tree: r.Tree(), Private: private, Seq: from.Seq})
		if done {
			c.unrecorded = nil
			c.committed.Store(&onto)
		}
		c.changing.Unlock()
		if done {
			return nil
		}
	}
}

// redo makes the change of one record again.
func (c *Copy) redo(ctx context.Context, r *tree.Reapply, entry *local.Part) error {
	if len(entry.Op) == 0 { // the newest commit holds the merged commit, and the newest state what was noted
		return nil
	}
	op, err := tree.DecodeOp(entry.Op)
	if err != nil {
		return err
	}
	if put, ok := op.(tree.Put); ok && put.Entry.Info().LacksMD5() && c.sum != nil {
		// Here and now: it may lie under another name then, and no change can be recorded before the commit.
		if put.Entry.MD5, err = c.sum(ctx, put.Entry); ctx.Err() != nil {
			return err
		}
		if err != nil {
			c.home.Log.Warn("the MD5 of a file could not be computed", "error", err)
		}
		op = put
	}
	passed, err := r.Do(ctx, op)
	if passed != nil {
		c.home.Log.Warn("a change was skipped: the file or folder it applies to may have been replaced, or is gone",
			"error", passed)
	}
	return err
}
