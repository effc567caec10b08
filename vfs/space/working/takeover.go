package working

import (
	"context"

	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// TakeOver makes a commit of another device the base of the working copy. It merges local changes that the commit does
// not hold, and records the merge in the journal, so that a replay yields the same tree. It reports whether the commit
// holds all changes made here before. floor is the newest change that is known to be committed. newest returns the
// newest state to merge, once all of it is durable. Only the committer calls TakeOver.
func (c *Copy) TakeOver(
	ctx context.Context, was, theirs base.State, floor uint64, newest func(context.Context) (*Head, error),
) (whole bool, err error) {
	known := c.numbers.Held(theirs.Claims(c.numbers.Device), floor)
	if was.Ref == theirs.Ref {
		return c.shown.Load().Seq <= known, nil
	}
	for {
		from, err := newest(ctx)
		if err != nil {
			return false, err
		}
		entry := c.MergeWith(theirs)
		common, err := c.common(ctx, from, was, floor, known)
		if err != nil {
			return false, err
		}
		merged, err := c.Merge(ctx, common, from.Tree, theirs, entry)
		if err != nil {
			return false, err
		}
		done, err := c.adopt(from, merged, theirs, entry, from.Seq <= known)
		if done || err != nil {
			return from.Seq <= known, err
		}
		// A change was made in the meantime; the pages loaded for the merge are in memory now.
	}
}

// common returns the newest state that both the local state and another device's commit come from. This is the last
// commit we knew, unless the other device built on a later commit of ours whose landing we never learned of. That one
// held our changes up to known.
func (c *Copy) common(ctx context.Context, from *Head, was base.State, floor, known uint64) (tree.Tree, error) {
	switch {
	case known <= c.numbers.Held(was.Claims(c.numbers.Device), floor):
		return was.Files, nil
	case known >= from.Seq:
		return from.Tree, nil
	}
	saved, err := c.Saved()
	if err != nil {
		return tree.Tree{}, err
	}
	r, err := c.replay(ctx, saved, known)
	if err != nil {
		return tree.Tree{}, err
	}
	return r.marks[known], nil
}

// adopt replaces the state from with the merged tree, unless the state has changed. whole says that the other commit
// holds all changes made here.
func (c *Copy) adopt(from *Head, merged tree.Tree, theirs base.State, entry local.Part, whole bool) (bool, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.head.Load() != from || c.shown.Load() != from {
		return false, nil
	}
	c.unrecorded = &entry
	seq := from.Seq
	if len(c.pending) > 0 {
		var err error
		if seq, err = c.recordBase(); err != nil {
			return false, err
		}
	}
	private := registry.Join(from.Private, theirs.Private())
	if whole {
		var err error
		if seq, err = c.noteAgain(seq, private.Beyond(theirs.Private())); err != nil {
			return false, err
		}
	}
	c.committed.Store(&theirs)
	return c.replaceHead(from, &Head{Tree: merged, Private: private, Seq: seq}), nil
}

// noteAgain records what of the private state another device's commit lacks although it holds all changes made here: a
// repair, or a remote that was put back from a backup, went back to an older state. seq is the newest record; noteAgain
// returns the one that is the newest then. The caller holds changing.
func (c *Copy) noteAgain(seq uint64, lacks registry.State) (uint64, error) {
	for _, part := range lacks.Split() {
		if c.unrecorded != nil {
			if _, err := c.recordBase(); err != nil {
				return 0, err
			}
		}
		notes, err := part.Encode()
		if err != nil {
			return 0, err
		}
		if seq, err = c.home.Append(local.One(local.Part{Space: c.space.ID, Notes: notes}), nil); err != nil {
			return 0, notRecorded(err)
		}
		c.pending = append(c.pending, pending{seq: seq})
	}
	return seq, nil
}

// recordBase notes in the journal that the records that follow apply to another device's commit, if they do. It waits
// until there is a record to follow: taking over alone is no change, and must not lead to a commit. The caller holds
// changing.
func (c *Copy) recordBase() (uint64, error) {
	seq, err := c.home.Append(local.One(*c.unrecorded), nil)
	if err != nil {
		return 0, notRecorded(err)
	}
	c.unrecorded = nil
	c.pending = append(c.pending, pending{seq: seq})
	return seq, nil
}

// MergeWith returns the part of a record that says that the records after it apply to a merge with another device's
// commit.
func (c *Copy) MergeWith(theirs base.State) local.Part {
	return local.Part{
		Space: c.space.ID, Theirs: theirs.Head().Encode(), Device: c.home.Device.Name, Time: c.home.Now().UnixNano(),
	}
}

// Merge returns the merge of local changes, which start from a common state, with a commit of another device.
func (c *Copy) Merge(
	ctx context.Context, common, ours tree.Tree, theirs base.State, entry local.Part,
) (tree.Tree, error) {
	o := tree.MergeOptions{Ours: entry.Device, Theirs: theirs.Commit.Device, Time: object.Time(entry.Time)}
	merged, conflicts, err := tree.Merge(ctx, common, ours, theirs.Files, o)
	for _, conflict := range conflicts {
		c.home.Log.Warn("changed here and on another device; both are kept", "path", conflict.Path, "copy", conflict.Copy,
			"device", conflict.Device)
		if conflict.Carry != nil && c.carry != nil {
			c.carry(conflict)
		}
	}
	return merged, err
}
