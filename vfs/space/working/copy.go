// Package working keeps the working copy of a space: its newest state with the changes made here that no commit holds yet. It applies and
// records changes, replays them after a crash, and merges them with commits of other devices. It never writes to the remote.
package working

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// Copy is a working copy. Its methods may be called by several goroutines at once, those that take in commits by the committer alone.
type Copy struct {
	states
	nodes *tree.Nodes
	file  base.File // the commit that the journal's first record of the space is made to
	grace base.Grace

	closed    atomic.Bool               // no changes are taken any more; set while changing is held
	blocked   atomic.Pointer[error]     // why no changes are taken; nil: they are
	committed atomic.Pointer[tree.Tree] // the newest commit's tree, with the history
	removed   atomic.Int64              // bytes of files that were removed or replaced since they were counted last
	landed    func(ctx context.Context, seq uint64) error
	begin     time.Duration // for the newest state of the remote, when another is saved

	recordedOp func(op tree.Op) // told of each change; nil: nobody is
	sum        func(ctx context.Context, e object.Entry) ([16]byte, error)
}

// Options of a working copy.
type Options struct {
	Home  *local.Home
	Space crypto.Capability
	Nodes *tree.Nodes
	File  base.File
	Grace base.Grace
	// Landed returns when the change seq is committed at the remote.
	Landed func(ctx context.Context, seq uint64) error
	// Recorded is called with each change that is recorded, and with each that is replayed from the first Put without
	// MD5 on, while no other is recorded and before it is durable. It must return soon, and must not call the copy.
	// Nil: nobody is told.
	Recorded func(op tree.Op)
	// Sum computes the MD5 of a file that was put without; of changes that are made again no one is told.
	Sum   func(ctx context.Context, e object.Entry) ([16]byte, error)
	Begin time.Duration // how long the remote may take to show its newest state when another is saved
}

// New returns a working copy without a state; Recover gives it one.
func New(o Options) *Copy {
	return &Copy{states: states{home: o.Home, space: o.Space}, nodes: o.Nodes, file: o.File, grace: o.Grace, landed: o.Landed,
		recordedOp: o.Recorded, sum: o.Sum, begin: o.Begin}
}

// Whole returns the newest commit's tree, with the history.
func (c *Copy) Whole() tree.Tree { return *c.committed.Load() }

// SetWhole takes a commit that has landed for the newest.
func (c *Copy) SetWhole(t tree.Tree) { c.committed.Store(&t) }

// Saved returns the commit that the journal's first record of the space is made to. The error is fs.ErrNotExist when none was noted.
func (c *Copy) Saved() (base.State, error) { return c.file.Load(c.nodes) }

// Block refuses changes with an error until Unblock.
func (c *Copy) Block(why error) { c.blocked.Store(&why) }

// Unblock takes changes again.
func (c *Copy) Unblock() { c.blocked.Store(nil) }

// Removed counts the bytes of files that were removed or replaced. Counted takes off what a collection has seen.
func (c *Copy) Removed() int64 { return c.removed.Load() }

// Counted takes n bytes off Removed.
func (c *Copy) Counted(n int64) { c.removed.Add(-n) }

// errClosed is why a closed space takes no changes.
var errClosed = errors.New("the folder is being closed")

// refusal returns why no changes, or no inner ones, are taken; nil: they are.
func (c *Copy) refusal(inner bool) error {
	if err := c.home.Broken(); err != nil {
		return broken(err)
	}
	why := c.blocked.Load()
	switch {
	case c.closed.Load():
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: errClosed}
	case why == nil:
		return nil
	case errors.Is(*why, errReapplying):
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: *why}
	case inner:
		return nil
	}
	return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrReadOnly, Err: *why}
}

// Landed implements local.Waiter.
func (c *Copy) Landed(ctx context.Context, seq uint64) error { return c.landed(ctx, seq) }

// Close waits for a change under way to be recorded, and takes the space out of the home. No change is taken any more: the home
// would not know of it, and might have the journal trim it.
func (c *Copy) Close() {
	c.changing.Lock()
	c.closed.Store(true)
	c.changing.Unlock()
	c.home.Detach(c.space.ID, c)
}

// Forget lets go of what was kept for changes up to seq, which a commit at the remote holds. on is what the first of the changes that
// are left was made to, unless there is a merge before it, which stays. The committer alone calls it.
func (c *Copy) Forget(on base.State, seq uint64) error {
	var blobs []crypto.BlobName
	c.changing.Lock()
	n := 0
	for ; n < len(c.pending) && c.pending[n].seq <= seq; n++ {
		blobs = append(blobs, c.pending[n].blobs...)
	}
	left := len(c.pending) - n
	c.changing.Unlock()
	if left > 0 && n == 0 {
		return nil // they were made to what was saved before
	}
	// First, so that no other space has the journal trim what a start would need.
	if err := c.file.Save(on); err != nil {
		return err
	}
	c.changing.Lock()
	for _, p := range c.pending[:n] {
		if p.give != nil {
			p.give()
		}
	}
	c.pending = append([]pending(nil), c.pending[n:]...)
	c.changing.Unlock()
	c.home.Uncross(c.space.ID, seq, math.MaxUint64)
	c.home.Area.Release(blobs...)
	return c.home.Trim(seq)
}

// Collected reports whether an error came of a page that was collected while this gateway was away, since a time.
func (c *Copy) Collected(err error, sure time.Time) bool {
	return errors.Is(err, remote.ErrNotFound) && c.grace.Doubtful(sure)
}
