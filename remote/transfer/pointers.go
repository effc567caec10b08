package transfer

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// opMove is the operation that errors name for moving a pointer.
const opMove = "move pointer"

// tries bounds the attempts of Forward. Each further attempt means that another writer moved the pointer.
const tries = 8

// Follows reports whether the history of next contains have, whose sequence is smaller. The value of a pointer is
// sealed, so only a caller with the keys can answer, by walking the commits back from next; the blobs are at the
// destination when Follows is called.
type Follows func(ctx context.Context, have, next crypto.Pointer) (bool, error)

// BySequence treats a greater sequence as proof. It is right if only the copier moves pointers at the destination;
// otherwise it loses commits made there.
func BySequence(context.Context, crypto.Pointer, crypto.Pointer) (bool, error) { return true, nil }

// Current loads a pointer and checks its id and signature. false: there is no pointer.
func Current(ctx context.Context, at remote.Pointers, id crypto.PointerID) (crypto.Pointer, bool, error) {
	p, err := at.Load(ctx, id)
	if errors.Is(err, remote.ErrNotFound) {
		return crypto.Pointer{}, false, nil
	}
	if err != nil {
		return crypto.Pointer{}, false, err
	}
	if p.ID != id {
		return crypto.Pointer{}, false, remote.Fail(remote.OpLoad, id, remote.ErrCorrupt,
			fmt.Errorf("pointer %v came instead", p.ID))
	}
	if err := p.Verify(); err != nil {
		return crypto.Pointer{}, false, remote.Fail(remote.OpLoad, id, remote.ErrCorrupt, err)
	}
	return p, true, nil
}

// Compare rejects errors that are visible without keys: next is older than have (ErrRollback), or another state of the
// same sequence (ErrFork).
func Compare(have, next crypto.Pointer) error {
	switch {
	case next.Seq < have.Seq:
		return remote.Fail(opMove, next.ID, remote.ErrRollback,
			fmt.Errorf("the destination is already at sequence %d and would go back to %d", have.Seq, next.Seq))
	case next.Seq == have.Seq && next != have:
		return remote.Fail(opMove, next.ID, remote.ErrFork,
			fmt.Errorf("source and destination have different states of sequence %d, each was written to on its own", next.Seq))
	}
	return nil
}

// Forward moves a pointer to next; moved is false if the pointer was there already. It never moves a pointer back
// (ErrRollback), nor over a history that next does not contain (ErrFork). With a nil follows it moves only a pointer
// that does not exist yet.
func Forward(ctx context.Context, to remote.Pointers, next crypto.Pointer, follows Follows) (moved bool, err error) {
	if err := next.Verify(); err != nil {
		return false, remote.Fail(opMove, next.ID, remote.ErrCorrupt, err)
	}
	for range tries {
		have, there, err := Current(ctx, to, next.ID)
		if err != nil || there && have == next {
			return false, err
		}
		var old crypto.PointerHash
		if there {
			if err := contains(ctx, have, next, follows); err != nil {
				return false, err
			}
			old = have.Hash()
		}
		err = to.Swap(ctx, old, next)
		if remote.OfKind(err, remote.ErrConflict) { // another writer was faster, or a retry met its own first attempt
			continue
		}
		if remote.OfKind(err, remote.ErrUnavailable) { // the outcome is unknown
			if now, there, loadErr := Current(ctx, to, next.ID); loadErr == nil && there && now == next {
				return true, nil
			}
		}
		return err == nil, err
	}
	return false, remote.Fail(opMove, next.ID, remote.ErrConflict, errors.New("other writers keep moving it"))
}

// contains returns an error unless next builds on have.
func contains(ctx context.Context, have, next crypto.Pointer, follows Follows) error {
	if err := Compare(have, next); err != nil {
		return err
	}
	if follows == nil {
		return remote.Fail(opMove, next.ID, remote.ErrFork,
			fmt.Errorf("it is unknown whether sequence %d builds on sequence %d, which the destination has", next.Seq,
				have.Seq))
	}
	yes, err := follows(ctx, have, next)
	if err != nil {
		return fmt.Errorf("%s %v: %w", opMove, next.ID, err)
	}
	if !yes {
		return remote.Fail(opMove, next.ID, remote.ErrFork,
			fmt.Errorf("sequence %d does not contain sequence %d, which was written at the destination", next.Seq, have.Seq))
	}
	return nil
}
