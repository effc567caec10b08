package space

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
)

// errForked says what a fork is about.
var errForked = errors.New("it goes on from another state than the one this device saw: it was written to while it was two, or it lies")

// follows refuses a commit of a greater sequence that does not come from the one that this device knows: a remote that was copied, and
// written to in both places, must not pass for one. What the commit lacks would be taken for deleted. What is of no greater sequence is
// judged by who verifies pointers.
func (s *Space) follows(ctx context.Context, was, theirs base) error {
	if theirs.ref == was.ref || theirs.pointer.Seq <= was.pointer.Seq {
		return nil
	}
	forked := remote.Fail("follow", theirs.pointer.ID, remote.ErrFork, errForked)
	at, steps := theirs.commit, theirs.pointer.Seq-was.pointer.Seq
	told := steps <= maxSteps
	for range min(steps, maxSteps) {
		up := at.Parent
		switch {
		case up == (object.Parent{}):
			return forked
		case up.Commit == was.ref && up.Hash == was.hash:
			return nil
		}
		commit, hash, err := s.nodes.Commit(ctx, up.Commit)
		if errors.Is(err, vfs.ErrCorrupt) {
			told = false // collected
			break
		}
		if err != nil {
			return err
		}
		if hash != up.Hash {
			return corrupt("walk the history", fmt.Errorf("commit %v is not the one that is named as a parent", up.Commit.Blob))
		}
		at = commit
	}
	if told { // it is not on the way; so it was merged in past the remote (Join), or this is another history
		yes, _, err := holds(ctx, s.nodes, theirs.commit, was.commit)
		if err == nil && !yes {
			err = forked
		}
		return err
	}
	for _, a := range was.commit.Applied {
		// The numbers of another run of the journal can't be compared.
		if latest := theirs.commit.Latest(a.Device); latest == (object.Applied{}) || latest.Device == a.Device && latest.Seq < a.Seq {
			return forked
		}
	}
	return nil
}

// Accept takes the state that the remote shows for what follows from the one that this device knows, whether it does or not.
func (s *Space) Accept(ctx context.Context, shown crypto.Pointer) error {
	value, err := crypto.OpenValue(s.account.Reader(), shown)
	if err != nil {
		return corrupt("open the state to accept", err)
	}
	ref, err := object.DecodeHead(value)
	if err != nil {
		return corrupt("open the state to accept", err)
	}
	s.Retry() // it may be in the pause before another try
	return s.committer.do(ctx, func(ctx context.Context) error {
		s.committer.accepted = ref
		err := s.committer.look(ctx)
		s.committer.note(err)
		return err
	})
}
