package keep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Apply implements fsck.Editor: it makes one change of the files.
func (k *Keeper) Apply(ctx context.Context, op tree.Op) error {
	_, seq, err := k.Copy.Record(ctx, working.Change{Op: op})
	if err == nil {
		err = k.Settle(ctx, seq)
	}
	if working.Happened(err) {
		return nil
	}
	return err
}

// Fsck checks all spaces of the owner: first the own one, then the others, whose damage names the space. It repairs the
// others only by restoring blobs from other sources. Call it for the account's own space.
func (k *Keeper) Fsck(ctx context.Context, o fsck.Options) (fsck.Report, error) {
	if o.Store == nil {
		o.Store = k.Store
	}
	others := &others{keeper: k, roots: k.roots(k.Store, tree.NewNodes(k.Store, tree.Options{}))}
	o.Mounted = others.meet
	r, err := k.fsckOwn(ctx, o)
	if err == nil {
		err = others.check(ctx, o, &r)
	}
	return r, err
}

// fsckOwn checks everything that the newest commit leads to; see package fsck. It sets the options Store, At, Older,
// Lost, Editor, Version, Now and Log, and adds staging as a source. A given Store stays, so that a caller can bypass
// caches. Uncommitted changes are not checked: call Flush first. If a repair finds that the newest commit is lost, it
// goes back to the previous one.
func (k *Keeper) fsckOwn(ctx context.Context, o fsck.Options) (fsck.Report, error) {
	given := o
	p, err := k.Store.Load(ctx, k.Space.ID)
	if err != nil && o.Repair {
		p, err = k.putBack(ctx, err)
	}
	if err != nil {
		return fsck.Report{}, fmt.Errorf("load the drive's newest state: %w", err)
	}
	head, err := base.OpenHead("open the drive's newest state", k.Space, p)
	if err != nil {
		return fsck.Report{}, err
	}
	o.At = head.Commit
	if known, err := k.Copy.Saved(); err == nil {
		o.Older = append(o.Older, known.Ref, known.Commit.Parent.Commit)
	} else if !errors.Is(err, fs.ErrNotExist) {
		k.Home.Log.Warn("the commit that was noted here can't be read", "error", err)
	}
	o.Sources = append([]fsck.Source{k.Home.Area}, o.Sources...)
	o.Editor, o.Version = k, func() (vfs.Version, error) { return base.NewVersion(k.Home.Rand) }
	o.Now, o.Log, o.Lost = k.Home.Now, k.Home.Log, k.lost()
	r, err := fsck.Run(ctx, o)
	switch {
	case err != nil || !o.Repair:
		return r, err
	case r.Fallback == (object.Ref{}) && slices.ContainsFunc(r.Damage, ofPrivate):
		return k.mendPrivate(ctx, given, r)
	case r.Fallback == (object.Ref{}):
		if err := k.rewrite(ctx, &r); err != nil {
			return r, err
		}
		return r, k.giveUp(r.Lost)
	}
	if err := k.goBack(ctx, r.Fallback); err != nil {
		return r, fmt.Errorf("go back to an older commit: %w", err)
	}
	lost := r.Damage[:1:1]
	lost[0].WentBack = r.Commit
	again, err := k.fsckOwn(ctx, given) // and any other damage
	again.Damage = append(lost, again.Damage...)
	return again, err
}

// ofPrivate reports whether damage is of the private state.
func ofPrivate(d fsck.Damage) bool {
	return d.Path == registry.Path || strings.HasPrefix(d.Path, registry.Path+"/")
}

// mendPrivate writes a damaged private state anew, as this device knows it, and checks again. If the device does not
// know it either, the damage stays.
func (k *Keeper) mendPrivate(ctx context.Context, o fsck.Options, r fsck.Report) (fsck.Report, error) {
	if !k.Home.Owns(k.Space.ID) {
		return r, nil
	}
	err := k.Committer.Supersede(ctx, func(ctx context.Context, look commit.Looking) (*commit.Replacement, error) {
		ours, err := look(ctx)
		if err != nil {
			return nil, err
		}
		on, err := ours.WithoutPrivate(ctx)
		if err != nil {
			return nil, err
		}
		return &commit.Replacement{Shown: ours.Pointer, On: on, Files: ours.Files, Private: ours.Private()}, nil
	})
	if errors.Is(err, vfs.ErrCorrupt) {
		k.Home.Log.Warn("the damaged private state can only be repaired on a device that knows it", "error", err)
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("write the private state anew: %w", err)
	}
	once := o
	once.Repair = false
	again, err := k.fsckOwn(ctx, once)
	if err == nil && !slices.ContainsFunc(again.Damage, ofPrivate) { // else a store that loses it again
		again, err = k.fsckOwn(ctx, o)
	}
	again.Rewritten = append([]string{registry.Path}, again.Rewritten...)
	return again, err
}

// putBack restores a pointer that the remote has lost, so that it leads to a commit that this device knows. Otherwise
// it returns why the pointer could not be loaded.
func (k *Keeper) putBack(ctx context.Context, lost error) (crypto.Pointer, error) {
	known, err := k.Copy.Saved()
	switch {
	case err != nil || known.Pointer.ID != k.Space.ID:
		return crypto.Pointer{}, lost
	case errors.Is(lost, remote.ErrCorrupt):
		return crypto.Pointer{}, fmt.Errorf(
			"%w; remove it there and run this again: then it is put back as this device knows it", lost)
	case !errors.Is(lost, remote.ErrNotFound) && !errors.Is(lost, remote.ErrRollback):
		return crypto.Pointer{}, lost
	}
	p, err := k.Committer.PutBack(ctx, known)
	if errors.Is(err, commit.ErrNotPutBack) { // the remote has an older pointer: a rollback
		return crypto.Pointer{}, lost
	}
	return p, err
}

// goBack replaces a lost newest commit with an older one. The commits between are lost, too; pending changes are kept.
func (k *Keeper) goBack(ctx context.Context, at object.Ref) error {
	return k.Committer.Supersede(ctx, func(ctx context.Context, _ commit.Looking) (*commit.Replacement, error) {
		shown, err := k.Store.Load(ctx, k.Space.ID)
		if err != nil {
			return nil, fmt.Errorf("load the drive's newest state: %w", err)
		}
		head, err := base.OpenHead("go back from", k.Space, shown)
		if err != nil {
			return nil, err
		}
		on, err := base.OpenCommit(ctx, k.Nodes, object.Head{Version: head.Version, Commit: at})
		if err != nil {
			return nil, err
		}
		if err = k.Copy.ReadPrivate(ctx, &on); errors.Is(err, vfs.ErrCorrupt) {
			on, err = on.WithoutPrivate(ctx) // it is a commit that this device has known, so its private state is known here
		}
		if err != nil {
			return nil, err
		}
		on.Pointer = shown
		// What this device knows of the private state beyond that is noted again when it takes over the commit.
		return &commit.Replacement{Shown: shown, On: on, Files: on.Files}, nil
	})
}
