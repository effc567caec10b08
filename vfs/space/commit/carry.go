package commit

import (
	"context"
	"errors"
	"fmt"

	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Carry merges what changed between two commits of another space of the same owner at the same store into this space,
// as a commit of its own. Merging the same again changes nothing. Errors: remote.ErrConflict if other writers were
// faster each time, those of a commit.
func (c *Committer) Carry(ctx context.Context, was, is object.Head) error {
	c.Retry()
	return c.Do(ctx, func(ctx context.Context) (err error) {
		for range rosterTries {
			if err = c.carry(ctx, was, is); !errors.Is(err, remote.ErrConflict) {
				break
			}
		}
		c.note(err)
		return err
	})
}

func (c *Committer) carry(ctx context.Context, was, is object.Head) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	from, err := base.OpenCommit(ctx, c.nodes, was)
	if err != nil {
		return fmt.Errorf("carry changes over: %w", err)
	}
	to, err := base.OpenCommit(ctx, c.nodes, is)
	if err != nil {
		return fmt.Errorf("carry changes over: %w", err)
	}
	o := tree.MergeOptions{Ours: c.home.Device.Name, Theirs: to.Commit.Device, Time: c.home.Now()}
	merged, conflicts, err := tree.Merge(ctx, from.Files, c.base.Files, to.Files, o)
	if err != nil {
		return fmt.Errorf("carry changes over: %w", err)
	}
	if merged == c.base.Files {
		return nil
	}
	for _, conflict := range conflicts {
		c.home.Log.Warn("changed in a folder and in the one that replaced it; both are kept", "conflict", conflict)
	}
	a, err := c.sealer.seal(ctx, c.base, &working.Head{Tree: merged}, nil, nil)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	old, next := c.base.Pointer.Hash(), a.next.Pointer
	c.uploads.send(old, next.Hash())
	if err := c.store.Swap(ctx, old, next); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return c.look(ctx) // pending changes were made without it, so it is merged as a commit of others is
}

// Withdrawn looks for the newest state and reports whether the owner has withdrawn the right to write here. Then
// nothing pending can be committed.
func (c *Committer) Withdrawn(ctx context.Context) (withdrawn bool, err error) {
	c.Retry()
	err = c.Do(ctx, func(ctx context.Context) error {
		if err := c.look(ctx); err != nil {
			c.note(err)
			return err
		}
		withdrawn = c.withdrawn() != nil
		return nil
	})
	return withdrawn, err
}

// Discard drops all pending changes for good, in a space that this account may not write any more. The saved commit
// then claims to hold them, so that no start replays them.
func (c *Committer) Discard(ctx context.Context) error {
	return c.Do(ctx, func(context.Context) error {
		if c.withdrawn() == nil {
			return errors.New("changes that can still be committed are not dropped")
		}
		seq, err := c.copy.Discard(c.base)
		if err != nil {
			return err
		}
		c.base = c.base.Claiming(c.sealer.applied(&c.base.Commit, seq))
		if err := c.copy.Forget(c.base, seq); err != nil {
			return err
		}
		c.uploads.give(c.uploads.arrivals.keep(c.home.Area.Has))
		c.home.Committed()
		c.noteDone(seq)
		return nil
	})
}
