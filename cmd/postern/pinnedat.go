package main

import (
	"context"

	"postern/crypto"
	"postern/remote"
)

// pinnedAt is a remote whose pointer stands still at a state, whatever is committed meanwhile: what was looked up of that state is what is
// copied.
type pinnedAt struct {
	remote.Store
	at crypto.Pointer
}

// Load implements remote.Pointers.
func (s pinnedAt) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if id == s.at.ID {
		return s.at, nil
	}
	return s.Store.Load(ctx, id)
}
