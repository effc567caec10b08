package space

import (
	"context"
	"errors"

	"postern/vfs"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// changes makes the changes of a space: first in the working copy, later through the committer.
type changes struct {
	copy      *working.Copy
	committer *commit.Committer
	through   bool // changes return only once they are committed
}

// make makes a change. When make returns, the change is durable and visible to every later call. On any error but
// vfs.ErrPending nothing has changed, and the caller still owns what the change staged.
func (c *changes) make(ctx context.Context, change working.Change) (tree.Result, error) {
	result, seq, err := c.record(ctx, change)
	if err != nil {
		return tree.Result{}, err
	}
	return result, c.settle(ctx, seq)
}

func (c *changes) record(ctx context.Context, change working.Change) (tree.Result, uint64, error) {
	if err := c.offline(); err != nil {
		return tree.Result{}, 0, err
	}
	return c.copy.Record(ctx, change)
}

// settle returns when a recorded change is durable, and also committed if the options ask for that. A client that
// disconnects does not undo it. The error is vfs.ErrPending when ctx ends before the commit: the change is then durable
// here.
func (c *changes) settle(ctx context.Context, seq uint64) error {
	if err := c.copy.Durable(seq); err != nil {
		return err
	}
	c.committer.Kick()
	if !c.through {
		return nil
	}
	if err := c.committer.Wait(ctx, seq); err != nil {
		return &vfs.Error{Op: "commit a change of", Path: "/", Kind: vfs.ErrPending, Err: err}
	}
	return nil
}

// offline rejects a change if it would have to wait for a remote that is known to be unreachable. It returns nil if
// changes do not wait for the remote.
func (c *changes) offline() error {
	if !c.through {
		return nil
	}
	if st := c.committer.Status(); !st.OfflineSince.IsZero() {
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: errors.New(st.CommitFailed)}
	}
	return nil
}

// Private returns the newest private state that is durable here; empty unless this is the account's own space.
func (s *Space) Private() registry.State { return s.copy.Shown().Private }

// Note sets fields of the private state, as one change, if there are any notes: after a crash, either all notes are
// there or none. It is durable when Note returns, with one fsync, or none if the fields have these values already. Only
// the account's own space has a private state. Errors: those of registry.State.Note, vfs.ErrPending.
func (s *Space) Note(ctx context.Context, notes ...registry.Note) error {
	if len(notes) == 0 {
		return nil
	}
	_, err := s.make(ctx, working.Change{Notes: notes})
	return err
}

// MakeNoted makes a change of the files and sets fields of the private state, as one change. On any error but
// vfs.ErrPending nothing has changed.
func (s *Space) MakeNoted(
	ctx context.Context, op tree.Op, cond vfs.Cond, notes ...registry.Note,
) (tree.Result, error) {
	return s.make(ctx, working.Change{Op: op, Cond: cond, Notes: notes})
}

// Mkdir implements vfs.Writer.
func (s *Space) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	version, err := base.NewVersion(s.home.Rand)
	if err != nil {
		return err
	}
	op := tree.Mkdir{Path: path, Version: version, Time: s.home.Now()}
	_, err = s.make(ctx, working.Change{Op: op, Cond: cond})
	return err
}

// Remove implements vfs.Writer.
func (s *Space) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	_, err := s.make(ctx, working.Change{Op: tree.Remove{Path: path}, Cond: cond})
	return err
}

// Move implements vfs.Writer.
func (s *Space) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	op := tree.Move{From: from, To: to, Replace: o.Replace, Modified: o.Modified}
	r, err := s.make(ctx, working.Change{Op: op, Cond: o.Cond})
	return r.Replaced(), err
}

// Copy implements vfs.Writer.
func (s *Space) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	op := tree.Copy{From: from, To: to, Replace: o.Replace, Shallow: o.Shallow, Modified: o.Modified}
	r, err := s.make(ctx, working.Change{Op: op, Cond: o.Cond})
	return r.Replaced(), err
}

// Patch implements vfs.Writer.
func (s *Space) Patch(ctx context.Context, path string, p vfs.Patch, cond vfs.Cond) error {
	op := tree.Patch{Path: path, Modified: p.Modified, Created: p.Created, Set: p.Set, Remove: p.Remove}
	_, err := s.make(ctx, working.Change{Op: op, Cond: cond})
	return err
}
