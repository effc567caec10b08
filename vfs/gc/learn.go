package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// learn goes back through the commits before the newest, up to the one that the last run saw. What they led to is known
// to be this drive's, and begins its grace period anew: it was needed since. The packs of commits younger than the
// grace period are kept, so that a gateway that comes back finds the commit it had last. A commit that is gone was
// collected, and those before it with it.
func (c *collection) learn(ctx context.Context) error {
	known := c.state.Hash == c.notes.Walked
	c.date(c.state)
	whole := true
	for at := c.state; !known || c.young(at); {
		next, ok, err := c.before(ctx, at)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.date(next)
		if c.young(next) {
			c.marks.keep(next.Ref.Blob)
		}
		if known = known || next.Hash == c.notes.Walked; !known {
			told, err := c.marks.know(ctx, next)
			if err != nil {
				return err
			}
			whole = whole && told
		}
		at = next
	}
	c.renew(whole && known)
	c.notes.Walked = c.state.Hash
	return nil
}

// before opens the commit that another is made on. It is not ok when there is none, or none any more.
func (c *collection) before(ctx context.Context, at State) (parent State, ok bool, err error) {
	named := at.Commit.Parent
	if named == (object.Parent{}) {
		return State{}, false, nil
	}
	parent, err = c.Drive.Open(ctx, named.Commit)
	if corrupt(err) {
		return State{}, false, nil
	}
	if err == nil && parent.Hash != named.Hash {
		err = &vfs.Error{Op: "open a commit before", Path: "/", Kind: vfs.ErrCorrupt, Err: errors.New("it is another one than its child says")}
	}
	return parent, err == nil, err
}

// renew begins the grace periods anew of what the commits since the last run led to. When not all of that could be
// seen, because some of it was collected or the commit of the last run does not lead here, any candidate may have been
// needed: all begin anew.
func (c *collection) renew(whole bool) {
	if !whole {
		c.renewAll()
	}
	for name := range c.marks.ours {
		c.notes.Blobs[name] = 0
	}
}

func (c *collection) renewAll() {
	for name, since := range c.notes.Blobs {
		if since > 0 {
			c.notes.Blobs[name] = 0
		}
	}
}

// young reports whether a commit is younger than the grace period. A commit that is dated further ahead than that is
// not: nothing tells how old it is, and its pack waits for the grace period like everything else when another commit
// has followed it.
func (c *collection) young(s State) bool {
	age := c.shown.Sub(time.Unix(0, s.Commit.Time))
	return age.Abs() < c.Grace
}

// mostTrusted is how long after a run its notes still count: no clock is off by less that jumps from or to the year
// 1970, say.
const mostTrusted = 365 * 24 * time.Hour

// date notes the time of a commit, unless it lies so far ahead that it tells nothing.
func (c *collection) date(s State) {
	if s.Commit.Time-c.shown.UnixNano() < int64(mostTrusted) {
		c.latest = max(c.latest, s.Commit.Time)
	}
}

// checkClock makes up for a clock that was behind in earlier runs: grace periods that began by it would end too early.
// A commit that was dated ahead then, and is not now, shows how far behind it was at least, unless it was that commit's
// clock which was ahead: so each grace period is put off by that once at most. After a very long time they all begin
// anew.
func (c *collection) checkClock() {
	last := c.notes.Last
	switch now := c.start.UnixNano(); {
	case last.At == 0:
	case c.start.Sub(time.Unix(0, last.At)) > mostTrusted:
		c.renewAll()
	case last.Doubted != 0 && last.Commit <= now:
		for name, since := range c.notes.Blobs {
			if since >= last.Doubted {
				c.notes.Blobs[name] = max(since, last.Commit)
			}
		}
		c.notes.Last.Doubted = 0
	}
}

// Apart returns how far apart two readings of the clock are, by the wall clock or by the monotonic one, whichever says
// more: the monotonic clock stands still while a machine is suspended, and the wall clock may be set back.
func Apart(a, b time.Time) time.Duration {
	return max(a.Sub(b).Abs(), a.Round(0).Sub(b.Round(0)).Abs())
}

// list tells the sizes of what is at the remote and this drive's.
func (c *collection) list(ctx context.Context) error {
	c.listed = map[crypto.BlobName]int64{}
	c.report.Others, c.report.Needed, c.report.Live = Amount{}, Amount{}, 0
	for b, err := range c.Store.List(ctx) {
		if err != nil {
			return fmt.Errorf("list what is at the remote: %w", err)
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
		if u != nil {
			c.report.Needed.add(b.Size)
			c.report.Live += u.live
		}
	}
	c.report.Commit = object.Time(c.state.Commit.Time)
	return nil
}
