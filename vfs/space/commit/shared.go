package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
)

// A space may have several authors; crypto/FORMAT.md, Rosters, has the rules. A commit that breaks one is refused: base
// becomes the last good state before it, with the pointer to the refused commit. The owner's next commit replaces that
// pointer at once. If the refused commit follows from the last good state, it is the parent, so that its author's
// gateway goes on from there; else the parent is the last good state. Other writers wait for the owner.

// errWithdrawn says why changes are rejected.
var errWithdrawn = errors.New("the owner has withdrawn the right to write here")

// withdrawn returns errWithdrawn once this writer is not in the roster any more. What it has pending stays in the
// journal, and is committed if the owner lets it write again.
func (c *Committer) withdrawn() error {
	switch r := c.base.Roster; {
	case r == nil, r.Rights(c.keys.Author.ID()) == object.MayWrite:
		return nil
	}
	return errWithdrawn
}

// refuse makes good, the last good state that Take returned, the base. It returns the breach unless this is the owner.
func (c *Committer) refuse(ctx context.Context, good base.State, breach *authors.BreachError, asked time.Time) error {
	why := base.Corrupt("take over what others have committed", breach)
	if good.Ref == (object.Ref{}) {
		return why
	}
	if good.Ref != c.base.Ref {
		if err := c.meet(ctx, good, asked); err != nil {
			return err
		}
	}
	c.base.Pointer, c.base.Instead, c.base.Shown = good.Pointer, good.Instead, asked
	c.seen, c.breach = true, why
	if c.keys.Owns() {
		c.home.Log.Error("a change of a shared folder breaks its rules; it is replaced by the state before",
			"space", c.keys.ID.String(), "error", breach)
		c.Retry() // this may be an errand, which does not commit
	}
	return c.refused()
}

// refused returns why the commit that the remote shows was refused, if this writer must wait for the owner.
func (c *Committer) refused() error {
	if c.keys.Owns() {
		return nil
	}
	return c.breach
}

// takeOver makes theirs the base of the working copy, and reports whether it holds all changes made here before.
func (c *Committer) takeOver(ctx context.Context, theirs base.State) (whole bool, err error) {
	// What theirs claims to hold of this device may be a lie that is too old to find.
	if !theirs.Doubtful(c.numbers.Device) || theirs.Ref == c.base.Ref {
		whole, err = c.copy.TakeOver(ctx, c.base, theirs, c.committed(), c.newest)
		if !c.copy.Collected(err, c.doubt.sure) {
			return whole, err
		}
	}
	return false, c.copy.Reapply(ctx, theirs, c.numbers.Held(theirs.Claims(c.numbers.Device), c.committed()))
}

// dangling reports whether a failure to take over a commit of another author comes from what its author has not put.
func (c *Committer) dangling(err error, theirs *base.State) bool {
	return errors.Is(err, remote.ErrNotFound) && theirs.Roster != nil && theirs.Commit.Author != c.keys.Owner &&
		theirs.Commit.Author != c.keys.Author.ID() && !c.grace.Doubtful(c.doubt.sure)
}

// clean deletes what attempts that can't land any more have put, in a space of another owner.
func (c *Committer) clean(ctx context.Context) error {
	if c.attempt != nil || !c.seen {
		return nil
	}
	return c.uploads.left.clean(ctx, c.nodes, c.store, &c.base)
}

// rosterTries is how often a roster is tried again after another writer was faster.
const rosterTries = 20

// SetRoster commits a new roster on top of the newest state; only the owner may. The epoch never falls. Errors:
// vfs.ErrInvalid, remote.ErrConflict if other writers were faster each time, those of a commit.
func (c *Committer) SetRoster(ctx context.Context, roster object.Roster) error {
	if !c.keys.Owns() || !c.keys.Listed {
		return &vfs.Error{Op: "set the authors of", Path: "/", Kind: vfs.ErrInvalid,
			Err: errors.New("only the owner of a shared folder can say who writes it")}
	}
	roster.Authors = sorted(roster.Authors)
	c.Retry()
	return c.Do(ctx, func(ctx context.Context) (err error) {
		for range rosterTries {
			if err = c.setRoster(ctx, &roster); !errors.Is(err, remote.ErrConflict) {
				break
			}
		}
		c.note(err)
		return err
	})
}

func (c *Committer) setRoster(ctx context.Context, roster *object.Roster) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	if was := c.base.Roster; was != nil {
		if roster.Epoch < was.Epoch {
			return &vfs.Error{Op: "set the authors of", Path: "/", Kind: vfs.ErrInvalid,
				Err: fmt.Errorf("epoch %d is before %d", roster.Epoch, was.Epoch)}
		}
		if sameRoster(was, roster) {
			return nil
		}
	}
	// Pending changes go with the next commit: they may have to wait for another space.
	a, err := c.sealer.seal(ctx, c.base, &working.Head{Tree: c.base.Files}, nil, roster)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.attempt = a
	old, next := c.base.Pointer.Hash(), a.next.Pointer
	c.uploads.send(old, next.Hash())
	if err := c.store.Swap(ctx, old, next); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.land()
	return nil
}

// Roster looks for the newest state and returns its roster; false: it has none.
func (c *Committer) Roster(ctx context.Context) (roster object.Roster, found bool, err error) {
	c.Retry()
	err = c.Do(ctx, func(ctx context.Context) error {
		if err := c.look(ctx); err != nil {
			c.note(err)
			return err
		}
		if c.base.Roster != nil {
			roster, found = *c.base.Roster, true
		}
		return nil
	})
	return roster, found, err
}
