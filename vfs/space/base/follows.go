package base

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// errForked is the cause when the remote's newest commit does not contain the one that this device saw.
var errForked = errors.New(
	"its newest commit does not contain the one that this device saw: two copies of it were written to, or it lies")

// Follows rejects a commit with a greater sequence that does not descend from the known one. A remote that was copied
// and written to in both places must not pass for a single one: everything that the commit lacks would count as
// deleted. Commits whose sequence is not greater are judged where pointers are verified.
func Follows(ctx context.Context, nodes *tree.Nodes, was, theirs State) error {
	if theirs.Ref == was.Ref || theirs.Pointer.Seq <= was.Pointer.Seq {
		return nil
	}
	yes, sure, err := Holds(ctx, nodes, theirs, was)
	if err == nil && sure && !yes {
		err = remote.Fail("follow", theirs.Pointer.ID, remote.ErrFork, errForked)
	}
	return err
}

// maxSteps limits how many commits are walked back to see what one holds. Each is a small request.
const maxSteps = 100

// Holds reports whether state next holds everything that state have does. It compares what each device had brought into
// both, since a later commit never holds less. A device counts under a new run each time it starts, so the changes of
// an earlier run are found in an earlier commit, or by meeting have itself on the way back. sure is false if such a
// commit was collected or lies too far back. Then the greater sequence counts as the later commit, which is right
// unless there are two copies of the device's home. Errors: those of the remote; vfs.ErrCorrupt when a commit is not
// the one that its child names.
func Holds(ctx context.Context, nodes *tree.Nodes, next, have State) (yes, sure bool, err error) {
	at, left := next.Commit, have.Commit.Applied
	for step := range uint64(maxSteps) {
		past := next.Pointer.Seq <= have.Pointer.Seq+step // a parent has a smaller sequence
		var open []object.Applied
		for _, a := range left {
			switch seq, latest := at.AppliedTo(a.Device), at.Latest(a.Device).Seq; {
			case seq >= a.Seq:
			case seq > 0, latest == 0, past && latest < a.Seq:
				return false, true, nil
			default:
				open = append(open, a)
			}
		}
		left = open
		up := at.Parent
		switch {
		case len(left) == 0, up == have.Parent() && up != object.Parent{}:
			return true, true, nil
		case up == object.Parent{}:
			return false, true, nil
		}
		commit, hash, err := nodes.Commit(ctx, up.Commit)
		if errors.Is(err, vfs.ErrCorrupt) {
			break // collected
		}
		if err != nil {
			return false, false, err
		}
		if hash != up.Hash {
			return false, false, Corrupt("walk the history",
				fmt.Errorf("commit %v is not the one that is named as a parent", up.Commit.Blob))
		}
		at = commit
	}
	less := func(a object.Applied) bool { return next.Commit.Latest(a.Device).Seq < a.Seq }
	return !slices.ContainsFunc(left, less), false, nil
}
