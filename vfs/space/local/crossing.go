package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"postern/crypto"
	"postern/vfs"
)

// A record that moves something between two spaces is committed first in the space that gains it, then in the space
// that loses it. So another device, or a start after a crash, may find the thing twice but never nowhere. Two spaces
// that wait for each other would deadlock, so a move that would lead to this is rejected until the earlier one is
// committed.
//
// A space that waits for a failing one must not wait for ever. After Deadlines.PutBack what it moved there is put back
// (working.Copy.PutBack), and it commits without waiting. The record stays in the journal for the other space, so that
// the thing may be in both in the end. Putting it back is the only way that loses nothing: the other space may never
// open again, and if this one committed the removal nevertheless, the thing would be nowhere at the remote.

// crossing is a record that moves something from one space to another.
type crossing struct {
	from, to crypto.PointerID
	seq      uint64
}

// crossings are the moves between the spaces of a home that are not yet committed in both.
type crossings struct {
	Crossing sync.Mutex // held from Crosses to Cross
	mu       sync.Mutex
	moves    []crossing
	opened   func(space crypto.PointerID) Waiter // returns an open space; nil: it is not open
}

// errCrossing says why a move back is rejected.
var errCrossing = errors.New(
	"an earlier move in the other direction has not reached the storage yet; try again when it has")

// Crosses returns vfs.ErrUnavailable when a record that moves from one space to another would have to wait for itself.
func (x *crossings) Crosses(from, to crypto.PointerID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for reached, i := []crypto.PointerID{to}, 0; i < len(reached); i++ {
		if reached[i] == from {
			return &vfs.Error{Op: "move", Path: "/", Kind: vfs.ErrUnavailable, Err: errCrossing}
		}
		for _, c := range x.moves {
			if c.from == reached[i] && !slices.Contains(reached, c.to) {
				reached = append(reached, c.to)
			}
		}
	}
	return nil
}

// Cross notes a record that moves something from one space to another.
func (x *crossings) Cross(from, to crypto.PointerID, seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c := (crossing{from, to, seq}); !slices.Contains(x.moves, c) {
		x.moves = append(x.moves, c)
	}
}

// Uncross forgets the moves out of a space up to seq, which are committed there, and those after last, which never
// happened.
func (x *crossings) Uncross(from crypto.PointerID, seq, last uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.moves = slices.DeleteFunc(x.moves, func(c crossing) bool {
		return c.from == from && (c.seq <= seq || c.seq > last)
	})
}

// ErrFailing says that the last attempt to commit a space failed.
var ErrFailing = errors.New("the last attempt failed")

// StuckError says that what was moved to a space is not committed there, because the space is not open or its commits
// fail.
type StuckError struct {
	To  crypto.PointerID
	Err error
}

func (e *StuckError) Error() string { return e.Err.Error() }
func (e *StuckError) Unwrap() error { return e.Err }

// Added returns once everything that changes of a space up to seq move to other spaces is committed in those spaces.
// Errors: *StuckError, vfs.ErrUnavailable.
func (x *crossings) Added(ctx context.Context, from crypto.PointerID, seq uint64) error {
	x.mu.Lock()
	var wait []crossing
	for _, c := range x.moves {
		if c.from == from && c.seq <= seq {
			wait = append(wait, c)
		}
	}
	x.mu.Unlock()
	for _, c := range wait {
		w := x.opened(c.to)
		if w == nil {
			return &StuckError{c.to, fmt.Errorf(
				"%w: what was moved to another folder waits for that folder, which is not open", vfs.ErrUnavailable)}
		}
		if err := w.Landed(ctx, c.seq); err != nil {
			failing := errors.Is(err, ErrFailing)
			err = fmt.Errorf("%w: what was moved to another folder has not reached the storage there: %w",
				vfs.ErrUnavailable, err)
			if failing {
				return &StuckError{c.to, err}
			}
			return err
		}
	}
	return nil
}

// Moved returns the records up to seq that move something from one space to another.
func (x *crossings) Moved(from, to crypto.PointerID, seq uint64) (seqs []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.moves {
		if c.from == from && c.to == to && c.seq <= seq {
			seqs = append(seqs, c.seq)
		}
	}
	return seqs
}

// Settle forgets the records up to seq that move something from one space to another: it was put back.
func (x *crossings) Settle(from, to crypto.PointerID, seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.moves = slices.DeleteFunc(x.moves, func(c crossing) bool { return c.from == from && c.to == to && c.seq <= seq })
}

// Show makes a change visible in the space that gains something before the losing space shows it removed.
func (x *crossings) Show(space crypto.PointerID, seq uint64) error {
	if w := x.opened(space); w != nil {
		return w.Durable(seq)
	}
	return nil
}
