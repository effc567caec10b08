package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/roots"
)

// learn walks back through each space's commits from the newest to the one that the last run saw. Everything they led
// to is known to be this drive's, and its grace period restarts, since it was needed after that run. The packs of
// commits younger than the grace period are kept, so that a gateway that comes back finds its last commit. If a commit
// is gone, it was collected, and so were those before it.
func (c *collection) learn(ctx context.Context) error {
	// Also if a commit can't be read: a commit noted as walked must not lead to blobs that are not noted.
	defer c.attribute()
	for _, s := range c.spaces {
		if s.failed {
			continue
		}
		whole, err := c.back(ctx, s, true)
		if err != nil {
			return err
		}
		c.renew(s, whole)
	}
	return nil
}

// back walks back through the commits of a space to the one that was walked before, and notes what they led to. It
// reports whether all of them could be read.
func (c *collection) back(ctx context.Context, s *space, keepYoung bool) (whole bool, err error) {
	known := s.state.Hash == s.walked
	c.date(s.state)
	whole = true
	for at := s.state; !known || keepYoung && c.young(at); {
		next, ok, err := c.before(ctx, at, s)
		if err != nil {
			return false, err
		}
		if !ok {
			// A space that is new here is known completely once its first commit is reached.
			known = known || s.walked == object.CommitHash{} && at.Commit.Parent == object.Parent{}
			break
		}
		c.date(next)
		if keepYoung && c.young(next) {
			c.marks.keep(next.Ref.Blob, s.number)
		}
		if known = known || next.Hash == s.walked; !known {
			told, err := c.marks.know(ctx, next, s.number)
			if err != nil {
				return false, err
			}
			whole = whole && told
		}
		at = next
	}
	s.walked = s.state.Hash
	if s.number == 0 {
		c.notes.Walked = s.walked
	} else {
		c.notes.Spaces[s.number-1].Walked = s.walked
	}
	return whole && known, nil
}

// before opens the parent of a commit. ok is false if there is none, or if it was collected.
func (c *collection) before(ctx context.Context, at roots.State, s *space) (parent roots.State, ok bool, err error) {
	named := at.Commit.Parent
	if named == (object.Parent{}) {
		return roots.State{}, false, nil
	}
	parent, err = c.Roots.Earlier(ctx, named.Commit)
	if err == nil && parent.Hash != named.Hash {
		err = &vfs.Error{Op: "open a commit before", Path: "/", Kind: vfs.ErrCorrupt,
			Err: errors.New("it is not the commit that its child names")}
		if s.number == 0 {
			return parent, false, err
		}
	}
	if corrupt(err) {
		return roots.State{}, false, nil
	}
	return parent, err == nil, err
}

// renew restarts the grace period of everything that a space's commits since the last run led to. If some of that could
// not be read, because parts were collected or the last run's commit is not an ancestor, any candidate may have been
// needed, so all grace periods restart. If other accounts write the space, only blobs learnt from it restart, since
// those accounts could otherwise delay every deletion for ever.
func (c *collection) renew(s *space, whole bool) {
	if !whole && !s.rostered() {
		c.renewAll()
	}
	for name, u := range c.marks.blobs {
		if u.older {
			c.notes.Blobs[name] = 0
			u.older = false
		}
	}
	if whole || !s.rostered() {
		return
	}
	for name, since := range c.notes.Blobs {
		if since > 0 && c.sets.meets(c.learntFrom(name), map[uint32]bool{s.number: true}) {
			c.notes.Blobs[name] = 0
		}
	}
}

func (c *collection) renewAll() {
	for name, since := range c.notes.Blobs {
		if since > 0 {
			c.notes.Blobs[name] = 0
		}
	}
}

// young reports whether a commit is younger than the grace period. A commit dated further ahead than that is not: its
// age is unknown, and once another commit follows, its pack waits for the grace period like everything else.
func (c *collection) young(s roots.State) bool {
	age := c.shown.Sub(time.Unix(0, s.Commit.Time))
	return age.Abs() < c.grace
}

// mostAhead is how far ahead of this gateway's clock the date of a commit may lie to say anything about that clock.
const mostAhead = 365 * 24 * time.Hour

// mostTrusted is how long after a run its notes still count. A larger gap means a wrong clock, such as one that jumps
// to or from the year 1970. It is shorter than mostAhead, so that each wrong clock is noticed in one way or the other.
const mostTrusted = mostAhead / 2

// date notes the time of a commit, unless it lies too far ahead to be credible.
func (c *collection) date(s roots.State) {
	if s.Commit.Time-c.shown.UnixNano() < int64(mostAhead) {
		c.latest = max(c.latest, s.Commit.Time)
	}
}

// checkClock puts the grace periods off by the time that this gateway's clock says has passed since the last run and
// that may not have passed: the clock may have been behind, and been put forward. A commit dated ahead of the clock
// shows how late it was at least. So the drive's time is the later of the clock and the latest commit, and a candidate
// ages by no more than either the clock or that time advances.
//
// If the latest commit is still far ahead, the clock is still behind or another device's clock is ahead. Then a short
// time between two runs counts as the clock says, since otherwise one such device could hold back all deletions. The
// clock may have been put forward by as much, so less than half the grace period is lost.
//
// If the clock was set back, or after a very long time, all grace periods restart.
func (c *collection) checkClock(now int64) {
	last, half := c.notes.Last, int64(c.grace/2)
	passed := now - last.At
	if last.At == 0 {
		return
	}
	if passed < 0 || passed > int64(mostTrusted) {
		c.renewAll()
		return
	}
	c.latest = max(c.latest, last.Commit)
	if passed <= half && c.latest-now > half {
		return
	}
	proven := max(now, c.latest) - max(last.At, last.Commit)
	for name, since := range c.notes.Blobs {
		if since > 0 && proven < passed {
			c.notes.Blobs[name] = since + passed - proven
		}
	}
}

// Apart returns the larger of the differences between two readings of the wall clock and of the monotonic clock. The
// monotonic clock stops while a machine is suspended, and the wall clock may be set back.
func Apart(a, b time.Time) time.Duration {
	return max(a.Sub(b).Abs(), a.Round(0).Sub(b.Round(0)).Abs())
}

// list finds the sizes of this drive's blobs at the remote.
func (c *collection) list(ctx context.Context) error {
	c.listed = map[crypto.BlobName]int64{}
	c.report.Others, c.report.Needed, c.report.Live = Amount{}, Amount{}, 0
	for b, err := range c.Store.List(ctx) {
		if err != nil {
			return fmt.Errorf("list the remote's blobs: %w", err)
		}
		_, ours := c.notes.Blobs[b.Name]
		u := c.marks.blobs[b.Name]
		if u == nil && !ours && !c.Alone {
			c.report.Others.add(b.Size)
			continue
		}
		if _, twice := c.listed[b.Name]; twice {
			continue
		}
		c.listed[b.Name] = b.Size
		if u != nil && u.by != 0 {
			c.report.Needed.add(b.Size)
			c.report.Live += u.live
		}
	}
	c.report.Commit = object.Time(c.spaces[0].state.Commit.Time)
	return nil
}
