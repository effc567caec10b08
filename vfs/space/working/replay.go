package working

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// replay applies the journal's records to their base commit.
type replay struct {
	c       *Copy
	done    uint64     // the commit holds the records up to this one
	seq     uint64     // the newest record
	on      base.State // the newest commit that was merged in
	batch   *tree.Batch
	private registry.State
	blind   bool // the changes are made again later
	pending []pending
	told    []tree.Op            // the changes to call Options.Recorded with
	marks   map[uint64]tree.Tree // intermediate states, by their newest record
}

// errMark says that a replay needs a state that it has passed. Only a later record names that state.
type errMark struct{ seq uint64 }

func (e errMark) Error() string { return fmt.Sprintf("the state after change %d is needed", e.seq) }

// replay goes through the journal, and keeps the states after the marked records.
func (c *Copy) replay(ctx context.Context, was base.State, marks ...uint64) (*replay, error) {
	for {
		r := newReplay(c, was)
		for _, seq := range marks {
			r.marks[seq] = was.Files
		}
		err := r.run(ctx)
		missing, again := errors.AsType[errMark](err)
		if !again {
			return r, err
		}
		// rare: a commit of ours landed without our knowledge, and another device built on it
		marks = append(marks, missing.seq)
	}
}

// newReplay starts with a commit.
func newReplay(c *Copy, was base.State) *replay {
	done := c.numbers.Held(was.Claims(c.numbers.Device), c.home.First())
	r := &replay{c: c, done: done, seq: done, private: was.Private(), marks: map[uint64]tree.Tree{}}
	r.restart(was, was.Files)
	return r
}

// restart applies the records that follow to files, which come from a commit.
func (r *replay) restart(on base.State, files tree.Tree) { r.on, r.batch = on, tree.NewBatch(files) }

// step is one decoded record of the journal.
type step struct {
	seq  uint64
	part *local.Part
	to   *crypto.PointerID // the space that gains what the part removes; nil: none
	op   tree.Op           // nil: a merge, or notes only
	note registry.State    // what changes of the private state
	err  error             // error of decoding
}

// stepsAtOnce is how many records are decoded ahead of those that are applied. The pages that they need fit into the
// memory of Nodes.
const stepsAtOnce = 1024

// run goes through the journal. It decodes records on one processor while it applies earlier ones on another.
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
	err := r.c.home.Replay(r.c.space.ID, func(seq uint64, rec local.Record) error {
		if seq <= r.done {
			return nil // committed, but in the same file as an uncommitted record
		}
		steps = append(steps, r.decode(seq, rec))
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

func (r *replay) decode(seq uint64, rec local.Record) step {
	st := step{seq: seq, part: rec.Of(r.c.space.ID)}
	if first := rec.Parts[0].Space; first != r.c.space.ID {
		st.to = &first
	}
	if len(st.part.Op) > 0 && !r.blind {
		st.op, st.err = tree.DecodeOp(st.part.Op)
	}
	if len(st.part.Notes) > 0 && st.err == nil {
		st.note, st.err = registry.Decode(st.part.Notes)
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
	case len(st.part.Theirs) > 0:
		err = r.merge(ctx, *st.part)
	}
	if err != nil {
		return err
	}
	r.private = registry.Join(r.private, st.note)
	r.seq = st.seq
	r.pending = append(r.pending, pending{seq: st.seq, blobs: st.part.Blobs})
	if put, ok := st.op.(tree.Put); ok && put.Entry.Info().LacksMD5() || len(r.told) > 0 && st.op != nil {
		r.told = append(r.told, st.op) // not all of them, since there may be hundreds of thousands
	}
	if st.to != nil {
		r.c.home.Cross(r.c.space.ID, *st.to, st.seq)
	}
	for seq := range r.marks {
		if st.seq <= seq {
			r.marks[seq] = r.batch.Tree()
		}
	}
	return nil
}

// merge takes in another device's commit.
func (r *replay) merge(ctx context.Context, entry local.Part) error {
	head, err := object.DecodeHead(entry.Theirs)
	if err != nil {
		return err
	}
	theirs, err := base.OpenCommit(ctx, r.c.nodes, head)
	if err != nil {
		return err
	}
	if err := r.c.ReadPrivate(ctx, &theirs); err != nil {
		return err
	}
	common, err := r.common(theirs)
	if err != nil {
		return err
	}
	merged, err := r.c.Merge(ctx, common, r.batch.Tree(), theirs, entry)
	r.restart(theirs, merged)
	r.private = registry.Join(r.private, theirs.Private())
	return err
}

// common returns what Copy.common returned when the record was made.
func (r *replay) common(theirs base.State) (tree.Tree, error) {
	known := r.c.numbers.Held(&theirs.Commit, r.done)
	switch {
	case known <= r.c.numbers.Held(r.on.Claims(r.c.numbers.Device), r.done):
		return r.on.Files, nil
	case known >= r.seq:
		return r.batch.Tree(), nil
	}
	marked, ok := r.marks[known]
	if !ok {
		return tree.Tree{}, errMark{known}
	}
	return marked, nil
}
