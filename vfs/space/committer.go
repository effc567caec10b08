package space

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/remote"
)

// The committer tries again after these times, when the remote can't be reached: soon at first, then every half minute, so
// that a remote that comes back is noticed before its user wonders.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// errClosed says that the space was closed before what was waited for had happened.
var errClosed = errors.New("the drive is being closed")

// committer brings changes to the remote, one commit after the other, from one goroutine, which alone knows base and attempt.
type committer struct {
	s      *Space
	cancel context.CancelFunc
	ended  chan struct{}

	kicked  chan struct{} // of one: there are changes
	hurried chan struct{} // of one: somebody waits for them

	base    base
	attempt *attempt // sent, outcome unknown; nil: none

	mu      sync.Mutex
	stats   Status
	done    uint64        // the newest change that is committed
	changed chan struct{} // closed and made anew whenever done or stats change
}

func (c *committer) start(s *Space, on base) {
	ctx, cancel := context.WithCancel(context.Background())
	c.s, c.cancel, c.base = s, cancel, on
	c.ended, c.kicked, c.hurried = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	c.changed = make(chan struct{})
	c.done = on.commit.AppliedTo(s.device.ID)
	if s.head.Load().seq > c.done {
		c.kick()
	}
	go c.run(ctx)
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

// wait returns when the change seq is committed. With hurry the commit is not put off to gather more.
func (c *committer) wait(ctx context.Context, seq uint64, hurry bool) error {
	for {
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
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = firstRetry, lastRetry
	for {
		select {
		case <-c.kicked:
		case <-c.hurried:
			nudge(c.hurried) // it counts for the pause below too
		case <-ctx.Done():
			return
		}
		if !c.pause(ctx, c.s.delay) {
			return
		}
		for {
			err := c.commit(ctx)
			if ctx.Err() != nil {
				return
			}
			c.note(err)
			if err == nil {
				retry.Reset()
				break
			}
			c.s.log.Warn("a commit failed and will be tried again", "error", err)
			if !c.pause(ctx, retry.NextBackOff()) {
				return
			}
		}
	}
}

// pause waits, unless somebody is in a hurry. It tells whether to go on.
func (c *committer) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurried:
	case <-ctx.Done():
		return false
	}
	return true
}

// note keeps what came of an attempt for Status, and wakes who waits.
func (c *committer) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.CommitFailed = ""; err != nil {
		c.stats.CommitFailed = err.Error()
		c.stats.Failures++
	}
	c.wake()
}

func (c *committer) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// commit brings the newest state to the remote.
func (c *committer) commit(ctx context.Context) error {
	if err := c.resolve(ctx); err != nil {
		return err
	}
	for {
		h := c.s.head.Load()
		if h.seq <= c.committed() {
			return nil
		}
		a, err := c.s.seal(ctx, c.base, h, c.s.stagedUpTo(h.seq))
		if err != nil {
			return err
		}
		c.attempt = a
		switch err := c.s.store.Swap(ctx, c.base.pointer.Hash(), a.next.pointer); {
		case err == nil:
			c.land()
			return nil
		case errors.Is(err, remote.ErrConflict):
			was := c.base.pointer
			if err := c.resolve(ctx); err != nil {
				return err
			}
			if c.base.isAt(was) {
				return errors.New("the remote says that another device has moved the drive's pointer, and shows it unmoved")
			}
		default:
			return fmt.Errorf("move the drive's pointer: %w", err)
		}
	}
}

func (c *committer) committed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// resolve finds out what became of an attempt whose outcome is unknown, and takes over what another device has put at the remote
// instead.
func (c *committer) resolve(ctx context.Context) error {
	if c.attempt == nil {
		return nil
	}
	now, err := c.s.store.Load(ctx, c.s.account.Writer().ID())
	if err != nil {
		return fmt.Errorf("ask what became of the last commit: %w", err)
	}
	if c.attempt.next.isAt(now) {
		c.land()
		return nil
	}
	c.attempt = nil
	if c.base.isAt(now) {
		return nil
	}
	theirs, err := openBase(ctx, c.s.nodes, c.s.account, now)
	if err != nil {
		return err
	}
	if err := c.s.rebase(ctx, c.base, theirs); err != nil {
		return err
	}
	c.base = theirs
	c.forget(theirs.commit.AppliedTo(c.s.device.ID)) // they may have built on a commit of ours of which we never heard
	return nil
}

// land takes the attempt for the new base.
func (c *committer) land() {
	a := c.attempt
	c.attempt, c.base = nil, a.next
	if err := c.s.landed(a); err != nil {
		c.trimFailed(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = a.seq
	c.stats.Commits++
	c.stats.BlobsPut += a.stats.blobs
	c.stats.BytesPut += a.stats.bytes
	c.stats.LastCommit = c.s.now()
	c.wake()
}

func (c *committer) forget(seq uint64) {
	if err := c.s.forget(seq); err != nil {
		c.trimFailed(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = max(c.done, seq)
	c.wake()
}

// trimFailed is no reason to fail: the commit stands, and what was not trimmed is passed over after the next start.
func (c *committer) trimFailed(err error) {
	c.s.log.Warn("the journal could not be trimmed", "error", err)
}
