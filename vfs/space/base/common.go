package base

import (
	"context"
	"errors"

	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Common returns the newest state that two come from: where their commits meet, else the newest that both histories keep, else an empty
// one, as if everything had been made on both sides.
func Common(ctx context.Context, nodes *tree.Nodes, ours, theirs State) (tree.Tree, error) {
	common, err := lastCommon(ctx, nodes, ours, theirs)
	if errors.Is(err, vfs.ErrNotExist) {
		common, err = keptCommon(ctx, ours.Whole, theirs.Whole)
	}
	if errors.Is(err, vfs.ErrNotExist) {
		return tree.New(nodes, object.Entry{}), nil
	}
	return common, err
}

// lastCommon is the newest state that two come from: it goes from commit to parent on both sides until they meet. Error: vfs.ErrNotExist
// when they don't, when the way there was collected, or what they meet at.
func lastCommon(ctx context.Context, nodes *tree.Nodes, ours, theirs State) (tree.Tree, error) {
	at := [2]State{ours, theirs}
	seen := map[object.Ref]bool{}
	for ended := 0; ended < len(at); {
		ended = 0
		for i := range at {
			if at[i].Ref == (object.Ref{}) {
				ended++
				continue
			}
			if seen[at[i].Ref] {
				return shared(ctx, ours.Whole, theirs.Whole, layout.StateName(object.Time(at[i].Commit.Time)))
			}
			seen[at[i].Ref] = true
			up := at[i].Commit.Parent
			at[i] = State{} // its commit and ref are all that is used here
			if up == (object.Parent{}) {
				continue
			}
			commit, hash, err := nodes.Commit(ctx, up.Commit)
			switch {
			case err == nil && hash == up.Hash:
				at[i] = State{Ref: up.Commit, Hash: hash, Commit: commit}
			case err != nil && !errors.Is(err, vfs.ErrCorrupt):
				return tree.Tree{}, err
			}
		}
	}
	return tree.Tree{}, errNotShared
}

// keptCommon is a state that the histories of both sides keep, the newest by its time: both come from it, whatever became of the commits
// between. Error: vfs.ErrNotExist when there is none.
func keptCommon(ctx context.Context, ours, theirs tree.Tree) (tree.Tree, error) {
	states := map[string]object.Ref{}
	for e, err := range ours.List(ctx, HistoryPath) {
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := e.Object()
		states[o.Name] = o.Root
	}
	newest := ""
	for e, err := range theirs.List(ctx, HistoryPath) {
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := e.Object()
		if ref, both := states[o.Name]; both && ref == o.Root {
			newest = max(newest, o.Name)
		}
	}
	if newest == "" {
		return tree.Tree{}, errNotShared
	}
	return shared(ctx, ours, theirs, newest)
}

var errNotShared = &vfs.Error{Op: "look up", Path: HistoryPath, Kind: vfs.ErrNotExist}

// shared is a state of the history that both sides keep. That both have one of that second is not enough: the newest of a second replaces
// those before it, and may be of one side alone.
func shared(ctx context.Context, ours, theirs tree.Tree, name string) (tree.Tree, error) {
	var states [2]tree.Tree
	var roots [2]object.Ref
	for i, whole := range []tree.Tree{ours, theirs} {
		state, err := whole.Sub(ctx, HistoryPath+"/"+name)
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := state.Root().Object()
		states[i], roots[i] = state, o.Root
	}
	if roots[0] != roots[1] {
		return tree.Tree{}, errNotShared
	}
	return states[0], nil
}
