package view

import (
	"context"
	"time"

	"postern/crypto"
	"postern/vfs/tree"
)

// Holder is the space whose tree holds mounts. At is the time of the state, zero for the newest.
type Holder struct {
	Space crypto.Capability
	At    time.Time
}

// Mounts returns the mounts at and below a path of a tree of the space, at most limit of them.
func (h Holder) Mounts(ctx context.Context, t tree.Tree, path string, limit int) ([]tree.Mounted, error) {
	found, err := t.Mounts(ctx, path, limit)
	for i := range found {
		found[i].In, found[i].Owner, found[i].At = h.Space.ID, h.Space.Owner, h.At
	}
	return found, err
}

// Crossing returns the first mount at or above a path of a tree of the space.
func (h Holder) Crossing(ctx context.Context, t tree.Tree, path string) (m tree.Mounted, ok bool, err error) {
	m, ok, err = t.Crossing(ctx, path)
	m.In, m.Owner, m.At = h.Space.ID, h.Space.Owner, h.At
	return m, ok, err
}
