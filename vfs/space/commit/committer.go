// Package commit brings the changes of a space to its remote: it uploads what was staged, packs what changed and moves the pointer, and
// takes over what other devices have committed. It merges through the working copy, which it alone moves on.
package commit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// ErrClosed says that the space was closed before what was waited for had happened.
var ErrClosed = errors.New("the drive is being closed")

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
	home      *local.Home
	copy      *working.Copy
	keys      base.Keys
	nodes     *tree.Nodes
	store     remote.Store
	sealer    *sealer
	uploads   *Uploads
	grace     base.Grace
	deadlines remote.Deadlines
	unpoll    func()
	told      func(files tree.Tree, whole bool)
	ready     func(ctx context.Context) (*working.Head, error)
	hurry     func() (end func())

	cancel  context.CancelFunc
	ended   chan struct{}
	kicked  chan struct{} // of one: there are changes
	hurried chan struct{} // of one: somebody waits for them
	polled  chan struct{} // of one: others may have committed
	errands chan func(context.Context)

	base    base.State // what the newest state is made to
	seen    bool       // the remote has shown base, so its pointer is known
	attempt *attempt   // sent, outcome unknown; nil: none
	// accepted is the commit that the user takes for the newest state, though it does not follow from what is known; zero: none.
	accepted object.Ref
	doubt    doubt

	mu      sync.Mutex
	stats   Status
	done    uint64        // the newest change that is committed
	changed chan struct{} // closed and made anew whenever done or stats change
}

// New returns a committer that Start starts.
func New(o Options) *Committer {
	return &Committer{
		home: o.Home, copy: o.Copy, keys: o.Keys, nodes: o.Nodes, store: o.Store, uploads: o.Uploads, grace: o.Grace,
		deadlines: o.Deadlines.OrShipped(), told: o.Told, ready: o.Ready, hurry: o.Hurry,
		sealer: &sealer{
			keys: o.Keys, device: o.Home.Device.Name, uploads: o.Uploads, applied: o.Home.Applied, piece: o.Home.Attachment,
			keep: o.Keep, now: o.Home.Now, rand: o.Home.Rand, warn: o.Home.Log.Warn,
		},
		ended: make(chan struct{}), kicked: make(chan struct{}, 1), hurried: make(chan struct{}, 1), polled: make(chan struct{}, 1),
		changed: make(chan struct{}), errands: make(chan func(context.Context)),
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
	run, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	if trouble != nil || c.copy.Shown().Seq > c.committed() {
		c.Kick()
	}
	c.unpoll = c.poll()
	go c.run(run)
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

// Stop ends the committer and waits for it.
func (c *Committer) Stop() {
	if c.cancel == nil {
		return // it never started
	}
	c.unpoll()
	c.cancel()
	<-c.ended
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Kick says that there are changes, which are committed soon.
func (c *Committer) Kick() { nudge(c.kicked) }

// Retry makes the committer look at the remote now, rather than when its pause is over: it is for callers who know that the remote
// is back.
func (c *Committer) Retry() { nudge(c.hurried) }

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

func (c *Committer) run(ctx context.Context) {
	defer close(c.ended)
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = c.deadlines.Again, c.deadlines.MaxAgain
	due := time.NewTimer(0) // the next attempt, while waiting
	due.Stop()
	for waiting := false; ; {
		select {
		case <-c.kicked:
			if !waiting {
				waiting = true
				due.Reset(c.deadlines.Commit)
			}
			continue
		case errand := <-c.errands: // also while attempts fail: of a full remote what nobody needs has to be collected
			errand(ctx)
			continue
		case <-c.polled:
			if waiting {
				continue
			}
		case <-c.hurried:
		case <-due.C:
		case <-ctx.Done():
			due.Stop()
			return
		}
		err := c.commit(ctx)
		if ctx.Err() != nil {
			return
		}
		c.note(err)
		if waiting = err != nil; waiting {
			due.Reset(again.NextBackOff())
		} else {
			due.Stop()
			again.Reset()
		}
	}
}

// Do runs f in the committer's goroutine, between two commits, and waits for it. Errors: ErrClosed, the context's, those of f.
func (c *Committer) Do(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	errand := func(run context.Context) {
		run, cancel := context.WithCancel(run)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		done <- f(run)
	}
	select {
	case c.errands <- errand:
		return <-done
	case <-c.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
