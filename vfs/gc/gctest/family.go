package gctest

import (
	"context"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// Member is a space in the registry of a Family.
type Member struct {
	*Drive
	Stage  roots.Stage
	Final  object.Ref
	Shared bool
}

// Family is several spaces of one owner. It implements gc.Drive.
type Family struct {
	Own     *Drive
	Members []*Member // in the registry, without the own one
}

// Add puts a space into the registry, live.
func (f *Family) Add(d *Drive) *Member {
	m := &Member{Drive: d, Stage: roots.Live}
	f.Members = append(f.Members, m)
	return m
}

// Roots returns all spaces of the family.
func (f *Family) Roots() *roots.Set { return f.Own.Roots(f.registry) }

func (f *Family) registry(context.Context, roots.State) ([]roots.Space, error) {
	spaces := make([]roots.Space, 0, len(f.Members))
	for _, m := range f.Members {
		spaces = append(spaces, roots.Space{Capability: m.Keys.ReadOnly(), Stage: m.Stage, Final: m.Final, Shared: m.Shared})
	}
	return spaces, nil
}

// Drives returns all spaces, the own one first.
func (f *Family) Drives() []*Drive {
	all := []*Drive{f.Own}
	for _, m := range f.Members {
		all = append(all, m.Drive)
	}
	return all
}

// Again returns the same family as another gateway sees it.
func (f *Family) Again(ctx context.Context, store remote.Store) (*Family, error) {
	own, err := f.Own.Again(ctx, store)
	if err != nil {
		return nil, err
	}
	other := &Family{Own: own}
	for _, m := range f.Members {
		d, err := m.Drive.Again(ctx, store)
		if err != nil {
			return nil, err
		}
		other.Members = append(other.Members, &Member{Drive: d, Stage: m.Stage, Final: m.Final, Shared: m.Shared})
	}
	return other, nil
}

// Held implements gc.Drive.
func (f *Family) Held() (names []crypto.BlobName) {
	for _, d := range f.Drives() {
		names = append(names, d.Held()...)
	}
	return names
}

// GivenUp implements gc.Drive.
func (f *Family) GivenUp() (names []crypto.BlobName) {
	for _, d := range f.Drives() {
		names = append(names, d.GivenUp()...)
	}
	return names
}

// Writes implements gc.Drive.
func (f *Family) Writes(id crypto.PointerID) bool { return f.drive(id) != nil }

// Repack implements gc.Drive.
func (f *Family) Repack(ctx context.Context, id crypto.PointerID, plan gc.Plan) error {
	return f.drive(id).Repack(ctx, id, plan)
}

func (f *Family) drive(id crypto.PointerID) *Drive {
	for _, d := range f.Drives() {
		if d.Keys.ID == id {
			return d
		}
	}
	return nil
}

// Mount returns the change that mounts another space at a path.
func Mount(path string, of *Drive) tree.Op {
	return tree.Graft{Path: path, Replace: true, Entry: object.Entry{
		Kind: object.Mount, Target: &object.Target{Capability: of.Keys.ReadOnly()},
	}}
}

// Take returns the change that copies what lies at a path of another space's files, by reference.
func (d *Drive) Take(ctx context.Context, from *Drive, at, to string) (tree.Op, error) {
	e, err := from.base.Tree.Lookup(ctx, "/files"+at)
	if err != nil {
		return nil, err
	}
	o, _ := e.Object()
	return tree.Graft{Path: to, Entry: o, Replace: true}, nil
}
