package remotetest

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

var pointerChecks = []Check{
	{Name: "pointer/moves", Promise: "a pointer has the state of the last swap", Do: pointerMoves},
	{Name: "pointer/conflict", Promise: "a swap from another state changes nothing", Do: pointerConflict},
	{Name: "pointer/refused", Promise: "a pointer that goes back, or isn't signed by its id, is never accepted",
		Do: pointerRefused},
	{Name: "pointer/apart", Promise: "pointers don't affect each other", Do: pointersApart},
}

// none is the hash that stands for no pointer.
var none crypto.PointerHash

// value returns a distinct pointer value.
func value(n ...byte) (v crypto.PointerValue) {
	copy(v[:], n)
	v[len(v)-1] = 1
	return v
}

// points returns an error unless a pointer has that state.
func points(ctx context.Context, s remote.Store, wanted crypto.Pointer) error {
	got, err := s.Load(ctx, wanted.ID)
	if err != nil {
		return err
	}
	if got != wanted {
		return fmt.Errorf("the pointer is at sequence %d, hash %v, instead of %d, %v", got.Seq, got.Hash(), wanted.Seq,
			wanted.Hash())
	}
	return nil
}

// nowhere returns an error unless a pointer is missing.
func nowhere(ctx context.Context, s remote.Store, id crypto.PointerID) error {
	_, err := s.Load(ctx, id)
	return want("load of a pointer that isn't there", err, remote.ErrNotFound)
}

func pointerMoves(ctx context.Context, e *Env) error {
	key := e.writer()
	if err := nowhere(ctx, e.Store, key.ID()); err != nil {
		return err
	}
	old := none
	for _, seq := range []uint64{1, 2, 3, 10, 1 << 40, 1<<64 - 1} { // sequences may leap
		next := key.Sign(seq, value(byte(seq)))
		if err := e.Store.Swap(ctx, old, next); err != nil {
			return fmt.Errorf("to sequence %d: %w", seq, err)
		}
		if err := points(ctx, e.Store, next); err != nil {
			return err
		}
		old = next.Hash()
	}
	return nil
}

func pointerConflict(ctx context.Context, e *Env) error {
	key := e.writer()
	one, two := key.Sign(1, value(1)), key.Sign(2, value(2))
	if err := want("a swap from a state of a pointer that isn't there", e.Store.Swap(ctx, one.Hash(), two),
		remote.ErrConflict); err != nil {
		return err
	}
	if err := nowhere(ctx, e.Store, key.ID()); err != nil {
		return err
	}
	if err := first(e.Store.Swap(ctx, none, one), e.Store.Swap(ctx, one.Hash(), two)); err != nil {
		return err
	}
	three := key.Sign(3, value(3))
	return first(
		want("a swap from no state", e.Store.Swap(ctx, none, three), remote.ErrConflict),
		want("a swap from the state before", e.Store.Swap(ctx, one.Hash(), three), remote.ErrConflict),
		again(ctx, e.Store, one.Hash(), two),
		want("a swap from a state of the same sequence", e.Store.Swap(ctx, key.Sign(2, value(9)).Hash(), three),
			remote.ErrConflict),
		points(ctx, e.Store, two),
	)
}

func pointerRefused(ctx context.Context, e *Env) error {
	key := e.writer()
	five := key.Sign(5, value(5))
	forged := key.Sign(6, value(6))
	forged.Signature[3] ^= 1
	changed := key.Sign(6, value(6))
	changed.Value[0] ^= 1
	foreign := e.writer().Sign(6, value(6))
	foreign.ID = key.ID()
	for _, p := range []crypto.Pointer{forged, changed, foreign} {
		if err := want("a first pointer that isn't signed by its id", e.Store.Swap(ctx, none, p),
			remote.ErrRefused); err != nil {
			return err
		}
	}
	if err := first(nowhere(ctx, e.Store, key.ID()), e.Store.Swap(ctx, none, five)); err != nil {
		return err
	}
	for _, p := range []crypto.Pointer{forged, changed, foreign, key.Sign(5, value(7)), key.Sign(4, value(4)),
		key.Sign(0, value(0)), five} {
		what := fmt.Sprintf("a swap from sequence 5 to %d", p.Seq)
		if err := want(what, e.Store.Swap(ctx, five.Hash(), p), remote.ErrRefused); err != nil {
			return err
		}
	}
	return points(ctx, e.Store, five)
}

func pointersApart(ctx context.Context, e *Env) error {
	var states []crypto.Pointer
	for i := range 10 {
		p := e.writer().Sign(uint64(i), value(byte(i)))
		if err := e.Store.Swap(ctx, none, p); err != nil {
			return err
		}
		states = append(states, p)
	}
	var errs []error
	for _, p := range states {
		errs = append(errs, points(ctx, e.Store, p))
	}
	return errors.Join(errs...)
}

// again repeats a swap that was made before. ErrConflict is the usual answer; success is right, too: a wrapper that
// lost the reply and found next in place returns it.
func again(ctx context.Context, s remote.Store, old crypto.PointerHash, next crypto.Pointer) error {
	if err := s.Swap(ctx, old, next); err != nil {
		return want("the same swap once more", err, remote.ErrConflict)
	}
	return nil
}
