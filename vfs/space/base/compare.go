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

// Contains reports whether a state contains all that another one, of a smaller sequence, does: by what each device had brought
// into both, for a later commit never holds less. The commits are read from the store. Errors: ErrUntold; those of the remote.
func Contains(ctx context.Context, store remote.Store, space crypto.Capability, have, next crypto.Pointer) (bool, error) {
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

// Openable returns why what a pointer leads to can't be a state of the space: nil when it can.
func Openable(ctx context.Context, store remote.Store, space crypto.Capability, p crypto.Pointer) error {
	_, err := Open(ctx, tree.NewNodes(store, tree.Options{}), space, p)
	return err
}
