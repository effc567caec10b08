package commit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/remote"
	"postern/vfs/authors"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
)

// commit brings the newest state to the remote. If there is nothing to bring, it looks for commits of others.
func (c *Committer) commit(ctx context.Context) error {
	for looked := false; ; looked = true {
		// After a long absence the state has probably changed, and parts of the known one may be gone.
		if err := c.clean(ctx); err != nil {
			return err
		}
		unsure := !c.seen || c.attempt != nil || c.refused() != nil || c.withdrawn() != nil
		if unsure || c.grace.Doubtful(c.doubt.sure) || c.copy.Shown().Seq <= c.committed() {
			if err := c.look(ctx); err != nil {
				return err
			}
		}
		if err := c.withdrawn(); err != nil {
			return err
		}
		h, err := c.ready(ctx)
		if err != nil {
			return err
		}
		if h.Seq <= c.committed() && c.breach == nil {
			return nil
		}
		if err := c.added(ctx, h.Seq); err != nil {
			if err = c.putBack(ctx, h.Seq, err); err != nil {
				return err
			}
			continue
		}
		c.stuck = time.Time{}
		err = c.send(ctx, c.base, h, nil)
		// After a lost race, try once more on top of the winner. Two losses in a row need a pause before the next attempt.
		if err == nil || looked || !errors.Is(err, remote.ErrConflict) {
			return err
		}
	}
}

// added waits until the changes up to seq that moved things to other spaces are committed in those spaces.
func (c *Committer) added(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, c.deadlines.Work)
	defer cancel()
	return c.home.Added(ctx, c.keys.ID, seq)
}

// putBack puts back what was moved to a space that does not commit it, if that has lasted for Deadlines.PutBack and the
// remote answers: while it is away, the other space only waits for it as this one does. why is the error of added;
// putBack returns it when nothing was put back.
func (c *Committer) putBack(ctx context.Context, seq uint64, why error) error {
	stuck, ok := errors.AsType[*local.StuckError](why)
	if !ok || c.look(ctx) != nil {
		c.stuck = time.Time{}
		return why
	}
	now := c.home.Now()
	if c.stuck.IsZero() {
		c.stuck = now
	}
	if now.Sub(c.stuck) < c.deadlines.PutBack {
		return why
	}
	if err := c.copy.PutBack(ctx, stuck.To, seq); err != nil {
		return fmt.Errorf("put back what was moved to another folder, which fails: %w", err)
	}
	c.stuck = time.Time{}
	return nil
}

