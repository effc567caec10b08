package space

import (
	"context"
	"errors"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Joined is a folder that was edited outside of the space that it belongs into, or a file.
type Joined struct {
	// Base is the folder or file before it was edited, as the space began with it; its kind is 0 if it is not known.
	// Edited is what became of it. Both are committed, in a space of the same owner at the same store.
	Base, Edited object.Entry
	Device       string // that edited it
}

// joins is how often Join begins anew while the space changes.
const joins = 10

// Join merges a folder or file that was edited elsewhere into the root of the space, as the edits of another device. It
// may be repeated: what is merged already changes nothing. It is several changes, each durable; an error leaves those
// that were made. Errors: vfs.ErrInvalid with vfs.ErrMounted for a folder with mounts in it, which belong to the space
// that they lie in; vfs.ErrUnavailable while the space can't be committed, or is changed all the time.
func (s *Space) Join(ctx context.Context, j Joined) error {
	for range joins {
		if err := s.Flush(ctx); err != nil {
			return err
		}
		ours := s.copy.Shown().Tree
		if ours.Dirty() {
			continue
		}
		err := s.join(ctx, ours, j)
		if !errors.Is(err, working.ErrChanged) {
			return err
		}
	}
	return &vfs.Error{Op: "merge", Path: "/", Kind: vfs.ErrUnavailable, Err: working.ErrChanged}
}

func (s *Space) join(ctx context.Context, ours tree.Tree, j Joined) error {
	base, err := s.joined(ctx, ours, j.Base)
	if err != nil {
		return err
	}
	theirs, err := s.joined(ctx, ours, j.Edited)
	if err != nil {
		return err
	}
	switch mounts, err := theirs.MayMount().Mounts(ctx, "/", 1); {
	case err != nil:
		return err
	case len(mounts) > 0 && j.Edited.Kind == object.Folder:
		return &vfs.Error{Op: "merge", Path: mounts[0].Path, Kind: vfs.ErrInvalid, Err: vfs.ErrMounted}
	}
	merged, conflicts, err := tree.Merge(ctx, base, ours, theirs, tree.MergeOptions{
		Ours: s.home.Device.Name, Theirs: j.Device, Time: s.home.Now(),
	})
	if err != nil {
		return err
	}
	for _, c := range conflicts {
		s.home.Log.Warn("changed in a shared folder and outside of it; both are kept", "path", c.Path, "copy", c.Copy)
	}
	made := "" // a folder that these steps have made: they find nothing else there
	return tree.Steps(ctx, ours, merged, func(path string, op tree.Op) error {
		if _, ok := op.(tree.Mkdir); ok {
			made = path
		}
		fresh := made != "" && strings.HasPrefix(path+"/", made+"/")
		_, err := s.make(ctx, working.Change{Op: op, Cond: func(ctx context.Context, now vfs.Stater) error {
			v, ok := now.(view.View)
			if fresh || !ok {
				return nil
			}
			return unchanged(ctx, ours, v.Tree, path)
		}})
		switch {
		case errors.Is(err, vfs.ErrPending):
			return nil
		case fresh && (errors.Is(err, vfs.ErrExist) || errors.Is(err, vfs.ErrNotExist)):
			return working.ErrChanged
		}
		return err
	})
}

// joined returns the tree of the space as it would be with a folder or file that was edited elsewhere. The attributes
// of the root stay: they are not shown.
func (s *Space) joined(ctx context.Context, ours tree.Tree, e object.Entry) (tree.Tree, error) {
	root, _ := ours.Root().Object()
	switch e.Kind {
	case object.File:
		for file, err := range ours.List(ctx, "/") {
			if err != nil {
				return tree.Tree{}, err
			}
			if !file.IsFolder() {
				t, _, err := tree.Apply(ctx, ours, tree.Graft{Path: "/" + file.Info().Name, Entry: e, Replace: true})
				return t, err
			}
		}
		return tree.Tree{}, &vfs.Error{Op: "merge", Path: "/", Kind: vfs.ErrNotExist}
	case object.Folder:
		root.Root, root.Size, root.Count = e.Root, e.Size, e.Count
	default:
		root.Root, root.Size, root.Count = object.Ref{}, 0, 0
	}
	return ours.Another(root), nil
}

// unchanged returns working.ErrChanged if a path holds something else in one tree than in another.
func unchanged(ctx context.Context, was, now tree.Tree, path string) error {
	a, err := was.Lookup(ctx, path)
	if err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	b, failed := now.Lookup(ctx, path)
	if failed != nil && !errors.Is(failed, vfs.ErrNotExist) {
		return failed
	}
	if (err == nil) != (failed == nil) || err == nil && !tree.Same(a, b) {
		return working.ErrChanged
	}
	return nil
}
