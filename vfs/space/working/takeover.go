package working

import (
	"context"

	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// TakeOver makes a commit of another device the base of what is here. Changes made here that it does not hold are merged with
// it; that they were is a record of the journal too, so that a replay comes to the same tree. It reports whether the commit holds
// all changes made here before. floor is the newest change that is known to be committed, and newest returns what is to be merged: the newest state, when all of it is durable.
// The committer alone calls it.
func (c *Copy) TakeOver(
	ctx context.Context, was, theirs base.State, floor uint64, newest func(context.Context) (*Head, error),
) (whole bool, err error) {
	known := c.home.Held(&theirs.Commit, floor)
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
		done, err := c.adopt(from, merged, theirs, entry)
		if done || err != nil {
			return from.Seq <= known, err
		}
		// A change was made meanwhile; what was loaded for the merge is at hand now.
	}
}

// common is the newest state that both what is here and another device's commit come from: the commit that we last knew, unless the
// other is made to one of ours, of which we never heard that it landed. That one held our changes up to known.
func (c *Copy) common(ctx context.Context, from *Head, was base.State, floor, known uint64) (tree.Tree, error) {
	switch {
	case known <= c.home.Held(&was.Commit, floor):
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

// adopt puts a merged tree in the place of the state it was made from, unless that has changed.
func (c *Copy) adopt(from *Head, merged tree.Tree, theirs base.State, entry local.Part) (bool, error) {
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
	c.committed.Store(&theirs.Whole)
	return c.replaceHead(from, &Head{Tree: merged, Seq: seq}), nil
}

// recordBase notes in the journal what the records that follow are made to, if that is another device's commit. It is put off
// until there is something to follow: taking over alone is no change, and must not lead to a commit. It holds changing.
func (c *Copy) recordBase() (uint64, error) {
	seq, err := c.home.Append(local.One(*c.unrecorded), nil)
	if err != nil {
		return 0, notRecorded(err)
	}
	c.unrecorded = nil
	c.pending = append(c.pending, pending{seq: seq})
	return seq, nil
}

// MergeWith returns the part of a record that says that what follows is made to a merge with another device's commit.
func (c *Copy) MergeWith(theirs base.State) local.Part {
	return local.Part{
		Space: c.space.ID, Theirs: theirs.Head().Encode(), Device: c.home.Device.Name, Time: c.home.Now().UnixNano(),
	}
}

// Merge returns the state that comes of changes made here, to a state that both sides have in common, and a commit of another device.
func (c *Copy) Merge(ctx context.Context, common, ours tree.Tree, theirs base.State, entry local.Part) (tree.Tree, error) {
	o := tree.MergeOptions{Ours: entry.Device, Theirs: theirs.Commit.Device, Time: object.Time(entry.Time)}
	merged, conflicts, err := tree.Merge(ctx, common, ours, theirs.Files, o)
	for _, conflict := range conflicts {
		c.home.Log.Warn("changed here and on another device; both are kept", "conflict", conflict)
	}
	return merged, err
}
