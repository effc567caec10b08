package gc

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
)

const (
	// batch is how many blobs are deleted between two looks at the pointers: a second or two.
	batch = 64
	// deletions is how many are deleted at once.
	deletions = 8
	// staleAfter is how long after a look at the pointers a deletion may begin. A gateway that comes back after a long
	// time checks its commit's blobs again at its next poll (package space/commit, doubt.go), which is later.
	staleAfter = 5 * time.Second
)

// sweep notes unneeded blobs, and deletes those that have been unneeded for longer than the grace period.
func (c *collection) sweep(ctx context.Context) error {
	held := map[crypto.BlobName]bool{}
	for _, name := range c.Drive.Held() {
		held[name] = true
	}
	damaged := c.damaged()
	now := max(c.shown.UnixNano(), 1)
	c.checkClock(now)
	blobs := map[crypto.BlobName]int64{} // the new notes
	var due []crypto.BlobName
	for name, u := range c.marks.blobs {
		if u.by != 0 {
			blobs[name] = 0
		}
	}
	for name, size := range c.listed {
		if c.marks.needed(name) {
			continue
		}
		since, known := c.notes.Blobs[name]
		isDue := false
		switch {
		case held[name]:
			since = 0
		case known && c.sets.meets(c.learntFrom(name), damaged):
			since = 0
			c.report.HeldBack.add(size)
		case !known || since == 0 || since > now: // or a clock was wrong
			since = now
		case now-since >= int64(c.grace): // noted by an earlier run
			isDue = true
			due = append(due, name)
			c.report.Deleted.add(size)
		}
		blobs[name] = since
		if since == 0 || isDue {
			continue
		}
		c.report.Candidates.add(size)
		if at := time.Unix(0, since).Add(c.grace).UTC(); c.report.Due.IsZero() || at.Before(c.report.Due) {
			c.report.Due = at
		}
	}
	if c.DryRun {
		return nil
	}
	c.notes.Blobs = blobs
	c.notes.Last = Last{At: now, Needed: c.report.Needed.Bytes, Candidates: c.report.Candidates.Bytes, Due: c.report.Due,
		Commit: c.latest}
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

// deleted marks deleted blobs in the notes until they are saved.
const deleted = -1

// deleteBatch deletes the blobs that the newest states still do not need, and returns how many of the names it
// processed. It stops early when its look is too old, on a slow remote or after the machine was suspended.
func (c *collection) deleteBatch(ctx context.Context, names []crypto.BlobName) (int, error) {
	asked := c.Now()
	if err := c.lookAgain(ctx); err != nil {
		return 0, err
	}
	damaged := c.damaged()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deletions)
	var gone []crypto.BlobName
	for i, name := range names {
		if i > 0 && Apart(asked, c.Now()) > staleAfter {
			names = names[:i]
			break
		}
		if c.marks.needed(name) || c.notes.Blobs[name] == 0 || c.sets.meets(c.learntFrom(name), damaged) {
			c.notes.Blobs[name] = 0
			continue
		}
		gone = append(gone, name)
		g.Go(func() error { return c.Store.Delete(ctx, name) })
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("delete garbage: %w", err)
	}
	for _, name := range gone {
		c.report.Deleted.add(c.listed[name])
		c.notes.Blobs[name] = deleted
	}
	return len(names), nil
}

// lookAgain adds what newer states lead to. It walks only what is new in them, unless they need parts that only older
// commits had led to. Everything that the commits in between led to restarts its grace period.
func (c *collection) lookAgain(ctx context.Context) error {
	var changed []*space
	for again := true; again; {
		more, err := c.follow(ctx)
		if err != nil {
			return err
		}
		changed = append(changed, more...)
		if again = c.marks.doubt; again { // there may be mounts below known parts, too
			if err := c.remark(ctx); err != nil {
				return err
			}
		}
	}
	if len(changed) > 0 {
		defer c.attribute() // as in learn
	}
	if err := c.known(); err != nil {
		return err
	}
	if err := c.whole(); err != nil {
		return err
	}
	for _, s := range changed {
		whole, err := c.back(ctx, s, false)
		if err != nil {
			return err
		}
		c.renew(s, whole)
	}
	return nil
}

// remark marks all spaces from scratch.
func (c *collection) remark(ctx context.Context) error {
	c.marks.graph = newGraph(c.Parallel)
	for _, s := range c.spaces {
		if s.failed {
			continue
		}
		if err := c.marks.need(ctx, s.state, s.number); err != nil {
			return err
		}
	}
	return nil
}