// send brings a state to the remote, as a commit on top of on, the newest one. moved is nil unless packs were rewritten
// for it.
func (c *Committer) send(ctx context.Context, on base.State, h *working.Head, moved *relocation) error {
	// The commit names the journal's newest record in the state. That record may be a merge that is not durable yet. If it
	// were lost, the next start would not know what the commit holds, and would repeat changes that the journal keeps for
	// another space.
	if err := c.home.Sync(h.Seq); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.uploads.left.at(&c.base)
	a, err := c.prepare(ctx, on, h, moved)
	if err == nil {
		err = c.assure(ctx, h)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.attempt = a
	old, next := c.base.Pointer.Hash(), a.next.Pointer
	c.uploads.left.sent()
	c.uploads.send(old, next.Hash())
	if err := c.store.Swap(ctx, old, next); err != nil {
		return fmt.Errorf("commit: %w", err) // the next look shows the outcome
	}
	c.land()
	return nil
}

// prepare brings the blobs of a state to the remote and returns the attempt to commit it. That is the last one if it
// was sent, may still land, and holds the same.
func (c *Committer) prepare(ctx context.Context, on base.State, h *working.Head, moved *relocation) (*attempt, error) {
	if a := c.attempt; a != nil && moved == nil && a.next.Files == h.Tree &&
		a.next.Commit.Roster == on.Commit.Roster && registry.Equal(a.next.Private(), h.Private) {
		err := c.uploads.present(ctx, a.put)
		if err != nil {
			c.attempt = nil // the next attempt packs anew
		}
		return a, err
	}
	a, err := c.sealer.seal(ctx, on, h, c.copy.Staged(h.Seq), nil)
	if err != nil || moved == nil {
		return a, err
	}
	c.uploads.put(slices.Collect(maps.Keys(moved.packs))...)
	a.take(moved)
	return a, c.uploads.present(ctx, moved.packs)
}

// look loads the newest state and takes over the commit of another device. It also resolves an attempt whose outcome is
// unknown.
func (c *Committer) look(ctx context.Context) error {
	asked := c.home.Now()
	now, err := c.store.Load(ctx, c.keys.ID)
	if err != nil {
		return fmt.Errorf("look for the drive's newest state: %w", err)
	}
	if err := c.settleDoubts(ctx); err != nil {
		return fmt.Errorf("look whether all that was committed is there: %w", err)
	}
	c.doubt.paths = nil
	c.uploads.seen(now.Hash())
	if c.attempt != nil && c.attempt.next.IsAt(now) {
		c.land()
		return nil
	}
	if c.seen && c.base.IsAt(now) { // an attempt that was sent may still land
		c.base.Shown = asked
		if !c.doubt.older {
			c.doubt.sure = asked
		}
		return c.refused()
	}
	c.attempt = nil
	theirs, err := base.Take(ctx, c.nodes, c.keys.Capability, c.base, now)
	if breach, ok := errors.AsType[*authors.BreachError](err); ok {
		return c.refuse(ctx, theirs, breach, asked)
	}
	if err != nil {
		return err
	}
	return c.meet(ctx, theirs, asked)
}

// newest returns the newest state, once all of it is durable and may be committed. A merge needs that, too: it compares
// contents by their hashes, and may give a file another name.
func (c *Committer) newest(ctx context.Context) (*working.Head, error) {
	for {
		if _, err := c.ready(ctx); err != nil {
			return nil, err
		}
		from, err := c.copy.DurableHead()
		if err != nil {
			return nil, err
		}
		if h, err := c.ready(ctx); h == from || err != nil {
			return h, err
		}
	}
}

// meet makes theirs, the state that the remote showed at the time asked, the new base.
func (c *Committer) meet(ctx context.Context, theirs base.State, asked time.Time) error {
	if err := c.copy.ReadPrivate(ctx, &theirs); err != nil {
		return err
	}
	accepted := theirs.Ref == c.accepted
	if !accepted {
		good, err := base.Continues(ctx, c.nodes, c.keys.Capability, c.base, theirs)
		if breach, ok := errors.AsType[*authors.BreachError](err); ok {
			return c.refuse(ctx, good, breach, asked)
		}
		if err != nil {
			return err
		}
	}
	dangling, err := c.absent(ctx, &theirs)
	if err != nil {
		return err
	}
	whole := false
	if !dangling {
		whole, err = c.takeOver(ctx, theirs)
	}
	if dangling || c.dangling(err, &theirs) {
		return c.refuse(ctx, c.base.Shows(theirs), &authors.BreachError{Author: theirs.Commit.Author,
			Name: authors.Name(theirs.Roster, theirs.Commit.Author), Why: "which leads to what is not there"}, asked)
	}
	if err != nil {
		return fmt.Errorf("take over what %s has committed: %w", theirs.Commit.Device, err)
	}
	if !accepted && c.numbers.Copied(&c.base.Commit, &theirs.Commit) { // an accepted commit is known not to follow
		c.noteCopied()
	}
	c.doubt.older = !whole && (c.doubt.older || theirs.Ref != c.base.Ref)
	if !c.doubt.older {
		c.doubt.sure = asked
	}
	c.base, c.seen, c.breach = theirs, true, nil
	c.base.Shown = asked
	// The other device may have built on a commit of ours whose success we never learned of.
	known := c.numbers.Held(theirs.Claims(c.numbers.Device), c.committed())
	if whole {
		c.forget(known)
		return nil
	}
	// Our changes in that commit stay in the journal: later changes were made on top of them, not on top of the other
	// commit.
	c.home.Committed()
	c.noteDone(known)
	return nil
}

// land makes the attempt the new base.
func (c *Committer) land() {
	a := c.attempt
	c.attempt, c.base, c.seen, c.breach = nil, a.next, true, nil
	c.uploads.seen(a.next.Pointer.Hash())
	c.uploads.left.landed()
	c.sealer.landed(a)
	c.copy.SetCommitted(a.next)
	c.doubt.sure, c.doubt.older = c.home.Now(), false
	c.base.Shown = c.doubt.sure
	if a.relocate != nil {
		a.relocate()
	}
	c.mu.Lock()
	c.stats.Commits++
	c.stats.BlobsPut += a.blobs
	c.stats.BytesPut += a.bytes
	c.stats.LastCommit = c.home.Now()
	c.mu.Unlock()
	c.note(nil)
	c.forget(a.seq) // last: callers of Wait then read the status after the commit
}

// forget releases what was kept for changes that the base now holds. A partial failure is not an error: the commit
// stands, and the next start skips records that were not trimmed.
func (c *Committer) forget(seq uint64) {
	if err := c.copy.Forget(c.base, seq); err != nil {
		c.home.Log.Warn("the journal could not be trimmed", "error", err)
	}
	// A file that was replaced before its commit was sent, too, and no state leads to its blobs.
	c.uploads.give(c.uploads.arrivals.keep(c.home.Area.Has))
	c.home.Committed()
	c.noteDone(seq)
}
