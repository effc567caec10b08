package base

import (
	"context"
	"errors"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/tree"
)

// Only the account's own space has a private state. What lies in the folder of that name elsewhere was written by
// others, and is not read.

// Private returns the private state that the commit holds; empty if it was not read.
func (s State) Private() registry.State {
	if s.private == nil {
		return registry.State{}
	}
	return *s.private
}

// PrivateKnown reports whether the private state was read.
func (s State) PrivateKnown() bool { return s.private != nil }

// WithPrivate returns the state with the private state that its commit holds.
func (s State) WithPrivate(private registry.State) State {
	s.private = &private
	return s
}

// ReadPrivate reads the private state of the commit, unless it is known. If it is the same as that of another state,
// that one is used. Errors: those of registry.FromTree.
func (s *State) ReadPrivate(ctx context.Context, other State) error {
	if s.private != nil {
		return nil
	}
	if other.private != nil {
		was, errWas := other.Whole.Lookup(ctx, registry.Path)
		is, errIs := s.Whole.Lookup(ctx, registry.Path)
		if errWas == nil && errIs == nil && sameFolder(was, is) {
			s.private = other.private
			return nil
		}
	}
	private, err := registry.FromTree(ctx, s.Whole)
	if err != nil {
		return err
	}
	s.private = &private
	return nil
}

// sameFolder reports whether two folders are one, and sealed.
func sameFolder(a, b tree.Entry) bool {
	x, _ := a.Object()
	y, _ := b.Object()
	return x.Root == y.Root && x.Root != object.Ref{} && !x.Root.Blob.IsZero()
}

// GraftPrivate returns a commit's tree on top of the state's with a private state, which must hold what the state's
// holds. The folder stays as it is if nothing changes. If it is damaged, a new one takes its place.
func (s State) GraftPrivate(
	ctx context.Context, nodes *tree.Nodes, onto tree.Tree, private registry.State,
) (tree.Tree, error) {
	if registry.Equal(private, s.Private()) {
		return onto, nil
	}
	if s.private == nil && !s.Ref.Blob.IsZero() {
		return onto, errors.New("the private state was not read, and can't be changed")
	}
	empty := tree.New(nodes, registry.Folder())
	if s.Private().Len() > 0 {
		folder, err := onto.Sub(ctx, registry.Path)
		if err == nil {
			folder, err = private.Tree(ctx, folder, s.Private())
		}
		if err == nil {
			return onto.Graft(ctx, registry.Path, folder)
		}
		if !errors.Is(err, vfs.ErrCorrupt) {
			return onto, err
		}
	}
	folder, err := private.Tree(ctx, empty, registry.State{})
	if err != nil {
		return onto, err
	}
	return onto.Graft(ctx, registry.Path, folder)
}

// WithoutPrivate returns the state without its private state, so that a commit on top of it writes all of that anew.
func (s State) WithoutPrivate(ctx context.Context) (State, error) {
	whole, _, err := tree.Apply(ctx, s.Whole, tree.Remove{Path: registry.Path})
	s.Whole = whole
	return s.WithPrivate(registry.State{}), err
}
