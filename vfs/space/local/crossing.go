package local

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"postern/crypto"
	"postern/vfs"
)

// A record that moves something from one space to another is committed where it adds before it is committed where it removes:
// so another device, or a crash, finds the thing twice but never nowhere. Two spaces that wait for each other would wait for
// ever; a move that leads to this is refused until the earlier one is committed.

// crossing is a record that removes in one space what it adds to another.
type crossing struct {
	from, to crypto.PointerID
	seq      uint64
}

// errCrossing is why a move back is refused.
var errCrossing = errors.New("an earlier move in the other direction has not reached the storage yet; try again when it has")

// Crosses returns an error when a record that moves from one space to another would have to wait for itself: vfs.ErrUnavailable.
func (h *Home) Crosses(from, to crypto.PointerID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for reached, i := []crypto.PointerID{to}, 0; i < len(reached); i++ {
		if reached[i] == from {
			return &vfs.Error{Op: "move", Path: "/", Kind: vfs.ErrUnavailable, Err: errCrossing}
		}
		for _, c := range h.crossings {
			if c.from == reached[i] && !slices.Contains(reached, c.to) {
				reached = append(reached, c.to)
			}
		}
	}
	return nil
}

// Cross notes a record that moves from one space to another.
func (h *Home) Cross(from, to crypto.PointerID, seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := (crossing{from, to, seq}); !slices.Contains(h.crossings, c) {
		h.crossings = append(h.crossings, c)
	}
}

// Uncross forgets the moves out of a space that are committed there, up to seq, and those that never happened, after last.
func (h *Home) Uncross(from crypto.PointerID, seq, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.crossings = slices.DeleteFunc(h.crossings, func(c crossing) bool {
		return c.from == from && (c.seq <= seq || c.seq > last)
	})
}

// Added returns once what changes of a space up to seq remove is committed in the spaces that they add it to.
func (h *Home) Added(ctx context.Context, from crypto.PointerID, seq uint64) error {
	h.mu.Lock()
	var wait []crossing
	for _, c := range h.crossings {
		if c.from == from && c.seq <= seq {
			wait = append(wait, c)
		}
	}
	h.mu.Unlock()
	for _, c := range wait {
		w := h.open(c.to)
		if w == nil {
			return fmt.Errorf("%w: what was moved to another folder waits for that folder, which is not open", vfs.ErrUnavailable)
		}
		if err := w.Landed(ctx, c.seq); err != nil {
			return fmt.Errorf("%w: what was moved to another folder has not reached the storage there: %w", vfs.ErrUnavailable, err)
		}
	}
	return nil
}

// Show makes a change of another space visible before what it removed from this one disappears.
func (h *Home) Show(space crypto.PointerID, seq uint64) error {
	if w := h.open(space); w != nil {
		return w.Durable(seq)
	}
	return nil
}

func (h *Home) open(space crypto.PointerID) Waiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pending[space]
}
