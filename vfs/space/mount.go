package space

import (
	"context"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// MountOptions go with Mount.
type MountOptions struct {
	// Was is the folder or file that has moved into the target, as Entry.Object returned it: it is replaced if its
	// contents are still the same, else the error is working.ErrChanged. Nil: the path is free, or holds another mount.
	Was *object.Entry
	// Properties of the mount's entry, sorted. Nil: those of what it replaces.
	Properties []vfs.Property
	// Notes are recorded with the change, in the account's own space.
	Notes []registry.Note
}

// Mount puts a mount of another space at a path, or gives the mount at the path another target. Other errors are those
// of vfs.Writer's Move, with vfs.ErrExist if something else is at the path.
func (s *Space) Mount(ctx context.Context, path string, target object.Target, o MountOptions) error {
	version, err := base.NewVersion(s.home.Rand)
	if err != nil {
		return err
	}
	op := tree.Mount{Path: path, Target: target, Version: version, Time: s.home.Now(), Properties: o.Properties}
	plan := func(ctx context.Context, states []tree.Tree) ([]working.Change, error) {
		var err error
		op.Over, err = replaced(ctx, states[0], path, o.Was)
		return []working.Change{{Op: op, Notes: o.Notes}}, err
	}
	if err := s.offline(); err != nil {
		return err
	}
	_, seq, err := working.Record(ctx, plan, s.copy)
	if err != nil {
		return err
	}
	return s.settle(ctx, seq)
}

// replaced returns the kind of what a mount at a path replaces. The error is working.ErrChanged unless it still is was,
// or, for nil, a mount or nothing.
func replaced(ctx context.Context, t tree.Tree, path string, was *object.Entry) (object.Kind, error) {
	if was == nil {
		m, ok, err := t.Crossing(ctx, path)
		if ok && m.Path == path {
			return object.Mount, nil
		}
		return 0, err
	}
	e, err := t.Lookup(ctx, path)
	if err != nil {
		return 0, err
	}
	now, waits := e.Object()
	if now.Kind != was.Kind || now.Count != was.Count || now.Root != was.Root || now.Version != was.Version ||
		!waits.IsZero() || !sameContent(now.Content, was.Content) {
		return 0, working.ErrChanged
	}
	return now.Kind, nil
}

// Mounts returns the mounts at and below a path, at most limit of them.
func (s *Space) Mounts(ctx context.Context, path string, limit int) ([]tree.Mounted, error) {
	return view.Holder{Space: s.keys.Capability}.Mounts(ctx, s.copy.Shown().Tree, path, limit)
}

// Crossing implements namespace.Crosser.
func (s *Space) Crossing(ctx context.Context, path string) (tree.Mounted, bool, error) {
	return view.Holder{Space: s.keys.Capability}.Crossing(ctx, s.copy.Shown().Tree, path)
}

// SealSeed seals the writer seed of another space for a mount in this one; see crypto.WriterSeed.SealSeed.
func (s *Space) SealSeed(inner crypto.WriterSeed) [crypto.SealedSeedSize]byte {
	return s.keys.Writer.SealSeed(inner)
}

// OpenSeed opens what SealSeed of any writer of this space has sealed; see crypto.WriterSeed.OpenSeed.
func (s *Space) OpenSeed(id crypto.PointerID, sealed [crypto.SealedSeedSize]byte) (crypto.WriterSeed, error) {
	return s.keys.Writer.OpenSeed(id, sealed)
}
