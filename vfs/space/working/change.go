package working

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/registry"
	"postern/vfs/space/local"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// Change is one change of a space, to be applied to the tree and recorded in the journal.
type Change struct {
	Op    tree.Op         // nil: only Notes
	Notes []registry.Note // of the private state; only in the account's own space, and alone in a record
	Cond  vfs.Cond
	Piece []byte            // the sealed chunk of a small file, which is stored in the journal
	Blobs []crypto.BlobName // staged and durable
	Give  func()            // returns the room that the piece takes; may be nil
	Inner bool              // invisible to clients, so it is accepted while changes are rejected
}

// Plan returns the changes of one or two working copies for their states. It is called again when a state has changed
// in the meantime.
type Plan func(ctx context.Context, states []tree.Tree) ([]Change, error)

// ErrChanged says that a file or folder is no longer what it was when the change was prepared.
var ErrChanged = errors.New("it was changed meanwhile")

// Happened reports, by a change's error, whether the change was made.
func Happened(err error) bool { return err == nil || errors.Is(err, vfs.ErrPending) }

// Record applies a change and appends it to the journal. The change is made once Durable has returned for the number.
// On an error nothing has changed, and the caller still owns what the change staged.
func (c *Copy) Record(ctx context.Context, change Change) (tree.Result, uint64, error) {
	plan := func(context.Context, []tree.Tree) ([]Change, error) { return []Change{change}, nil }
	results, seq, err := record(ctx, plan, change.Inner, c)
	if err != nil {
		return tree.Result{}, 0, err
	}
	return results[0], seq, nil
}

// Record applies one change to one or two working copies of a home, as one record of its journal. Of two, the first
// gains what the second loses. Only the first change may have a condition, a piece and blobs.
func Record(ctx context.Context, plan Plan, copies ...*Copy) ([]tree.Result, uint64, error) {
	return record(ctx, plan, false, copies...)
}

func record(ctx context.Context, plan Plan, inner bool, copies ...*Copy) ([]tree.Result, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if err := refusal(inner, copies); err != nil {
		return nil, 0, err
	}
	// First without the locks, so that loading from the remote does not block other changes.
	from := heads(copies)
	made, err := apply(ctx, plan, from, copies)
	if err != nil {
		return nil, 0, err
	}
	defer lock(copies)()
	if err := refusal(inner, copies); err != nil {
		return nil, 0, err
	}
	if newest := heads(copies); !slices.Equal(newest, from) { // another change was faster; its pages are in memory
		if made, err = apply(ctx, plan, newest, copies); err != nil {
			return nil, 0, err
		}
	}
	if len(made) == 1 && made[0].Op == nil && len(made[0].notes) == 0 { // all of it is noted already
		return []tree.Result{{}}, copies[0].head.Load().Seq, nil
	}
	seq, err := appendChange(copies, made)
	if err != nil {
		return nil, 0, err
	}
	results := make([]tree.Result, len(copies))
	for i, c := range copies {
		c.take(made[i], seq)
		results[i] = made[i].result
	}
	if len(copies) > 1 {
		to := copies[0].space.ID
		copies[1].home.Cross(copies[1].space.ID, to, seq)
		copies[1].recorded[len(copies[1].recorded)-1].after = &to
	}
	return results, seq, nil
}

// applied is a change that was applied.
type applied struct {
	Change
	next    tree.Tree
	private registry.State
	notes   []byte // what of the private state changes, encoded
	result  tree.Result
}

// refusal returns why the copies reject a change, or nil.
func refusal(inner bool, copies []*Copy) error {
	for _, c := range copies {
		if err := c.refusal(inner); err != nil {
			return err
		}
	}
	if len(copies) > 1 {
		return copies[0].home.Crosses(copies[1].space.ID, copies[0].space.ID)
	}
	return nil
}

func heads(copies []*Copy) []*Head {
	found := make([]*Head, len(copies))
	for i, c := range copies {
		found[i] = c.head.Load()
	}
	return found
}

