package space

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/journal"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// recover takes up where the last run ended: the commit that the journal's records were made to, and those records on top.
func (s *Space) recover(ctx context.Context, begin beginning) (*replay, error) {
	was := begin.local
	r, err := s.replay(ctx, was)
	again := begin.trouble == nil && s.collected(err, object.Time(was.commit.Time))
	if again {
		r, err = s.replayOnto(begin)
	}
	if err != nil {
		return nil, err
	}
	s.pending = r.pending
	s.committed.Store(&r.on.whole)
	s.head.Store(&head{tree: r.files, seq: r.seq})
	if err := s.reviseStaging(); err != nil {
		return nil, err
	}
	if len(r.pending) == 0 {
		if err := s.journal.Skip(was.commit.Latest(s.device.ID).Seq); err != nil {
			return nil, err
		}
	}
	if again {
		if err := s.reapply(ctx, r.on, s.held(&r.on.commit, r.done)); err != nil {
			return nil, err
		}
	}
	return r, s.journal.Trim(r.done)
}

// reviseStaging sees that what the journal needs is there, and lets go of the rest.
func (s *Space) reviseStaging() error {
	needed := map[crypto.BlobName]struct{}{}
	for _, p := range s.pending {
		for _, name := range p.blobs {
			if !s.area.Has(name) {
				return &vfs.Error{Op: "recover", Path: "/", Kind: vfs.ErrCorrupt, Err: fmt.Errorf("the staging area has lost blob %v, which the journal needs; restore the folder staging", name)}
			}
			needed[name] = struct{}{}
		}
	}
	if n := s.area.Keep(needed); n > 0 {
		s.log.Info("removed staged blobs that no change needs", "blobs", n)
	}
	return nil
}

// replay applies the journal's records to the commit that they were made to.
type replay struct {
	s       *Space
	done    uint64 // up to here the commit holds the records
	seq     uint64 // the newest record
	on      base   // the newest commit that was merged in
	files   tree.Tree
	blind   bool // the changes are made again later
	pending []pending
	marks   map[uint64]tree.Tree // states on the way, by their newest record
}

// errMark says that a replay needs a state that it has passed. Which one that is, only a later record tells.
type errMark struct{ seq uint64 }

func (e errMark) Error() string { return fmt.Sprintf("the state after change %d is needed", e.seq) }

// replay goes through the journal, and marks the states after some records.
func (s *Space) replay(ctx context.Context, was base, marks ...uint64) (*replay, error) {
	for {
		r := s.newReplay(was)
		for _, seq := range marks {
			r.marks[seq] = r.files
		}
		err := s.journal.Replay(func(rec journal.Record) error { return r.take(ctx, rec) })
		missing, again := errors.AsType[errMark](err)
		if !again {
			return r, err
		}
		marks = append(marks, missing.seq) // rare: a commit of ours landed unheard, and another device built on it
	}
}

// newReplay begins with a commit.
func (s *Space) newReplay(was base) *replay {
	spans, next := s.journal.Spans()
	if len(spans) > 0 {
		next = spans[0].First
	}
	done := s.held(&was.commit, next-1)
	return &replay{s: s, done: done, seq: done, on: was, files: was.files, marks: map[uint64]tree.Tree{}}
}

func (r *replay) take(ctx context.Context, rec journal.Record) error {
	if rec.Seq <= r.done {
		return nil // committed, but sharing a file with what is not
	}
	entry, err := decodeRecord(rec.Op)
	if err == nil && !r.blind {
		err = r.apply(ctx, entry)
	}
	if err != nil {
		return fmt.Errorf("replay change %d: %w", rec.Seq, err)
	}
	r.seq = rec.Seq
	r.pending = append(r.pending, pending{seq: rec.Seq, blobs: entry.Blobs})
	for seq := range r.marks {
		if rec.Seq <= seq {
			r.marks[seq] = r.files
		}
	}
	return nil
}

func (r *replay) apply(ctx context.Context, entry record) (err error) {
	if len(entry.Op) > 0 {
		op, err := tree.DecodeOp(entry.Op)
		if err == nil {
			r.files, _, err = tree.Apply(ctx, r.files, op)
		}
		return err
	}
	ref, err := object.DecodeHead(entry.Theirs)
	if err != nil {
		return err
	}
	commit, hash, err := r.s.nodes.Commit(ctx, ref)
	if err != nil {
		return err
	}
	theirs, err := base{ref: ref, hash: hash, commit: commit}.open(ctx, r.s.nodes)
	if err != nil {
		return err
	}
	common, err := r.common(theirs)
	if err != nil {
		return err
	}
	r.files, err = r.s.merge(ctx, common, r.files, theirs, entry)
	r.on = theirs
	return err
}

// common is what Space.common was when the record was made.
func (r *replay) common(theirs base) (tree.Tree, error) {
	known := r.s.held(&theirs.commit, r.done)
	switch {
	case known <= r.s.held(&r.on.commit, r.done):
		return r.on.files, nil
	case known >= r.seq:
		return r.files, nil
	}
	marked, ok := r.marks[known]
	if !ok {
		return tree.Tree{}, errMark{known}
	}
	return marked, nil
}
