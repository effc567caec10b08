package space

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// Step is one commit of a space, with the one that it was made on.
type Step struct {
	Author  crypto.AuthorID
	Was, Is object.Head
}

// maxSteps bounds how far Since goes back.
const maxSteps = 100

// ErrFar says that there are too many commits to go through them one by one.
var ErrFar = errors.New("too much has been committed in a folder since it was replaced by another one")

// Since returns the commits of a space that follow a known one, oldest first. Commits that break the rules of the space
// are left out, with all after them. Errors: ErrFar, those of the remote, vfs.ErrCorrupt.
func Since(ctx context.Context, store remote.Store, c crypto.Capability, known object.Ref) ([]Step, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	was, err := base.OpenCommit(ctx, nodes, object.Head{Version: object.Version2, Commit: known})
	if err != nil {
		return nil, err
	}
	now, err := base.LoadOn(ctx, store, nodes, c, was)
	if err != nil && now.Ref == (object.Ref{}) {
		return nil, err
	}
	var steps []Step
	for at := now; at.Ref != known; {
		if len(steps) == maxSteps || at.Commit.Parent == (object.Parent{}) {
			return nil, ErrFar
		}
		before, err := base.OpenCommit(ctx, nodes, object.Head{Version: object.Version2, Commit: at.Commit.Parent.Commit})
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{at.Commit.Author, before.Head(), at.Head()})
		at = before
	}
	for i, j := 0, len(steps)-1; i < j; i, j = i+1, j-1 {
		steps[i], steps[j] = steps[j], steps[i]
	}
	return steps, nil
}

// First returns the head of the first commit of a space. Errors: ErrFar, those of the remote.
func First(ctx context.Context, store remote.Store, c crypto.Capability) (object.Head, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	at, err := base.Load(ctx, store, nodes, c)
	for range maxSteps {
		if err != nil || at.Commit.Parent == (object.Parent{}) {
			return at.Head(), err
		}
		at, err = base.OpenCommit(ctx, nodes, object.Head{Version: object.Version2, Commit: at.Commit.Parent.Commit})
	}
	return object.Head{}, ErrFar
}

// Carry merges what changed between two commits of another space of the owner into this one; see commit.Committer.
func (s *Space) Carry(ctx context.Context, was, is object.Head) error {
	return s.committer.Carry(ctx, was, is)
}

// Withdrawn asks the remote whether the owner has withdrawn this account's right to write here.
func (s *Space) Withdrawn(ctx context.Context) (bool, error) { return s.committer.Withdrawn(ctx) }

// Uncommitted returns the files of the newest known commit, and with the changes made here that it does not hold.
func (s *Space) Uncommitted() (was, is tree.Tree) { return s.Files(), s.copy.Shown().Tree }

// Discard drops the uncommitted changes of a space that this account may not write any more, for good.
func (s *Space) Discard(ctx context.Context) error { return s.committer.Discard(ctx) }
