package commit

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/vfs/gc"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Do runs f in the committer's goroutine, between two commits, and waits for it. A commit in progress does not wait for
// clients meanwhile. Errors: working.ErrClosed, the context's, those of f.
func (c *Committer) Do(ctx context.Context, f func(context.Context) error) error {
	defer c.hurry()()
	return c.loop.Do(ctx, f)
}

// Look loads the newest state from the remote now, and returns when that is done.
func (c *Committer) Look(ctx context.Context) error {
	c.Retry() // it may be in the pause before its next attempt
	return c.Do(ctx, func(ctx context.Context) error {
		err := c.look(ctx)
		c.note(err)
		return err
	})
}

// Accept makes the committer accept the state that the remote shows, whether or not it follows from the known one.
func (c *Committer) Accept(ctx context.Context, shown crypto.Pointer) error {
	head, err := base.OpenHead("open the state to accept", c.keys.Capability, shown)
	if err != nil {
		return err
	}
	c.Retry()
	return c.Do(ctx, func(ctx context.Context) error {
		c.accepted = head.Commit
		err := c.look(ctx)
		c.note(err)
		return err
	})
}

// Replacement is a commit that replaces the state that the remote shows.
type Replacement struct {
	Shown crypto.Pointer // the pointer that the remote shows
	On    base.State     // the parent; its private state is known
	Files tree.Tree
	// Private is the private state, to be joined with that of On.
	Private registry.State
}

// Supersede commits a replacement. Pending changes are merged with it as with any other commit. plan runs in the
// committer's goroutine and gets the newest commit from look. A nil Replacement means that there is nothing to do.
func (c *Committer) Supersede(
	ctx context.Context, plan func(ctx context.Context, look Looking) (*Replacement, error),
) error {
	return c.Do(ctx, func(ctx context.Context) error {
		r, err := plan(ctx, func(ctx context.Context) (base.State, error) {
			err := c.look(ctx)
			return c.base, err
		})
		if err != nil || r == nil {
			return err
		}
		a, err := c.sealer.seal(ctx, r.On, &working.Head{Tree: r.Files, Private: r.Private}, nil, nil)
		if err == nil {
			c.accepted = a.next.Ref
			old, next := r.Shown.Hash(), a.next.Pointer
			c.uploads.send(old, next.Hash())
			err = c.store.Swap(ctx, old, next)
		}
		if err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return c.look(ctx)
	})
}

// Looking loads the pointer from the remote and returns the newest commit.
type Looking func(ctx context.Context) (base.State, error)

// ErrNotPutBack says that a pointer could not be put back: the remote has one, or can't be written to.
var ErrNotPutBack = errors.New("the pointer was not put back")

// PutBack restores a lost pointer at the remote, so that it leads to a commit that this device knows. Errors:
// ErrNotPutBack; those of the remote.
func (c *Committer) PutBack(ctx context.Context, known base.State) (crypto.Pointer, error) {
	// a pointer that was seen before can't be swapped in again
	next, err := c.sealer.pointTo(known.Head(), known.Pointer.Seq+1)
	if err != nil {
		return crypto.Pointer{}, err
	}
	if err := c.store.Swap(ctx, crypto.PointerHash{}, next); err != nil {
		return crypto.Pointer{}, fmt.Errorf("%w: %w", ErrNotPutBack, err)
	}
	c.home.Log.Warn("the remote had lost the drive's pointer; it was put back as this device knows it",
		"seq", next.Seq)
	return c.store.Load(ctx, next.ID)
}

// relocation is the part of a commit that a repacking has already uploaded.
type relocation struct {
	packs  map[crypto.BlobName]int64 // the new packs, with their sizes
	landed func()                    // called once the commit has landed
}

// Repack commits the newest state with its planned parts moved to new packs. The contents do not change, so a crash or
// a lost race wastes only the upload.
func (c *Committer) Repack(ctx context.Context, plan gc.Plan) error {
	return c.Do(ctx, func(ctx context.Context) error { return c.repack(ctx, plan) })
}

func (c *Committer) repack(ctx context.Context, plan gc.Plan) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	r := plan.Repacking
	h, err := c.newest(ctx)
	if err != nil {
		return err
	}
	on := c.base
	if on.Whole, err = r.Move(ctx, on.Whole); err != nil {
		return err
	}
	files, err := r.Move(ctx, h.Tree)
	if err != nil {
		return err
	}
	if on.Whole == c.base.Whole && files == h.Tree {
		return nil
	}
	if err := c.added(ctx, h.Seq); err != nil {
		return err
	}
	moved := &relocation{packs: plan.Packs(), landed: func() { c.relocate(r, h, files) }}
	return c.send(ctx, on, &working.Head{Tree: files, Private: h.Private, Seq: h.Seq}, moved)
}

// relocate makes the newest state refer to the new packs after a repacking. Changes made in the meantime refer to the
// same moved parts, so nothing has to be read or put. On failure the state keeps referring to the old packs for a
// while.
func (c *Committer) relocate(r *tree.Repacking, was *working.Head, files tree.Tree) {
	for {
		from, err := c.copy.DurableHead()
		if err != nil {
			return // the moved parts are at the remote, and the journal is broken
		}
		t := files
		if from.Tree != was.Tree {
			if t, err = r.Move(context.Background(), from.Tree); err != nil {
				c.home.Log.Warn("rewritten packs are not used yet", "error", err)
				return
			}
		}
		if c.copy.Replace(from, &working.Head{Tree: t, Private: from.Private, Seq: from.Seq}) {
			return
		}
	}
}
