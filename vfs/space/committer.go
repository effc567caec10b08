package space

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
)

// The committer tries again after these times, when the remote can't be reached: soon at first, then every half minute, so
// that a remote that comes back is noticed before its user wonders.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// errClosed says that the space was closed before what was waited for had happened.
var errClosed = errors.New("the drive is being closed")

// committer brings changes to the remote and other devices' commits here, one after the other, from one goroutine, which alone
// knows base, seen and attempt.
type committer struct {
	s      *Space
	cancel context.CancelFunc
	ended  chan struct{}

	kicked  chan struct{} // of one: there are changes
	hurried chan struct{} // of one: somebody waits for them
	errands chan func(context.Context)

	base    base     // what the newest state is made to
	seen    bool     // the remote has shown base, so its pointer is known
	attempt *attempt // sent, outcome unknown; nil: none
	// accepted is the commit that the user takes for the newest state, though it does not follow from what is known; zero: none.
	accepted object.Ref

	// sure is when the remote last showed the state that the pending changes were made to, and so that it keeps what they refer to.
	sure   time.Time
	older  bool                       // some of them were made to one that base has followed, and needs no longer what that did
	doubts map[crypto.BlobName]string // what the newest commit refers to and may be collected all the same, by its paths

	mu      sync.Mutex
	stats   Status
	done    uint64        // the newest change that is committed
	changed chan struct{} // closed and made anew whenever done or stats change
}

// start begins with the state that recover has made, and takes over what the remote shows.
func (c *committer) start(ctx context.Context, s *Space, from *replay, begin beginning) error {
	c.s, c.base, c.done = s, from.on, from.done
	c.ended, c.kicked, c.hurried = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	c.changed, c.errands = make(chan struct{}), make(chan func(context.Context))
	c.sure, c.older = begin.local.shown, begin.local.ref != from.on.ref
	trouble := begin.trouble
	if trouble == nil {
		trouble = c.meet(ctx, begin.newest, begin.asked)
	}
	if trouble != nil {
		if ctx.Err() != nil {
			return trouble
		}
		s.log.Warn("the drive starts with what this device knows of it", "error", trouble)
		c.note(trouble)
		s.tell(from.on, from.done)
	}
	run, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	if trouble != nil || s.shown.Load().seq > c.done {
		c.kick()
	}
	go c.run(run)
	return nil
}

func (c *committer) stop() {
	c.cancel()
	<-c.ended
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (c *committer) kick() { nudge(c.kicked) }

// wait returns when the change seq is committed, and has it committed now rather than with others that may follow.
func (c *committer) wait(ctx context.Context, seq uint64) error {
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
			return errClosed
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

func (c *committer) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *committer) run(ctx context.Context) {
	defer close(c.ended)
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = firstRetry, lastRetry
	poll := time.NewTicker(c.s.poll)
	defer poll.Stop()
	due := time.NewTimer(0) // the next attempt, while waiting
	due.Stop()
	for waiting := false; ; {
		select {
		case <-c.kicked:
			if !waiting {
				waiting = true
				due.Reset(c.s.delay)
			}
			continue
		case errand := <-c.errands: // also while attempts fail: of a full remote what nobody needs has to be collected
			errand(ctx)
			continue
		case <-poll.C:
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

// note keeps what came of an attempt for Status, and wakes who waits.
func (c *committer) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	if err == nil {
		if !c.stats.OfflineSince.IsZero() || c.stats.Blocked != "" {
			c.s.log.Info("the remote is back")
		}
		c.stats.CommitFailed, c.stats.OfflineSince, c.stats.Blocked, c.stats.Full = "", time.Time{}, "", false
		c.s.blocked.Store(nil)
		return
	}
	if c.stats.CommitFailed == "" {
		c.s.log.Warn("the remote could not be brought up to date; this is tried again", "error", err)
	}
	c.stats.CommitFailed = plainly(err)
	c.stats.Full = errors.Is(err, remote.ErrFull)
	c.stats.Failures++
	if !errors.Is(err, remote.ErrUnavailable) {
		c.stats.OfflineSince = time.Time{} // it answered
	}
	switch {
	case errors.Is(err, remote.ErrRollback), errors.Is(err, remote.ErrFork):
		c.stats.Blocked = plainly(err)
		c.s.blocked.Store(&err)
	case errors.Is(err, remote.ErrUnavailable) && c.stats.OfflineSince.IsZero():
		c.stats.OfflineSince = c.s.now()
	}
}

// plainly returns what a remote's failure is about: its kind and the first cause, without what was tried on which blob.
func plainly(err error) string {
	var found *remote.Error
	for e, ok := errors.AsType[*remote.Error](err); ok; e, ok = errors.AsType[*remote.Error](e.Err) {
		found = e
	}
	if found == nil {
		return err.Error()
	}
	kind := found.Kind.Error()
	if found.Err == nil || errors.Is(err, remote.ErrFull) {
		return kind // where there is no room, the cause says only that again
	}
	return kind + ": " + found.Err.Error()
}

func (c *committer) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *committer) committed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// noteDone tells who waits that changes are committed.
func (c *committer) noteDone(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = max(c.done, seq)
	c.wake()
}

// stagedUpTo tells the staged blobs that changes up to seq need.
func (s *Space) stagedUpTo(seq uint64) []crypto.BlobName {
	s.changing.Lock()
	defer s.changing.Unlock()
	var names []crypto.BlobName
	for _, p := range s.pending {
		if p.seq <= seq {
			names = append(names, p.blobs...)
		}
	}
	return names
}
