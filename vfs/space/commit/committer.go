// Package commit brings the changes of a space to its remote: it uploads what was staged, packs what changed and moves
// the pointer. It also takes over commits of other devices: it merges them in the working copy, which only this package
// advances.
package commit

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Options of a committer. All are needed.
type Options struct {
	Home    *local.Home
	Copy    *working.Copy
	Keys    base.Keys
	Nodes   *tree.Nodes
	Store   remote.Store
	Uploads *Uploads
	Keep    base.Keep
	Grace   base.Grace
	// Ready returns the newest durable state once it may be committed. Hurry makes Ready return soon, until end is called.
	Ready func(ctx context.Context) (*working.Head, error)
	Hurry func() (end func())
	// Deadlines replaces shipped values where it is set. Commit, Again and MaxAgain are for the committer.
	Deadlines remote.Deadlines
}

// Committer brings changes to the remote and takes over other devices' commits, one after the other, from one
// goroutine. Only that goroutine reads base, seen and attempt.
type Committer struct {
	progress
	loop
	keys    base.Keys
	numbers local.Numbers
	nodes   *tree.Nodes
	store   remote.Store
	sealer  *sealer
	uploads *Uploads
	grace   base.Grace
	ready   func(ctx context.Context) (*working.Head, error)
	hurry   func() (end func())

	base    base.State // the newest state applies to it
	seen    bool       // the remote has shown base, so its pointer is known
	attempt *attempt   // sent, outcome unknown; nil: none
	// accepted is the commit that the user accepted as the newest state, although it does not follow from the known one;
	// zero: none.
	accepted object.Ref
	doubt    doubt
	// breach is why the commit that the remote shows was refused, in a space of several authors; nil: it was not. base is
	// then the last good state, with the pointer to the refused commit.
	breach error
	// stuck is since when the remote answers and a space that something was moved to does not commit it; zero: it does.
	stuck time.Time
}

// New returns a committer. Start starts it.
func New(o Options) *Committer {
	if !o.Keys.Owns() {
		left, err := openLeftovers(filepath.Join(o.Home.Dir, "put-"+o.Keys.ID.String()), o.Home.FS)
		if err != nil {
			o.Home.Log.Warn("what earlier runs have put in a shared folder may stay there", "error", err)
		}
		o.Uploads.left = left
	}
	numbers := o.Home.Numbers(o.Keys.Device(o.Home.Device.ID))
	return &Committer{
		numbers:  numbers,
		progress: progress{home: o.Home, copy: o.Copy, changed: make(chan struct{})}, loop: newLoop(o.Deadlines.OrShipped()),
		keys: o.Keys, nodes: o.Nodes, store: o.Store, uploads: o.Uploads, grace: o.Grace,
		ready: o.Ready, hurry: o.Hurry,
		sealer: &sealer{
			keys: o.Keys, nodes: o.Nodes, device: o.Home.Device.Name, uploads: o.Uploads, applied: numbers.Applied,
			piece: o.Home.Attachment,
			keep:  o.Keep, now: o.Home.Now, rand: o.Home.Rand, warn: o.Home.Log.Warn,
		},
	}
}

// Start recovers the working copy and takes over the state of the remote; then it commits until Stop. Errors: those of
// the remote and of the journal.
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
		c.home.Log.Warn("the drive starts with the state that this device last saw", "error", trouble)
		c.note(trouble)
		c.home.Committed()
	} else if err := c.withdrawn(); err != nil {
		c.note(err)
	}
	if trouble != nil || c.copy.Shown().Seq > c.committed() {
		c.Kick()
	}
	c.start(c.poll(), c.commit, c.note, c.ahead)
	return nil
}

// ahead sends the staged blobs of the changes made so far to a distant remote, so that they are there when the commit
// is due, or their files have their MD5s. It does nothing while commits fail. Its own failures do no harm: the commit
// sends what is missing.
func (c *Committer) ahead(ctx context.Context) {
	if c.uploads.Lane.Far() && c.Status().CommitFailed == "" {
		_ = c.uploads.bring(ctx, c.copy.Staged(c.copy.Shown().Seq))
	}
}

// poll registers with the home's poller, which signals when to look for commits of other devices.
func (c *Committer) poll() (stop func()) {
	look := func() { nudge(c.polled) }
	if c.keys.Listed {
		return c.home.Poller.Listed(c.store, c.keys.ID, func(crypto.Pointer) { look() })
	}
	return c.home.Poller.Each(look)
}

// Wait returns when the change seq is committed. The commit starts now rather than together with later changes.
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
			return working.ErrClosed
		case <-remote.Patience(ctx):
			return remote.ErrSlow
		case <-ctx.Done():
			if why != "" {
				return fmt.Errorf("%w; %w: %s", ctx.Err(), local.ErrFailing, why)
			}
			return ctx.Err()
		}
	}
}
