package keep

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/tree"
)

// Join merges a state of the drive that arrived in a bundle instead of through the remote, and that has diverged from
// the local state. It commits the merge on top of the state that the remote shows. joined is false if everything was
// here already. A device on the other side sees that the commit holds all of its own changes, and continues from it.
// Errors: those of Missing and of a commit.
func (k *Keeper) Join(ctx context.Context, p crypto.Pointer) (joined bool, err error) {
	k.Committer.Retry() // it may be in the pause before its next attempt
	err = k.Committer.Supersede(ctx, func(ctx context.Context, look commit.Looking) (*commit.Replacement, error) {
		ours, err := look(ctx)
		if err != nil {
			return nil, err
		}
		if err := k.Missing(ctx, p); err != nil {
			return nil, err
		}
		theirs, err := base.Open(ctx, k.Nodes, k.Space, p)
		if err == nil {
			err = k.Copy.ReadPrivate(ctx, &theirs)
		}
		if err != nil {
			return nil, err
		}
		if yes, sure, err := base.Holds(ctx, k.Nodes, ours, theirs); err != nil || yes && sure {
			return nil, err
		}
		on, files, err := k.join(ctx, ours, theirs)
		if err != nil {
			return nil, fmt.Errorf("merge what came: %w", err)
		}
		joined = true
		return &commit.Replacement{Shown: ours.Pointer, On: on, Files: files, Private: theirs.Private()}, nil
	})
	return joined, err
}

// Missing returns nil if everything that a pointer's state leads to is at the remote. Errors: remote.ErrRefused when
// something is missing; those of the remote.
func (k *Keeper) Missing(ctx context.Context, p crypto.Pointer) error {
	theirs, err := base.Open(ctx, k.Nodes, k.Space, p)
	if errors.Is(err, vfs.ErrCorrupt) {
		return remote.Fail("join", p.ID, remote.ErrRefused, err)
	}
	if err != nil {
		return err
	}
	paths, err := commit.Needs(ctx, k.Copy.Committed().Whole, theirs.Whole, nil)
	if err != nil {
		return err
	}
	lost, err := k.Uploads.Restore(ctx, paths)
	if err == nil && len(lost) > 0 {
		err = remote.Fail("join", p.ID, remote.ErrRefused, fmt.Errorf(
			"%d blobs that it takes for granted are not there: import an earlier bundle first, or export since further back",
			len(lost)))
	}
	return err
}

// join returns the base and the files of a commit of both states: our files, with both histories, and a sequence
// greater than either.
func (k *Keeper) join(ctx context.Context, ours, theirs base.State) (on base.State, files tree.Tree, err error) {
	common, err := base.Common(ctx, k.Nodes, ours, theirs)
	if err != nil {
		return on, files, err
	}
	entry := k.Copy.MergeWith(theirs)
	entry.Device = ours.Commit.Device
	if files, err = k.Copy.Merge(ctx, common, ours.Files, theirs, entry); err != nil {
		return on, files, err
	}
	on = ours
	on.Pointer.Seq = max(on.Pointer.Seq, theirs.Pointer.Seq)
	for _, a := range theirs.Commit.Applied {
		if on.Commit.Latest(a.Device).Seq < a.Seq {
			on.Commit.Applied = object.WithApplied(on.Commit.Applied, a.Device, a.Seq)
		}
	}
	for e, err := range theirs.Whole.List(ctx, base.HistoryPath) {
		if err != nil {
			return on, files, err
		}
		at := base.HistoryPath + "/" + e.Info().Name
		if _, err := on.Whole.Lookup(ctx, at); !errors.Is(err, vfs.ErrNotExist) {
			if err != nil {
				return on, files, err
			}
			continue // of two states in the same second, the local one stays
		}
		state, err := theirs.Whole.Sub(ctx, at)
		if err == nil {
			on.Whole, err = on.Whole.Graft(ctx, at, state)
		}
		if err != nil {
			return on, files, err
		}
	}
	return on, files, nil
}
