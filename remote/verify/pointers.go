package verify

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// Load returns a pointer that is signed by its id and no older than any that was returned before. It pins the pointer
// first.
func (s *store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	seen, known, err := s.pin(id)
	if err != nil {
		return crypto.Pointer{}, err
	}
	for range tries {
		var p crypto.Pointer
		if p, err = s.load(ctx, id, known, seen); err != nil {
			return crypto.Pointer{}, err
		}
		if err = s.raise(remote.OpLoad, p); err == nil {
			return p, nil
		}
		// A pointer is compared with the pin from before the request. One that is only older than a pin saved meanwhile is
		// late, and is loaded again.
		late := errors.Is(err, remote.ErrRollback) && (!known || p.Seq >= seen.Seq)
		if !late {
			break
		}
		if seen, known, err = s.pin(id); err != nil {
			break
		}
		err = remote.Fail(remote.OpLoad, id, remote.ErrRollback, errors.New("the remote falls behind again and again"))
	}
	return crypto.Pointer{}, err
}

// load makes one request and compares its answer with the pin from before.
func (s *store) load(ctx context.Context, id crypto.PointerID, known bool, seen Pin) (crypto.Pointer, error) {
	p, err := s.inner.Load(ctx, id)
	if known && errors.Is(err, remote.ErrNotFound) {
		return p, remote.Fail(remote.OpLoad, id, remote.ErrRollback,
			fmt.Errorf("the remote has none any more, sequence %d was seen before", seen.Seq))
	}
	if err != nil {
		return p, err
	}
	if p.ID != id {
		return p, remote.Fail(remote.OpLoad, id, remote.ErrCorrupt, fmt.Errorf("the remote sent pointer %v instead", p.ID))
	}
	if err := p.Verify(); err != nil {
		return p, remote.Fail(remote.OpLoad, id, remote.ErrCorrupt, err)
	}
	return p, nil
}

// Swap makes the swap, and after a success pins next. It makes no request if the pin shows that another state is there.
// After a crash between the remote's success and the pin, a rollback of this one state goes unnoticed, but its author
// still has it in the journal.
func (s *store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := next.Verify(); err != nil {
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrRefused, err)
	}
	seen, known, err := s.pin(next.ID)
	if err != nil {
		return err
	}
	if known && next.Seq <= seen.Seq && old != seen.Hash {
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, fmt.Errorf("sequence %d was seen before", seen.Seq))
	}
	if known && next.Seq <= seen.Seq {
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrRefused,
			fmt.Errorf("sequence %d would follow %d", next.Seq, seen.Seq))
	}
	if err := s.inner.Swap(ctx, old, next); err != nil {
		return err
	}
	if err := s.raise(remote.OpSwap, next); err != nil && !errors.Is(err, remote.ErrRollback) {
		return err // ErrRollback only means that another writer built on next already
	}
	return nil
}

// pin reads a pin. If that fails, the call fails: the remote is not trusted without its pin.
func (s *store) pin(id crypto.PointerID) (Pin, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pin, known, err := s.pins.Load(id)
	if err != nil {
		return Pin{}, false, remote.Fail("load the pin of pointer", id, remote.ErrUnavailable, err)
	}
	return pin, known, nil
}

// raise compares p with its pin and moves the pin up to it, in one step.
func (s *store) raise(op string, p crypto.Pointer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := Pin{Seq: p.Seq, Hash: p.Hash()}
	pin, known, err := s.pins.Load(p.ID)
	switch {
	case err != nil:
		return remote.Fail("load the pin of pointer", p.ID, remote.ErrUnavailable, err)
	case known && p.Seq < pin.Seq:
		return remote.Fail(op, p.ID, remote.ErrRollback,
			fmt.Errorf("the remote sent sequence %d, %d was seen before", p.Seq, pin.Seq))
	case known && p.Seq == pin.Seq && next.Hash != pin.Hash:
		return remote.Fail(op, p.ID, remote.ErrFork, fmt.Errorf("two different states have sequence %d", p.Seq))
	case known && p.Seq == pin.Seq:
		return nil
	}
	if err := s.pins.Save(p.ID, next); err != nil {
		return remote.Fail("save the pin of pointer", p.ID, remote.ErrUnavailable, err)
	}
	return nil
}
