package space

import (
	"context"

	"postern/vfs/object"
)

// SetRoster says which other accounts may read or write the space, as a commit of its own on top of the newest state.
// Only the owner may. The epoch never falls; raise it when an author is removed. Errors: vfs.ErrInvalid, those of a
// commit.
func (s *Space) SetRoster(ctx context.Context, authors []object.Author, epoch uint32) error {
	return s.committer.SetRoster(ctx, object.Roster{Epoch: epoch, Authors: authors})
}

// Roster returns the roster of the newest state, for which it asks the remote; false if there is none, because only the
// owner writes.
func (s *Space) Roster(ctx context.Context) (object.Roster, bool, error) {
	return s.committer.Roster(ctx)
}
