package base

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Authors is what is known about the authors of a state.
type Authors struct {
	Roster *object.Roster // who may write; nil: the owner alone, or not loaded
	// Instead is the refused commit that the pointer leads to instead of this state, if it follows from this state. The
	// next commit names it as its parent.
	Instead object.Parent

	doubt *doubt // nil: Applied is believed
}

// doubt says that entries of Applied are not believed: the way from a verified commit was too long, or collected.
type doubt struct{ doubted, before []object.Applied }

// Claims returns the commit with an entry of Applied for the device that can be believed.
func (s *State) Claims(device object.DeviceID) *object.Commit {
	if s.doubt == nil {
		return &s.Commit
	}
	doubted, before := object.Commit{Applied: s.doubt.doubted}, object.Commit{Applied: s.doubt.before}
	if s.Commit.Latest(device) != doubted.Latest(device) { // changed since, and judged
		return &s.Commit
	}
	c := s.Commit
	c.Applied = nil
	for _, a := range s.Commit.Applied {
		if !a.Device.Same(device) {
			c.Applied = append(c.Applied, a)
		}
	}
	if a := before.Latest(device); a != (object.Applied{}) {
		c.Applied = object.WithApplied(c.Applied, a.Device, a.Seq)
	}
	return &c
}

// Claiming returns the state as one that claims to hold what applied says, whatever its commit says.
func (s State) Claiming(applied []object.Applied) State {
	s.doubt = &doubt{doubted: s.Commit.Applied, before: applied}
	return s
}

// Doubtful reports whether the state's claim about a device is not believed.
func (s *State) Doubtful(device object.DeviceID) bool {
	return s.Claims(device).Latest(device) != s.Commit.Latest(device)
}

// Take opens the commit that a pointer leads to, and judges it and the commits since was, a state that was verified
// before; zero: none. If one of them breaks a rule, the error is a *authors.BreachError, and Take returns the last good
// state with the pointer p and Instead; it is zero if there is none. Other errors: those of the remote, vfs.ErrCorrupt.
func Take(ctx context.Context, nodes *tree.Nodes, space crypto.Capability, was State, p crypto.Pointer) (State, error) {
	const op = "open the drive's newest state"
	shared := p.Listed && was.Commit.Roster != (object.Ref{})
	if _, err := OpenHead(op, space, p); err != nil && shared && p.Verify() == nil {
		return was.at(p, object.Parent{}), refused(op, &authors.BreachError{
			Why: "who may write here has moved the pointer to no commit: " + err.Error()})
	}
	theirs, err := openAny(ctx, op, nodes, space, p)
	switch {
	case err != nil && shared && written(space, &theirs, err):
		return was.at(p, object.Parent{}), refused(op, &authors.BreachError{
			Why: "who may write here has moved the pointer to what is no commit: " + err.Error()})
	case err != nil:
		return State{}, err
	case !shared && theirs.Commit.Roster == (object.Ref{}):
		_, err := authors.Check(ctx, nodes, space, &theirs.Commit)
		return theirs, refused(op, err)
	case theirs.Ref == was.Ref:
		theirs.Authors = was.Authors
		theirs.Instead = object.Parent{}
	}
	if shared && was.Roster == nil {
		roster, err := nodes.Roster(ctx, was.Commit.Roster)
		if err == nil {
			was.Roster = &roster
		} else if !errors.Is(err, remote.ErrNotFound) {
			return State{}, err
		}
	}
	judged, err := authors.Judge(ctx, nodes, space, was.author(), theirs.author())
	_, breach := errors.AsType[*authors.BreachError](err)
	switch {
	case err == nil:
		return theirs.judged(judged, was), nil
	case !breach, judged.Ref == object.Ref{}:
		return State{}, refused(op, err)
	case judged.Apart:
		return was.at(p, object.Parent{}), refused(op, err)
	case judged.Ref == was.Ref:
		return was.at(p, theirs.Parent()), refused(op, err)
	}
	good, failed := OpenCommit(ctx, nodes, object.Head{Version: theirs.Version, Commit: judged.Ref})
	if failed != nil {
		return State{}, failed
	}
	return good.judged(judged, was).at(p, theirs.Parent()), refused(op, err)
}

// Continues rejects a state that Take returned, with a greater sequence than was, if it does not contain was. In a
// space of several authors, one of them is at fault: then it returns was as Take does. Otherwise errors are those of
// Follows.
func Continues(
	ctx context.Context, nodes *tree.Nodes, space crypto.Capability, was, theirs State,
) (State, error) {
	err := Follows(ctx, nodes, was, theirs)
	if !errors.Is(err, remote.ErrFork) || was.Roster == nil {
		return theirs, err
	}
	const op, why = "take over a commit", "which does not contain the one that this device saw"
	author := theirs.Commit.Author
	if author != space.Owner {
		return was.at(theirs.Pointer, object.Parent{}), refused(op, &authors.BreachError{
			Author: author, Name: authors.Name(was.Roster, author), Why: why})
	}
	// A pointer with a greater sequence that leads to an earlier commit was made by somebody who may write.
	old := theirs
	old.Pointer.Seq = was.Pointer.Seq - 1
	if yes, sure, failed := Holds(ctx, nodes, was, old); failed != nil || !yes || !sure {
		return theirs, err
	}
	return was.at(theirs.Pointer, object.Parent{}), refused(op, &authors.BreachError{
		Why: "who may write here has moved the pointer back to an earlier one"})
}

// written reports whether a commit can't be opened because of what its author has written, rather than of what the
// remote has lost or damaged.
func written(space crypto.Capability, s *State, err error) bool {
	if errors.Is(err, crypto.ErrFormat) || errors.Is(err, crypto.ErrSignature) { // its seal is right
		return true
	}
	missing := errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) || errors.Is(err, remote.ErrNotFound)
	return missing && s.Hash != (object.CommitHash{}) && s.Commit.Author != space.Owner
}

// judged returns the state with what a judgement that started from was has found.
func (s State) judged(j authors.State, was State) State {
	s.Roster, s.doubt = j.Roster, was.doubt
	if j.Unsure {
		s.doubt = &doubt{doubted: s.Commit.Applied, before: was.Commit.Applied}
		if was.doubt != nil {
			s.doubt.before = was.doubt.before
		}
	}
	return s
}

// at returns the state as it is shown instead of the commit that a pointer leads to.
func (s State) at(p crypto.Pointer, instead object.Parent) State {
	if s.Ref.Blob.IsZero() {
		return State{}
	}
	s.Pointer, s.Instead = p, instead
	return s
}

// Shows returns the state as it is shown instead of theirs, which was refused.
func (s State) Shows(theirs State) State { return s.at(theirs.Pointer, theirs.Parent()) }

func (s *State) author() authors.State {
	return authors.State{Ref: s.Ref, Hash: s.Hash, Commit: s.Commit, Roster: s.Roster}
}

// refused returns a breach as a vfs.ErrCorrupt, and any other error unchanged.
func refused(op string, err error) error {
	if breach, ok := errors.AsType[*authors.BreachError](err); ok {
		return Corrupt(op, breach)
	}
	return err
}
