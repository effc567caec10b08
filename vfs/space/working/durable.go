package working

import (
	"errors"

	"postern/vfs"
	"postern/vfs/journal"
	"postern/vfs/space/view"
)

// A change is recorded first and durable later, by a sync that many changes share. Until then only the next change sees it: Copy.head
// is the newest recorded state, which changes are made to, Copy.shown the newest durable one, which everybody else is shown and the
// committer commits. So a sync that fails takes back what nobody has seen.

// Durable returns when the change seq is durable, and shows it. When the journal can't be synced, that change and all that were made to
// it never happened; the error is vfs.ErrBroken.
func (c *Copy) Durable(seq uint64) error {
	err := c.home.Sync(seq)
	for {
		c.changing.Lock()
		next := c.show()
		if next == nil || c.shown.Load().Seq >= seq {
			defer c.changing.Unlock()
			if err != nil && c.shown.Load().Seq < seq {
				c.takeBack()
				return broken(err)
			}
			return nil
		}
		to := *next.after
		c.changing.Unlock()
		// A move away: what it adds elsewhere is shown first, so that there is no moment in which it is nowhere.
		if err := c.home.Show(to, next.Seq); err != nil {
			return err
		}
		c.changing.Lock()
		next.after = nil
		c.changing.Unlock()
	}
}

// show makes the recorded states visible that are durable. It stops at one that waits for another space, and returns it. It holds
// changing.
func (c *Copy) show() *Head {
	durable := c.home.Durable()
	for len(c.recorded) > 0 && c.recorded[0].Seq <= durable {
		if c.recorded[0].after != nil {
			return c.recorded[0]
		}
		c.shown.Store(c.recorded[0])
		c.recorded[0] = nil
		c.recorded = c.recorded[1:]
	}
	return nil
}

// takeBack forgets the changes that are not durable and never will be. It holds changing.
func (c *Copy) takeBack() {
	shown := c.shown.Load()
	c.head.Store(shown)
	c.recorded = nil
	n := len(c.pending)
	for ; n > 0 && c.pending[n-1].seq > shown.Seq; n-- {
		if give := c.pending[n-1].give; give != nil {
			give()
		}
	}
	c.pending = c.pending[:n]
	c.home.Uncross(c.space.ID, 0, shown.Seq)
}

// DurableHead returns the newest state, once all of it is durable.
func (c *Copy) DurableHead() (*Head, error) {
	for {
		from := c.head.Load()
		if from == c.shown.Load() {
			return from, nil
		}
		if err := c.Durable(from.Seq); err != nil {
			return nil, err
		}
	}
}

// Replace puts h in the place of from, which DurableHead returned, unless a change was made meanwhile.
func (c *Copy) Replace(from, h *Head) bool {
	c.changing.Lock()
	defer c.changing.Unlock()
	return c.replaceHead(from, h)
}

// replaceHead puts h in the place of from, which DurableHead returned, unless a change was made meanwhile. It holds changing.
func (c *Copy) replaceHead(from, h *Head) bool {
	if c.head.Load() != from || c.shown.Load() != from {
		return false
	}
	c.head.Store(h)
	c.shown.Store(h)
	return true
}

// broken is the error of a change that could not be made durable.
func broken(err error) error {
	kind := vfs.ErrUnavailable
	if errors.Is(err, journal.ErrBroken) {
		kind = vfs.ErrBroken
	}
	return &vfs.Error{Op: "record a change of", Path: "/", Kind: kind, Err: err}
}

// notRecorded is the error of a change that could not be appended to the journal.
func notRecorded(err error) error {
	if errors.Is(err, journal.ErrBroken) {
		return broken(err)
	}
	return view.Failed("record a change of", "/", err)
}
