package base

import (
	"context"
	"errors"

	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Common returns the newest common ancestor of two states: the commit where their lines of parents meet, else the
// newest state that both histories keep, else an empty tree, which treats everything as added on both sides.
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

// lastCommon returns the newest common ancestor of two states. It walks from commit to parent on both sides until they
// meet. The error is vfs.ErrNotExist when they do not meet, or when a commit on the way or the common one was
// collected.
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
			at[i] = State{} // only its commit and ref are used here
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

// keptCommon returns the newest state, by its time, that the histories of both sides keep. Both sides come from it,
// even if the commits between were collected. The error is vfs.ErrNotExist when there is none.
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

// shared returns a state that both histories keep under the same name. Equal names are not enough: within one second
// the newest state replaces the earlier ones, and it may exist on one side only.
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
