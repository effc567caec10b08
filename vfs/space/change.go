package space

import (
	"context"
	"errors"
	"fmt"
	"io"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// change is one change of the space on its way into the tree and the journal.
type change struct {
	op    tree.Op
	cond  vfs.Cond
	piece []byte            // the sealed chunk of a small file, which travels in the journal
	blobs []crypto.BlobName // staged and durable
	give  func()            // returns the room that the piece takes; may be nil
}

// make makes a change. It is durable and visible to every later call when make returns. On an error but vfs.ErrPending nothing has
// changed, and what the change staged is the caller's still.
func (s *Space) make(ctx context.Context, c change) (tree.Result, error) {
	result, seq, err := s.record(ctx, c)
	if err != nil {
		return tree.Result{}, err
	}
	return result, s.settle(ctx, seq)
}

// happened reports whether a change was made, by its error.
func happened(err error) bool { return err == nil || errors.Is(err, vfs.ErrPending) }

// settle returns when a recorded change is durable, and committed if that was asked for. A client that goes away does not undo it.
func (s *Space) settle(ctx context.Context, seq uint64) error {
	if err := s.durable(seq); err != nil {
		return err
	}
	s.committer.kick()
	if s.through {
		return s.landing(ctx, seq)
	}
	return nil
}

// record applies a change and appends it to the journal.
func (s *Space) record(ctx context.Context, c change) (tree.Result, uint64, error) {
	if err := ctx.Err(); err != nil {
		return tree.Result{}, 0, err
	}
	if err := s.refusal(); err != nil {
		return tree.Result{}, 0, err
	}
	if err := s.offline(); err != nil {
		return tree.Result{}, 0, err
	}
	// First without the lock, so that what must be loaded from the remote is loaded while others go on.
	from := s.head.Load()
	next, result, err := apply(ctx, from.tree, c)
	if err != nil {
		return tree.Result{}, 0, err
	}
	entry, err := newRecord(c.op, c.blobs)
	if err != nil {
		return tree.Result{}, 0, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.refusal(); err != nil {
		return tree.Result{}, 0, err
	}
	if newest := s.head.Load(); newest != from { // another was faster; its pages are in memory
		if next, result, err = apply(ctx, newest.tree, c); err != nil {
			return tree.Result{}, 0, err
		}
	}
	if s.unrecorded != nil {
		if _, err := s.recordBase(); err != nil {
			return tree.Result{}, 0, err
		}
	}
	seq, err := s.journal.Append(entry, c.piece)
	if err != nil {
		return tree.Result{}, 0, notRecorded(err)
	}
	s.pending = append(s.pending, pending{seq: seq, blobs: c.blobs, give: c.give})
	recorded := &head{tree: next, seq: seq}
	s.recorded = append(s.recorded, recorded)
	s.head.Store(recorded)
	if _, patched := c.op.(tree.Patch); result.Replaced() && !patched {
		s.removed.Add(result.Before.Info().Size)
	}
	return result, seq, nil
}

// refusal returns why no changes are taken; nil: they are.
func (s *Space) refusal() error {
	if err := s.journal.Broken(); err != nil {
		return broken(err)
	}
	why := s.blocked.Load()
	switch {
	case why == nil:
		return nil
	case errors.Is(*why, errReapplying):
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: *why}
	}
	return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrReadOnly, Err: *why}
}

// offline refuses a change that would have to wait for a remote which is known to be away; nil unless changes wait for it.
func (s *Space) offline() error {
	if !s.through {
		return nil
	}
	if st := s.committer.status(); !st.OfflineSince.IsZero() {
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: errors.New(st.CommitFailed)}
	}
	return nil
}

func apply(ctx context.Context, t tree.Tree, c change) (tree.Tree, tree.Result, error) {
	if c.cond != nil {
		if err := c.cond(ctx, view{t}); err != nil {
			return tree.Tree{}, tree.Result{}, err
		}
	}
	if err := tree.CheckDepth(ctx, t, c.op); err != nil {
		return tree.Tree{}, tree.Result{}, err
	}
	return tree.Apply(ctx, t, c.op)
}

// record is what the journal keeps of a change: the operation, and the staged blobs that it leads to, of which the tree alone
// would tell only those at the top of a file's index. Or it keeps no change, but says that the records after it are made to the
// merge of those before it with a commit of another device.
type record struct {
	_     struct{} `cbor:",toarray"`
	Op    []byte   // empty: a merge
	Blobs []crypto.BlobName

	Theirs []byte // the head that leads to the other commit; empty: a change
	Device string // this device, as the merge names it
	Time   int64  // nanoseconds since 1970, for the merge
}

func newRecord(op tree.Op, blobs []crypto.BlobName) ([]byte, error) {
	encoded, err := tree.EncodeOp(op)
	if err != nil {
		return nil, err
	}
	return record{Op: encoded, Blobs: blobs}.encode()
}

func (r record) encode() ([]byte, error) { return crypto.Encode(r) }

func decodeRecord(b []byte) (record, error) {
	var r record
	if err := crypto.Decode(b, &r); err != nil {
		return record{}, fmt.Errorf("journal record: %w", err)
	}
	if (len(r.Op) == 0) == (len(r.Theirs) == 0) {
		return record{}, fmt.Errorf("journal record: %w: neither a change nor a merge", crypto.ErrFormat)
	}
	return r, nil
}

// newVersion is a random name for new contents.
func newVersion(rand io.Reader) (v vfs.Version, err error) {
	if _, err := io.ReadFull(rand, v[:]); err != nil {
		return v, fmt.Errorf("no randomness: %w", err)
	}
	return v, nil
}

// Mkdir implements vfs.Writer.
func (s *Space) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	version, err := newVersion(s.rand)
	if err != nil {
		return err
	}
	_, err = s.make(ctx, change{op: tree.Mkdir{Path: path, Version: version, Time: s.now()}, cond: cond})
	return err
}

// Remove implements vfs.Writer.
func (s *Space) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	_, err := s.make(ctx, change{op: tree.Remove{Path: path}, cond: cond})
	return err
}

// Move implements vfs.Writer.
func (s *Space) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	r, err := s.make(ctx, change{op: tree.Move{From: from, To: to, Replace: o.Replace, Modified: o.Modified}, cond: o.Cond})
	if happened(err) {
		s.tellMoved(context.WithoutCancel(ctx), from, to)
	}
	return r.Replaced(), err
}

// Copy implements vfs.Writer.
func (s *Space) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	r, err := s.make(ctx, change{op: tree.Copy{From: from, To: to, Replace: o.Replace, Shallow: o.Shallow, Modified: o.Modified}, cond: o.Cond})
	return r.Replaced(), err
}

// Patch implements vfs.Writer.
func (s *Space) Patch(ctx context.Context, path string, p vfs.Patch, cond vfs.Cond) error {
	op := tree.Patch{Path: path, Modified: p.Modified, Created: p.Created, Set: p.Set, Remove: p.Remove}
	_, err := s.make(ctx, change{op: op, cond: cond})
	return err
}
