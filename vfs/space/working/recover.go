package working

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/authors"
	"postern/vfs/space/base"
)

// Beginning is the initial state of a working copy.
type Beginning struct {
	Local   base.State // the commit that the journal's first record applies to
	Newest  base.State // the state that the remote shows; zero when it is unreachable or not credible
	Trouble error      // why Newest is zero
	Asked   time.Time  // when the remote was asked
}

// Begin loads the newest state from the remote, and uses the saved one if the remote does not respond or lies. Errors:
// base.ErrNoSpace, those of the remote when nothing is saved.
func (c *Copy) Begin(ctx context.Context, store remote.Pointers) (Beginning, error) {
	asked := c.home.Now()
	local, err := c.Saved()
	if errors.Is(err, fs.ErrNotExist) {
		newest, err := c.load(ctx, store, base.State{})
		newest.Shown = asked
		if _, breach := errors.AsType[*authors.BreachError](err); breach && !newest.Ref.Blob.IsZero() {
			return Beginning{Local: newest, Trouble: err, Asked: asked}, nil
		}
		return Beginning{Local: newest, Newest: newest, Asked: asked}, err
	}
	if err != nil {
		return Beginning{}, err
	}
	ask, cancel := context.WithTimeout(ctx, c.begin)
	defer cancel()
	newest, err := c.load(ask, store, local)
	if err != nil {
		if ctx.Err() != nil {
			return Beginning{}, err
		}
		newest = base.State{}
	}
	trouble := err
	if c.own && !local.PrivateKnown() { // saved by an earlier build
		if err := local.ReadPrivate(ctx, newest); err != nil {
			return Beginning{}, err
		}
	}
	return Beginning{Local: local, Newest: newest, Trouble: trouble, Asked: asked}, nil
}

// load loads the newest state from the remote, with its private state, and judges it as base.Take does.
func (c *Copy) load(ctx context.Context, store remote.Pointers, was base.State) (base.State, error) {
	newest, err := base.LoadOn(ctx, store, c.nodes, c.space, was)
	if err == nil {
		err = c.ReadPrivate(ctx, &newest)
	}
	return newest, err
}

// Recover restores the working copy of the last run: the base commit of the journal's records, and those records on
// top. It returns the newest commit that was merged in, and the number of the newest record that it holds.
func (c *Copy) Recover(ctx context.Context, begin Beginning) (on base.State, done uint64, err error) {
	was := begin.Local
	r, err := c.replay(ctx, was)
	again := begin.Trouble == nil && c.Collected(err, was.Shown)
	if again {
		// This replay does not apply the records yet: Reapply does.
		r = newReplay(c, begin.Local)
		r.restart(begin.Newest, begin.Newest.Files)
		r.blind = true
		err = r.run(ctx)
	}
	if err != nil {
		return on, 0, err
	}
	c.pending = r.pending
	c.committed.Store(&r.on)
	found := &Head{Tree: r.batch.Tree(), Private: r.private, Seq: r.seq}
	c.head.Store(found)
	c.setShown(found)
	var staged []crypto.BlobName
	for _, p := range r.pending {
		staged = append(staged, p.blobs...)
	}
	if err := c.home.Attach(c.space.ID, c, staged); err != nil {
		return on, 0, err
	}
	c.takeRoom()
	if err := c.home.Skip(was.Commit.Latest(c.numbers.Device).Seq); err != nil {
		return on, 0, err
	}
	if c.recordedOp != nil {
		for _, op := range r.told {
			c.recordedOp(op)
		}
	}
	if again {
		if err := c.Reapply(ctx, r.on, c.numbers.Held(&r.on.Commit, r.done)); err != nil {
			return on, 0, err
		}
	}
	return r.on, r.done, c.home.Trim(r.done)
}

// takeRoom takes what the pending changes have in the staging area from the space's share.
func (c *Copy) takeRoom() {
	if c.share == nil {
		return
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	for i, p := range c.pending {
		size := int64(0)
		for _, name := range p.blobs {
			if body, err := c.home.Area.Body(name); err == nil {
				size += body.Size()
			}
		}
		if size > 0 {
			c.pending[i].give = c.share.Take(size)
		}
	}
}
