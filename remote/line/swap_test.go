package line_test

import (
	"context"
	"errors"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
)

// sign returns a state of it.
func sign(seq uint64, variant byte) crypto.Pointer {
	return key.Sign(seq, crypto.PointerValue{variant})
}

// between is a remote that runs a function between one swap and the next call.
type between struct {
	remote.Store
	swaps int
	after map[int]func()
}

func (b *between) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	b.swaps++
	err := b.Store.Swap(ctx, old, next)
	if do := b.after[b.swaps]; do != nil {
		do()
	}
	return err
}

// TestSwapIsSettled tests all possible outcomes of a swap whose reply was lost.
func TestSwapIsSettled(t *testing.T) {
	one, two := sign(1, 0), sign(2, 0)
	for _, c := range []struct {
		what   string
		faults []faulty.Fault                 // of the swaps
		after  func(inner remote.Store) error // a change by another writer after the first swap
		kind   error                          // nil: it succeeded
		swaps  int                            // how many swaps reached the remote
		at     crypto.Pointer                 // the final state of the pointer
	}{
		{"no fault", nil, nil, nil, 1, two},
		{"lost after it was done", []faulty.Fault{faulty.Lose}, nil, nil, 1, two},
		{"lost before it was done", []faulty.Fault{faulty.Fail}, nil, nil, 2, two},
		{"lost again and again", []faulty.Fault{faulty.Fail, faulty.Fail, faulty.Lose}, nil, nil, 3, two},
		{"another was faster", []faulty.Fault{faulty.Fail}, func(s remote.Store) error {
			return s.Swap(context.Background(), one.Hash(), sign(2, 9))
		}, remote.ErrConflict, 1, sign(2, 9)},
		{"another built upon it, or not", []faulty.Fault{faulty.Lose}, func(s remote.Store) error {
			return s.Swap(context.Background(), two.Hash(), sign(3, 9))
		}, remote.ErrUnavailable, 1, sign(3, 9)},
		{"another leapt past it", []faulty.Fault{faulty.Fail}, func(s remote.Store) error {
			return s.Swap(context.Background(), one.Hash(), sign(9, 9))
		}, remote.ErrUnavailable, 1, sign(9, 9)},
	} {
		t.Run(c.what, func(t *testing.T) {
			ctx := t.Context()
			inner := mem.New()
			if err := inner.Swap(ctx, crypto.PointerHash{}, one); err != nil {
				t.Fatal(err)
			}
			b := &between{Store: faulty.New(inner, faulty.Script(c.faults, faulty.Swap), faulty.Options{}),
				after: map[int]func(){}}
			if c.after != nil {
				b.after[1] = func() {
					if err := c.after(inner); err != nil {
						t.Error(err)
					}
				}
			}
			err := patient(b).Swap(ctx, one.Hash(), two)
			if remote.KindOf(err) != c.kind {
				t.Errorf("%v, it should be %v", err, c.kind)
			}
			if b.swaps != c.swaps {
				t.Errorf("the remote was asked %d times instead of %d", b.swaps, c.swaps)
			}
			if at, err := inner.Load(ctx, key.ID()); err != nil || at != c.at {
				t.Errorf("the pointer is at %d, %v", at.Seq, err)
			}
		})
	}
}

// tardy is a remote that carries out its first swap only when the second arrives.
type tardy struct {
	remote.Store
	held func() error
}

func (l *tardy) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if l.held == nil {
		l.held = func() error { return l.Store.Swap(ctx, old, next) }
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrUnavailable, errors.New("it is still under way"))
	}
	ctx = context.WithoutCancel(ctx)
	if err := l.Store.Swap(ctx, old, next); err != nil {
		return err
	}
	return errors.New("the held one should have been first")
}

// Load makes the first swap arrive after it has read the pointer.
func (l *tardy) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	p, err := l.Store.Load(ctx, id)
	if held := l.held; held != nil && p.Seq == 1 {
		next := sign(2, 0)
		one := sign(1, 0)
		if swapErr := l.Store.Swap(ctx, one.Hash(), next); swapErr != nil {
			return p, swapErr
		}
	}
	return p, err
}

// TestSwapArrivesLate: the first try was only slow. The second conflicts with it, which is a success.
func TestSwapArrivesLate(t *testing.T) {
	inner := mem.New()
	one, two := sign(1, 0), sign(2, 0)
	if err := inner.Swap(t.Context(), crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	if err := patient(&tardy{Store: inner}).Swap(t.Context(), one.Hash(), two); err != nil {
		t.Error(err)
	}
	if p, err := inner.Load(t.Context(), key.ID()); err != nil || p != two {
		t.Errorf("the pointer is at %d, %v", p.Seq, err)
	}
}

// TestFirstSwapIsSettled does the same for a new pointer.
func TestFirstSwapIsSettled(t *testing.T) {
	for what, faults := range map[string][]faulty.Fault{"before": {faulty.Fail}, "after": {faulty.Lose}} {
		inner := mem.New()
		s := patient(faulty.New(inner, faulty.Script(faults, faulty.Swap), faulty.Options{}))
		if err := s.Swap(t.Context(), crypto.PointerHash{}, sign(1, 0)); err != nil {
			t.Errorf("lost %s it was done: %v", what, err)
		}
	}
	// A pointer that should be there is missing.
	s := patient(faulty.New(mem.New(), faulty.Script([]faulty.Fault{faulty.Fail}, faulty.Swap), faulty.Options{}))
	if err := s.Swap(t.Context(), sign(1, 0).Hash(), sign(2, 0)); !errors.Is(err, remote.ErrConflict) {
		t.Errorf("onto a pointer that isn't there: %v", err)
	}
}

// TestSwapIsNeverSettled: while the pointer can't be loaded, the outcome is unknown.
func TestSwapIsNeverSettled(t *testing.T) {
	inner := mem.New()
	plan := func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Swap && c.Again == 0 {
			return faulty.Lose
		}
		return faulty.Fail
	}
	s := patient(faulty.New(inner, plan, faulty.Options{}))
	if err := s.Swap(t.Context(), crypto.PointerHash{}, sign(1, 0)); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("the outcome is unknown, it says: %v", err)
	}
}
