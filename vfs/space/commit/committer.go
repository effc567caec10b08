// Package commit brings the changes of a space to its remote: it uploads what was staged, packs what changed and moves the pointer, and
// takes over what other devices have committed. It merges through the working copy, which it alone moves on.
package commit

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Options of a committer. All but Told are needed.
type Options struct {
	Home    *local.Home
	Copy    *working.Copy
	Keys    base.Keys
	Nodes   *tree.Nodes
	Store   remote.Store
	Uploads *Uploads
	Keep    base.Keep
	Grace   base.Grace
	// Ready returns the newest durable state, once it may be committed. Hurry has it come soon, until end is called.
	Ready func(ctx context.Context) (*working.Head, error)
	Hurry func() (end func())
	// Deadlines has shipped values where it says nothing else. Commit, Again and MaxAgain are the committer's.
	Deadlines remote.Deadlines
	// Told is called with the files of each commit that becomes the newest known, and whether it holds all that was changed here. It
	// must return soon, and must not call the space. Nil: nobody is told.
	Told func(files tree.Tree, whole bool)
}

// Committer brings changes to the remote and other devices' commits here, one after the other, from one goroutine, which alone
// knows base, seen and attempt.
type Committer struct {
	progress
	loop
	keys    base.Keys
	nodes   *tree.Nodes
	store   remote.Store
	sealer  *sealer
	uploads *Uploads
	grace   base.Grace
	told    func(files tree.Tree, whole bool)
	ready   func(ctx context.Context) (*working.Head, error)
	hurry   func() (end func())

	base    base.State // what the newest state is made to
	seen    bool       // the remote has shown base, so its pointer is known
	attempt *attempt   // sent, outcome unknown; nil: none
	// accepted is the commit that the user takes for the newest state, though it does not follow from what is known; zero: none.
	accepted object.Ref
	doubt    doubt
}

// New returns a committer that Start starts.
func New(o Options) *Committer {
	return &Committer{
		progress: progress{home: o.Home, copy: o.Copy, changed: make(chan struct{})}, loop: newLoop(o.Deadlines.OrShipped()),
		keys: o.Keys, nodes: o.Nodes, store: o.Store, uploads: o.Uploads, grace: o.Grace, told: o.Told, ready: o.Ready, hurry: o.Hurry,
		sealer: &sealer{
			keys: o.Keys, device: o.Home.Device.Name, uploads: o.Uploads, applied: o.Home.Applied, piece: o.Home.Attachment,
			keep: o.Keep, now: o.Home.Now, rand: o.Home.Rand, warn: o.Home.Log.Warn,
		},
	}
}

// Start recovers the working copy and takes over what the remote shows; then it commits until Stop. Errors: those of the remote
// and of the journal.
func (c *Committer) Start(ctx context.Context, begin working.Beginning) (err error) {
	if c.base, c.done, err = c.copy.Recover(ctx, begin); err != nil {
		return err
	}
	c.doubt = doubt{sure: begin.Local.Shown, older: begin.Local.Ref != c.base.Ref}
	trouble := begin.Trouble
	if trouble == nil {
		trouble = c.meet(ctx, begin.Newest, begin.Asked)
	}
	if trouble != nil {
		if ctx.Err() != nil {
			return trouble
		}
		c.home.Log.Warn("the drive starts with what this device knows of it", "error", trouble)
		from, done := c.base, c.done
		c.note(trouble)
		c.tell(from, done)
	}
	if trouble != nil || c.copy.Shown().Seq > c.committed() {
		c.Kick()
	}
	c.start(c.poll(), c.commit, c.note)
	return nil
}

// poll has the home's poller say when to look for commits of other devices.
func (c *Committer) poll() (stop func()) {
	look := func() { nudge(c.polled) }
	if c.keys.Listed {
		return c.home.Poller.Listed(c.store, c.keys.ID, func(crypto.Pointer) { look() })
	}
	return c.home.Poller.Each(look)
}

// Wait returns when the change seq is committed, and has it committed now rather than with others that may follow.
func (c *Committer) Wait(ctx context.Context, seq uint64) error {
	defer c.hurry()()
	for hurry := true; ; hurry = false {
		c.mu.Lock()
		done, changed, why := c.done, c.changed, c.stats.CommitFailed
		c.mu.Unlock()
		if done >= seq {
			return nil
		}
		if hurry {
			nudge(c.hurried)
		}
		select {
		case <-changed:
		case <-c.ended:
			return ErrClosed
		case <-remote.Patience(ctx):
			return remote.ErrSlow
		case <-ctx.Done():
			if why != "" {
				return fmt.Errorf("%w; the last attempt failed: %s", ctx.Err(), why)
			}
			return ctx.Err()
		}
	}
}
