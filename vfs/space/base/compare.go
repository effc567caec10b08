package base

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/tree"
)

// ErrUntold says that two states can't be compared.
var ErrUntold = errors.New("its commit was collected")

// Contains reports whether the state of next contains everything that the state of have does; have has the smaller
// sequence. It compares what each device had brought into both, since a later commit never holds less. It reads the
// commits from the store. Errors: ErrUntold; those of the remote.
func Contains(
	ctx context.Context, store remote.Store, space crypto.Capability, have, next crypto.Pointer,
) (bool, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	from, err := Open(ctx, nodes, space, next)
	if err != nil {
		return false, err
	}
	head, err := OpenHead("open the other state", space, have)
	if err != nil {
		return false, err
	}
	old := State{Pointer: have, Version: head.Version, Ref: head.Commit}
	old.Commit, old.Hash, err = nodes.Commit(ctx, head.Commit)
	if errors.Is(err, vfs.ErrCorrupt) {
		return false, ErrUntold
	}
	if err != nil {
		return false, err
	}
	yes, _, err := Holds(ctx, nodes, from, old)
	return yes, err
}

// Openable returns nil if a pointer leads to a state of the space, and otherwise the reason why it does not.
func Openable(ctx context.Context, store remote.Store, space crypto.Capability, p crypto.Pointer) error {
	_, err := Open(ctx, tree.NewNodes(store, tree.Options{}), space, p)
	return err
}
