package space

import (
	"context"

	"postern/vfs/object"
	"postern/vfs/tree"
)

// takeOver makes a commit of another device the base of what is here. Changes made here that it does not hold are merged with
// it; that they were is a record of the journal too, so that a replay comes to the same tree. It reports whether the commit holds
// all changes made here before. It is called by the committer, or before that runs.
func (s *Space) takeOver(ctx context.Context, was, theirs base) (whole bool, err error) {
	floor := s.committer.committed()
	known := s.held(&theirs.commit, floor)
	if was.ref == theirs.ref {
		return s.shown.Load().seq <= known, nil
	}
	for {
		from, err := s.durableHead()
		if err != nil {
			return false, err
		}
		entry := record{Theirs: theirs.head().Encode(), Device: s.device.Name, Time: s.now().UnixNano()}
		common, err := s.common(ctx, from, was, floor, known)
		if err != nil {
			return false, err
		}
		merged, err := s.merge(ctx, common, from.tree, theirs, entry)
		if err != nil {
			return false, err
		}
		done, err := s.adopt(from, merged, theirs, entry)
		if done || err != nil {
			return from.seq <= known, err
		}
		// A change was made meanwhile; what was loaded for the merge is at hand now.
	}
}

// common is the newest state that both what is here and another device's commit come from: the commit that we last knew, unless the
// other is made to one of ours, of which we never heard that it landed. That one held our changes up to known.
func (s *Space) common(ctx context.Context, from *head, was base, floor, known uint64) (tree.Tree, error) {
	switch {
	case known <= s.held(&was.commit, floor):
		return was.files, nil
	case known >= from.seq:
		return from.tree, nil
	}
	local, err := s.saved()
	if err != nil {
		return tree.Tree{}, err
	}
	r, err := s.replay(ctx, local, known)
	if err != nil {
		return tree.Tree{}, err
	}
	return r.marks[known], nil
}

// adopt puts a merged tree in the place of the state it was made from, unless that has changed.
func (s *Space) adopt(from *head, merged tree.Tree, theirs base, entry record) (bool, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.head.Load() != from || s.shown.Load() != from {
		return false, nil
	}
	s.unrecorded = &entry
	seq := from.seq
	if len(s.pending) > 0 {
		var err error
		if seq, err = s.recordBase(); err != nil {
			return false, err
		}
	}
	s.committed.Store(&theirs.whole)
	return s.replaceHead(from, &head{tree: merged, seq: seq}), nil
}

// recordBase notes in the journal what the records that follow are made to, if that is another device's commit. It is put off
// until there is something to follow: taking over alone is no change, and must not lead to a commit. It holds changing.
func (s *Space) recordBase() (uint64, error) {
	encoded, err := s.unrecorded.encode()
	if err != nil {
		return 0, err
	}
	seq, err := s.journal.Append(encoded, nil)
	if err != nil {
		return 0, notRecorded(err)
	}
	s.unrecorded = nil
	s.pending = append(s.pending, pending{seq: seq})
	return seq, nil
}

// merge is the state that comes of changes made here, to a state that both sides have in common, and a commit of another device.
func (s *Space) merge(ctx context.Context, common, ours tree.Tree, theirs base, entry record) (tree.Tree, error) {
	merged, conflicts, err := tree.Merge(ctx, common, ours, theirs.files, tree.MergeOptions{Ours: entry.Device, Theirs: theirs.commit.Device, Time: object.Time(entry.Time)})
	for _, c := range conflicts {
		s.log.Warn("changed here and on another device; both are kept", "conflict", c)
	}
	return merged, err
}
