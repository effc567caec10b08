// Package working keeps the working copy of a space: its newest state, with the changes made here that no commit holds
// yet. It applies and records changes, replays them after a crash, and merges them with commits of other devices. It
// never writes to the remote.
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
	"postern/vfs/staging"
	"postern/vfs/tree"
)

// Copy is a working copy. Its methods may be called by several goroutines at once, except for those that take in
// commits: only the committer calls these.
type Copy struct {
	states
	nodes   *tree.Nodes
	numbers local.Numbers
	file    base.File // stores the commit that the space's first record in the journal applies to
	grace   base.Grace
	share   *staging.Share // what the staged blobs of its changes take; nil: not limited

	closed    atomic.Bool                // changes are rejected for good; set while changing is held
	blocked   atomic.Pointer[error]      // why changes are rejected; nil: they are accepted
	committed atomic.Pointer[base.State] // the newest commit
	removed   atomic.Int64               // bytes of files that were removed or replaced since the last count
	landed    func(ctx context.Context, seq uint64) error
	own       bool          // the space is the account's own, and has a private state
	begin     time.Duration // limit for loading the newest state from the remote when one is saved

	recordedOp func(op tree.Op) // called with each change; nil: no call
	carry      func(tree.Conflict)
	sum        func(ctx context.Context, e object.Entry) ([16]byte, error)
}

// Options of a working copy.
type Options struct {
	Home   *local.Home
	Space  crypto.Capability
	Device object.DeviceID // this device, as commits of the space name it
	Nodes  *tree.Nodes
	File   base.File
	Grace  base.Grace
	Share  *staging.Share // of the space in the staging area; nil: all of it
	// Landed returns when the change seq is committed at the remote.
	Landed func(ctx context.Context, seq uint64) error
	// Recorded is called with each recorded change, and with each replayed one from the first Put without MD5 on. The call
	// happens while no other change is recorded and before the change is durable. It must return soon, and must not call
	// the copy. Nil: no call.
	Recorded func(op tree.Op)
	// Noted is called when the private state of the account's own space has changed, and the change is durable. It must
	// return soon, and must not call the copy. Nil: no call.
	Noted func()
	// Carry is called for each conflict of a merge whose copy holds changes that belong into another space, also when the
	// merge is repeated. It must return soon, and must not call the copy. Nil: no call.
	Carry func(tree.Conflict)
	// Sum computes the MD5 of a file that was put without one. Recorded is not called for changes that are made again.
	Sum   func(ctx context.Context, e object.Entry) ([16]byte, error)
	Begin time.Duration // limit for loading the newest state from the remote when one is saved
}

// New returns a working copy without a state; Recover gives it one.
func New(o Options) *Copy {
	return &Copy{states: states{home: o.Home, space: o.Space, noted: o.Noted}, nodes: o.Nodes,
		numbers: o.Home.Numbers(o.Device),
		own:     o.Home.Owns(o.Space.ID),
		file:    o.File, grace: o.Grace, share: o.Share, landed: o.Landed,
		recordedOp: o.Recorded, carry: o.Carry, sum: o.Sum, begin: o.Begin}
}

// Committed returns the newest commit.
func (c *Copy) Committed() base.State { return *c.committed.Load() }

// SetCommitted sets the newest commit after one has landed.
func (c *Copy) SetCommitted(s base.State) { c.committed.Store(&s) }

// Saved returns the commit that the space's first record in the journal applies to. The error is fs.ErrNotExist when
// none was saved.
func (c *Copy) Saved() (base.State, error) { return c.file.Load(c.nodes) }

// ReadPrivate reads the private state of a commit, if the space has one and it is not known. Errors: those of
// registry.FromTree.
func (c *Copy) ReadPrivate(ctx context.Context, s *base.State) error {
	if !c.own {
		return nil
	}
	var newest base.State
	if known := c.committed.Load(); known != nil {
		newest = *known
	}
	return s.ReadPrivate(ctx, newest)
}

// Block rejects changes with an error until Unblock.
func (c *Copy) Block(why error) { c.blocked.Store(&why) }

// Unblock accepts changes again.
func (c *Copy) Unblock() { c.blocked.Store(nil) }

// Removed returns the bytes of files that were removed or replaced. Counted subtracts what a collection has seen.
func (c *Copy) Removed() int64 { return c.removed.Load() }

// Counted subtracts n bytes from Removed.
func (c *Copy) Counted(n int64) { c.removed.Add(-n) }

// ErrClosed says that the space is being closed: it takes no changes, and what a caller waited for has not happened.
var ErrClosed = errors.New("the drive is being closed")

// refusal returns why changes, or inner ones, are rejected, or nil.
func (c *Copy) refusal(inner bool) error {
	if err := c.home.Broken(); err != nil {
		return broken(err)
	}
	why := c.blocked.Load()
	switch {
	case c.closed.Load():
		return &vfs.Error{Op: "change", Path: "/", Kind: vfs.ErrUnavailable, Err: ErrClosed}
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

// Close waits for a change that is being recorded, and removes the space from the home. It rejects later changes: the
// home would not see them, and might let the journal trim them.
func (c *Copy) Close() {
	c.changing.Lock()
	c.closed.Store(true)
	c.changing.Unlock()
	c.home.Detach(c.space.ID, c)
	c.changing.Lock()
	defer c.changing.Unlock()
	for i := range c.pending { // a later opening takes the room again
		if give := c.pending[i].give; give != nil {
			give()
			c.pending[i].give = nil
		}
	}
}

// Forget releases what was kept for changes up to seq, which a commit at the remote holds. on is the base of the first
// remaining change, unless a merge comes before it; that merge stays. Only the committer calls it.
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
		return nil // they apply to what was saved before
	}
	// Save first, so that no other space makes the journal trim what a start would need.
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
	c.home.Release(blobs)
	return c.home.Trim(seq)
}

// Collected reports whether an error comes from a page that was collected while this gateway was away, since the time
// sure.
func (c *Copy) Collected(err error, sure time.Time) bool {
	return errors.Is(err, remote.ErrNotFound) && c.grace.Doubtful(sure)
}
