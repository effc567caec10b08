package space

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/remote"
)

// commit looks for what others have committed when it has nothing to bring, and else brings the newest state to the remote.
func (c *committer) commit(ctx context.Context) error {
	for looked := false; ; looked = true {
		// After a long time apart another state is likelier than the one known, of which part may be gone.
		if !c.seen || c.attempt != nil || c.s.doubtful(c.sure) || c.s.shown.Load().seq <= c.committed() {
			if err := c.look(ctx); err != nil {
				return err
			}
		}
		h := c.s.shown.Load()
		if h.seq <= c.committed() {
			return nil
		}
		err := c.send(ctx, c.base, h, nil)
		// A lost race: once more, on top of what has won. Twice in a row is no race any more: another attempt after a pause.
		if err == nil || looked || !errors.Is(err, remote.ErrConflict) {
			return err
		}
	}
}

// send brings a state to the remote, as a commit on top of on, which is the newest one. moved is nil unless packs were
// rewritten for it.
func (c *committer) send(ctx context.Context, on base, h *head, moved *relocation) error {
	c.s.puts.begin()
	a, err := c.s.seal(ctx, on, h, c.s.stagedUpTo(h.seq))
	if err == nil {
		a.take(moved)
		err = c.s.present(ctx, a)
	}
	if err == nil {
		err = c.assure(ctx, h)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.attempt = a
	if err := c.s.store.Swap(ctx, c.base.pointer.Hash(), a.next.pointer); err != nil {
		return fmt.Errorf("commit: %w", err) // the next look tells what became of it
	}
	c.land()
	return nil
}

// look asks for the newest state, which tells what became of an attempt whose outcome is unknown, and takes over what another
// device has committed.
func (c *committer) look(ctx context.Context) error {
	asked := c.s.now()
	now, err := c.s.store.Load(ctx, c.s.keys.ID)
	if err != nil {
		return fmt.Errorf("look for the drive's newest state: %w", err)
	}
	if len(c.doubts) > 0 {
		if err := c.settleDoubts(ctx); err != nil {
			return fmt.Errorf("look whether all that was committed is there: %w", err)
		}
		c.doubts = nil
	}
	if c.attempt != nil && c.attempt.next.isAt(now) {
		c.land()
		return nil
	}
	c.attempt = nil
	if c.seen && c.base.isAt(now) {
		c.base.shown = asked
		if !c.older {
			c.sure = asked
		}
		return nil
	}
	theirs, err := openBase(ctx, c.s.nodes, c.s.keys.Capability, now)
	if err != nil {
		return err
	}
	return c.meet(ctx, theirs, asked)
}

// meet makes what the remote has shown, when asked, the base.
func (c *committer) meet(ctx context.Context, theirs base, asked time.Time) error {
	accepted := theirs.ref == c.accepted
	if !accepted {
		if err := c.s.follows(ctx, c.base, theirs); err != nil {
			return err
		}
	}
	whole, err := c.s.takeOver(ctx, c.base, theirs)
	if c.s.collected(err, c.sure) {
		whole, err = false, c.s.reapply(ctx, theirs, c.s.held(&theirs.commit, c.committed()))
	}
	if err != nil {
		return fmt.Errorf("take over what %s has committed: %w", theirs.commit.Device, err)
	}
	if !accepted && c.s.copied(&c.base.commit, &theirs.commit) { // what was accepted is known not to follow
		c.noteCopied()
	}
	if c.older = !whole && (c.older || theirs.ref != c.base.ref); !c.older {
		c.sure = asked
	}
	c.base, c.seen = theirs, true
	c.base.shown = asked
	// They may have built on a commit of ours of which we never heard.
	known := c.s.held(&theirs.commit, c.committed())
	c.s.tell(theirs, known)
	if whole {
		c.forget(known)
		return nil
	}
	// What they hold of ours stays in the journal: the changes after it were made to it, and not to their commit.
	c.noteDone(known)
	return nil
}

// land takes the attempt for the new base.
func (c *committer) land() {
	a := c.attempt
	c.attempt, c.base, c.seen = nil, a.next, true
	c.s.landed(a)
	c.s.puts.landed()
	c.sure, c.older = c.s.now(), false
	c.base.shown = c.sure
	if a.relocate != nil {
		a.relocate()
	}
	c.s.tell(c.base, a.seq)
	c.mu.Lock()
	c.stats.Commits++
	c.stats.BlobsPut += a.stats.blobs
	c.stats.BytesPut += a.stats.bytes
	c.stats.LastCommit = c.s.now()
	c.mu.Unlock()
	c.note(nil)
	c.forget(a.seq) // last: who waits for the commit finds the status of after it
}

// forget lets go of what was kept for changes that the base holds. That it can't be done in full is no reason to fail: the
// commit stands, and what was not trimmed is passed over after the next start.
func (c *committer) forget(seq uint64) {
	if err := c.s.forget(c.base, seq); err != nil {
		c.s.log.Warn("the journal could not be trimmed", "error", err)
	}
	c.noteDone(seq)
}
