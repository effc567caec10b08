package gc

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/vfs/tree"
)

const (
	// batch is how many blobs are deleted between two looks at the pointer: a second or two.
	batch = 64
	// deletions is how many are deleted at once.
	deletions = 8
	// staleAfter is how long after a look at the pointer a deletion may begin. A gateway that comes back after a long
	// time looks again for what its commit refers to when it polls next (package space, check.go), which is later.
	staleAfter = 5 * time.Second
)

// sweep notes what is not needed, and deletes what has not been for longer than the grace period.
func (c *collection) sweep(ctx context.Context) error {
	held := map[crypto.BlobName]bool{}
	for _, name := range c.Drive.Held() {
		held[name] = true
	}
	now := max(c.shown.UnixNano(), 1)
	blobs := map[crypto.BlobName]int64{} // as they are to be noted
	var due []crypto.BlobName
	for name := range c.marks.blobs {
		blobs[name] = 0
	}
	for name, size := range c.listed {
		if c.marks.needed(name) {
			continue
		}
		since, known := c.notes.Blobs[name]
		switch {
		case held[name]:
			since = 0
		case !known || since == 0 || since > now: // or a clock was wrong
			since = now
		case now-since >= int64(c.Grace): // noted by an earlier run
			due = append(due, name)
			c.report.Deleted.add(size)
		}
		blobs[name] = since
		if since == 0 || len(due) > 0 && due[len(due)-1] == name {
			continue
		}
		c.report.Candidates.add(size)
		if at := time.Unix(0, since).Add(c.Grace).UTC(); c.report.Due.IsZero() || at.Before(c.report.Due) {
			c.report.Due = at
		}
	}
	if c.DryRun {
		return nil
	}
	c.notes.Blobs = blobs
	doubted := c.notes.Last.Doubted
	if doubted != 0 {
		c.latest, doubted = max(c.latest, c.notes.Last.Commit), min(doubted, now)
	} else if c.latest > now {
		doubted = now
	}
	c.notes.Last = Last{At: now, Needed: c.report.Needed.Bytes, Candidates: c.report.Candidates.Bytes, Due: c.report.Due,
		Commit: c.latest, Doubted: doubted}
	if err := c.save(); err != nil {
		return err
	}
	if len(due) == 0 {
		return nil
	}
	c.report.Deleted = Amount{}
	slices.SortFunc(due, func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
	for all := int64(len(due)); len(due) > 0; {
		c.Progress(Progress{Seen: c.seen.Load(), Deleted: all - int64(len(due)), ToDelete: all})
		n, err := c.deleteBatch(ctx, due[:min(batch, len(due))])
		if err != nil {
			return err
		}
		due = due[n:]
	}
	return c.save()
}

// deleted marks in the notes, until they are saved, what is gone.
const deleted = -1

// deleteBatch deletes what is still not needed by the newest state there is now, and tells how many of the names it
// came to: of a slow remote, or on a machine that was suspended meanwhile, what was seen is soon too old to go by.
func (c *collection) deleteBatch(ctx context.Context, names []crypto.BlobName) (int, error) {
	asked := c.Now()
	newest, err := c.Drive.Newest(ctx)
	if err != nil {
		return 0, err
	}
	if newest.Ref != c.state.Ref {
		if err := c.lookAgain(ctx, newest); err != nil {
			return 0, err
		}
	}
	if len(c.marks.damaged) > 0 && !c.DespiteDamage {
		c.report.Damaged = c.marks.damaged
		return 0, ErrDamaged
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deletions)
	var gone []crypto.BlobName
	for i, name := range names {
		if i > 0 && Apart(asked, c.Now()) > staleAfter {
			names = names[:i]
			break
		}
		if c.marks.needed(name) || c.notes.Blobs[name] == 0 {
			c.notes.Blobs[name] = 0
			continue
		}
		gone = append(gone, name)
		g.Go(func() error { return c.Store.Delete(ctx, name) })
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("delete what nobody needs: %w", err)
	}
	for _, name := range gone {
		c.report.Deleted.add(c.listed[name])
		c.notes.Blobs[name] = deleted
	}
	return len(names), nil
}

// lookAgain adds what a newer state leads to: only what is new in it is looked at, unless it leads to what only older
// commits did. What the commits between led to begins its grace period anew.
func (c *collection) lookAgain(ctx context.Context, newest State) error {
	was := c.state
	c.state = newest
	if err := c.marks.need(ctx, newest); err != nil {
		return err
	}
	if c.marks.doubt {
		c.marks.walker, c.marks.older, c.marks.doubt = tree.NewWalker(c.Parallel), span{}, false
		if err := c.marks.need(ctx, newest); err != nil {
			return err
		}
	}
	clear(c.marks.ours)
	whole := true
	for at := newest; at.Ref != was.Ref; {
		next, ok, err := c.before(ctx, at)
		if err != nil {
			return err
		}
		if !ok {
			whole = false
			break
		}
		if next.Ref != was.Ref {
			told, err := c.marks.know(ctx, next)
			if err != nil {
				return err
			}
			whole = whole && told
		}
		at = next
	}
	c.renew(whole)
	return nil
}