// lock locks working copies, always in the same order, and returns a function that unlocks them.
func lock(copies []*Copy) (unlock func()) {
	sorted := slices.Clone(copies)
	if len(copies) > 1 { // one at a time, so that no two of them can deadlock
		copies[0].home.Crossing.Lock()
	}
	slices.SortFunc(sorted, func(a, b *Copy) int { return bytes.Compare(a.space.ID[:], b.space.ID[:]) })
	for _, c := range sorted {
		c.changing.Lock()
	}
	return func() {
		for _, c := range sorted {
			c.changing.Unlock()
		}
		if len(copies) > 1 {
			copies[0].home.Crossing.Unlock()
		}
	}
}

func apply(ctx context.Context, plan Plan, from []*Head, copies []*Copy) ([]applied, error) {
	states := make([]tree.Tree, len(from))
	for i, h := range from {
		states[i] = h.Tree
	}
	changes, err := plan(ctx, states)
	if err != nil {
		return nil, err
	}
	made := make([]applied, len(changes))
	for i, c := range changes {
		made[i].Change = c
		if made[i].next, made[i].result, err = Try(ctx, states[i], c); err != nil {
			return nil, err
		}
		if made[i].private, made[i].notes, err = copies[i].note(from[i].Private, c.Notes); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// note returns a private state with what notes set, and what that changes, encoded; nothing if nothing changes.
func (c *Copy) note(was registry.State, notes []registry.Note) (next registry.State, change []byte, err error) {
	if len(notes) == 0 {
		return was, nil, nil
	}
	if !c.own {
		return was, nil, &vfs.Error{Op: "note", Path: registry.Path, Kind: vfs.ErrInvalid, Err: errNotOwn}
	}
	next, changed, err := was.Note(notes...)
	if err != nil || changed.Len() == 0 {
		return was, nil, err
	}
	change, err = changed.Encode()
	return next, change, err
}

// errNotOwn says why something can't be noted.
var errNotOwn = errors.New("only the account's own space has a private state")

// Try applies a change to a tree, and records nothing.
func Try(ctx context.Context, t tree.Tree, c Change) (tree.Tree, tree.Result, error) {
	if c.Cond != nil {
		if err := c.Cond(ctx, view.View{Tree: t}); err != nil {
			return tree.Tree{}, tree.Result{}, err
		}
	}
	if c.Op == nil {
		return t, tree.Result{}, nil
	}
	if err := tree.CheckDepth(ctx, t, c.Op); err != nil {
		return tree.Tree{}, tree.Result{}, err
	}
	return tree.Apply(ctx, t, c.Op)
}

// appendChange appends the record of a change to the journal. The caller holds changing of all copies.
func appendChange(copies []*Copy, made []applied) (uint64, error) {
	var r local.Record
	for i, c := range copies {
		if c.unrecorded != nil {
			if _, err := c.recordBase(); err != nil {
				return 0, err
			}
		}
		part := local.Part{Space: c.space.ID, Blobs: made[i].Blobs, Notes: made[i].notes}
		if made[i].Op != nil {
			var err error
			if part.Op, err = tree.EncodeOp(made[i].Op); err != nil {
				return 0, err
			}
		}
		r.Parts = append(r.Parts, part)
	}
	seq, err := copies[0].home.Append(r, made[0].Piece)
	if err != nil {
		return 0, notRecorded(err)
	}
	return seq, nil
}

// take makes a recorded change the newest state. The caller holds changing.
func (c *Copy) take(made applied, seq uint64) {
	c.pending = append(c.pending, pending{seq: seq, blobs: made.Blobs, give: made.Give})
	recorded := &Head{Tree: made.next, Private: made.private, Seq: seq}
	c.recorded = append(c.recorded, recorded)
	c.head.Store(recorded)
	if made.Op == nil {
		return
	}
	if c.recordedOp != nil {
		c.recordedOp(made.Op)
	}
	if _, patched := made.Op.(tree.Patch); made.result.Replaced() && !patched && !sameVersion(made.result) {
		c.removed.Add(made.result.Before.Info().Size)
	}
}

// sameVersion reports whether a change has replaced a version with itself.
func sameVersion(r tree.Result) bool {
	return !r.Entry.IsZero() && r.Entry.Info().Version == r.Before.Info().Version
}
