package space

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"postern/vfs/journal"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// replay applies the journal's records to the commit that they were made to.
type replay struct {
	s       *Space
	done    uint64 // up to here the commit holds the records
	seq     uint64 // the newest record
	on      base   // the newest commit that was merged in
	batch   *tree.Batch
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
			r.marks[seq] = was.files
		}
		err := r.run(ctx)
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
	return &replay{s: s, done: done, seq: done, on: was, batch: tree.NewBatch(was.files), marks: map[uint64]tree.Tree{}}
}

// step is a record of the journal on its way into the tree.
type step struct {
	seq    uint64
	record record
	op     tree.Op // nil: a merge
	err    error   // of decoding
}

// stepsAtOnce is how many records are decoded while those before them are applied. What pages they need fits into the memory of Nodes.
const stepsAtOnce = 1024

// run goes through the journal: what is read from there is decoded on one processor while what came before it is applied on another.
func (r *replay) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	runs := make(chan []step)
	g.Go(func() error {
		defer close(runs)
		return r.read(ctx, runs)
	})
	g.Go(func() error {
		for steps := range runs {
			if err := r.takeAll(ctx, steps); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// read decodes the journal's records.
func (r *replay) read(ctx context.Context, runs chan<- []step) error {
	var steps []step
	send := func() error {
		select {
		case runs <- steps:
			steps = make([]step, 0, stepsAtOnce)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.s.journal.Replay(func(rec journal.Record) error {
		if rec.Seq <= r.done {
			return nil // committed, but sharing a file with what is not
		}
		steps = append(steps, r.decode(rec))
		if len(steps) < stepsAtOnce {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

func (r *replay) decode(rec journal.Record) step {
	st := step{seq: rec.Seq}
	if st.record, st.err = decodeRecord(rec.Op); st.err == nil && len(st.record.Op) > 0 && !r.blind {
		st.op, st.err = tree.DecodeOp(st.record.Op)
	}
	return st
}

func (r *replay) takeAll(ctx context.Context, steps []step) error {
	ops := make([]tree.Op, 0, len(steps))
	for _, st := range steps {
		if st.op != nil {
			ops = append(ops, st.op)
		}
	}
	r.batch.Load(ctx, ops)
	for _, st := range steps {
		if err := r.take(ctx, st); err != nil {
			return fmt.Errorf("replay change %d: %w", st.seq, err)
		}
	}
	return nil
}

func (r *replay) take(ctx context.Context, st step) error {
	err := st.err
	switch {
	case err != nil || r.blind:
	case st.op != nil:
		err = r.batch.Apply(ctx, st.op)
	default:
		err = r.merge(ctx, st.record)
	}
	if err != nil {
		return err
	}
	r.seq = st.seq
	r.pending = append(r.pending, pending{seq: st.seq, blobs: st.record.Blobs})
	for seq := range r.marks {
		if st.seq <= seq {
			r.marks[seq] = r.batch.Tree()
		}
	}
	return nil
}

// merge takes in another device's commit.
func (r *replay) merge(ctx context.Context, entry record) error {
	head, err := object.DecodeHead(entry.Theirs)
	if err != nil {
		return err
	}
	commit, hash, err := r.s.nodes.Commit(ctx, head.Commit)
	if err != nil {
		return err
	}
	theirs, err := base{version: head.Version, ref: head.Commit, hash: hash, commit: commit}.open(ctx, r.s.nodes)
	if err != nil {
		return err
	}
	common, err := r.common(theirs)
	if err != nil {
		return err
	}
	merged, err := r.s.merge(ctx, common, r.batch.Tree(), theirs, entry)
	r.on, r.batch = theirs, tree.NewBatch(merged)
	return err
}

// common is what Space.common was when the record was made.
func (r *replay) common(theirs base) (tree.Tree, error) {
	known := r.s.held(&theirs.commit, r.done)
	switch {
	case known <= r.s.held(&r.on.commit, r.done):
		return r.on.files, nil
	case known >= r.seq:
		return r.batch.Tree(), nil
	}
	marked, ok := r.marks[known]
	if !ok {
		return tree.Tree{}, errMark{known}
	}
	return marked, nil
}
