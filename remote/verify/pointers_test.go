package verify_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/verify"
)

// key is the writer key of the pointer of these tests.
var key = crypto.NewWriterKey([32]byte{1})

// sign returns a state of it; states of one sequence differ by variant.
func sign(seq uint64, variant byte) crypto.Pointer {
	return key.Sign(seq, crypto.PointerValue{variant})
}

// pinOf returns the pin of a state.
func pinOf(p crypto.Pointer) verify.Pin { return verify.Pin{Seq: p.Seq, Hash: p.Hash()} }

// puppet is a remote whose pointer the test sets.
type puppet struct {
	remote.Store
	load func() (crypto.Pointer, error)
	swap func(crypto.PointerHash, crypto.Pointer) error
}

func (p *puppet) Load(context.Context, crypto.PointerID) (crypto.Pointer, error) { return p.load() }
func (p *puppet) Swap(_ context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	return p.swap(old, next)
}

// says sets the state that a puppet returns.
func (p *puppet) says(state crypto.Pointer) {
	p.load = func() (crypto.Pointer, error) { return state, nil }
}

func TestLoad(t *testing.T) {
	unsigned := sign(5, 0)
	unsigned.Signature[0] ^= 1
	none := crypto.Pointer{}
	for _, c := range []struct {
		what   string
		pinned crypto.Pointer // the zero pointer: it was never seen
		says   crypto.Pointer // the zero pointer: not found
		kind   error          // nil: it is returned and pinned
		text   string
	}{
		{"first seen", none, sign(5, 0), nil, ""},
		{"never there", none, none, remote.ErrNotFound, "not found"},
		{"unchanged", sign(5, 0), sign(5, 0), nil, ""},
		{"newer", sign(5, 0), sign(6, 0), nil, ""},
		{"far newer", sign(5, 0), sign(1<<63, 0), nil, ""},
		{"older", sign(5, 0), sign(4, 0), remote.ErrRollback, "the remote sent sequence 4, 5 was seen before"},
		{"same sequence, other state", sign(5, 0), sign(5, 1), remote.ErrFork, "two different states have sequence 5"},
		{"gone", sign(5, 0), none, remote.ErrRollback, "the remote has none any more, sequence 5 was seen before"},
		{"unsigned", none, unsigned, remote.ErrCorrupt, "signature"},
		{"unsigned and older", sign(6, 0), unsigned, remote.ErrCorrupt, "signature"},
		{"another's", none, crypto.NewWriterKey([32]byte{2}).Sign(5, crypto.PointerValue{}), remote.ErrCorrupt, "instead"},
	} {
		t.Run(c.what, func(t *testing.T) {
			pins := new(verify.MemoryPins)
			if c.pinned != none {
				_ = pins.Save(key.ID(), pinOf(c.pinned))
			}
			inner := &puppet{Store: mem.New()}
			inner.says(c.says)
			if c.says == none {
				inner.load = func() (crypto.Pointer, error) {
					return none, remote.Fail(remote.OpLoad, key.ID(), remote.ErrNotFound, nil)
				}
			}
			got, err := verify.New(inner, pins).Load(t.Context(), key.ID())
			pin, known, _ := pins.Load(key.ID())
			if c.kind == nil {
				if err != nil || got != c.says || pin != pinOf(c.says) {
					t.Fatalf("sequence %d, pinned %d, %v", got.Seq, pin.Seq, err)
				}
				return
			}
			if remote.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, it should be %q and say %q", err, c.kind, c.text)
			}
			if got != none {
				t.Error("the pointer was handed out along with the error")
			}
			if known != (c.pinned != none) || known && pin != pinOf(c.pinned) {
				t.Errorf("the pin moved to %d", pin.Seq)
			}
		})
	}
}

// failingPins fail on request.
type failingPins struct {
	verify.MemoryPins
	load, save error
	saves      int
}

func (f *failingPins) Load(id crypto.PointerID) (verify.Pin, bool, error) {
	if f.load != nil {
		return verify.Pin{}, false, f.load
	}
	return f.MemoryPins.Load(id)
}

func (f *failingPins) Save(id crypto.PointerID, pin verify.Pin) error {
	f.saves++
	if f.save != nil {
		return f.save
	}
	return f.MemoryPins.Save(id, pin)
}

// TestNothingUnpinnedIsHandedOut: a pin that can't be read or saved makes the pointer unusable.
func TestNothingUnpinnedIsHandedOut(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("state.db is on fire")
	inner := mem.New()
	pins := &failingPins{save: broken}
	s := verify.New(inner, pins)
	one := sign(1, 0)
	if err := inner.Swap(ctx, crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(ctx, key.ID()); !errors.Is(err, broken) || got != (crypto.Pointer{}) {
		t.Errorf("load without a saved pin: sequence %d, %v", got.Seq, err)
	}
	two := sign(2, 0)
	if err := s.Swap(ctx, one.Hash(), two); !errors.Is(err, broken) || remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("swap without a saved pin leaves the outcome open, it says: %v", err)
	}
	pins.save, pins.load = nil, broken
	if _, err := s.Load(ctx, key.ID()); !errors.Is(err, broken) {
		t.Errorf("load without a readable pin: %v", err)
	}
	if err := s.Swap(ctx, two.Hash(), sign(3, 0)); !errors.Is(err, broken) {
		t.Errorf("swap without a readable pin: %v", err)
	}
	pins.load = nil
	if got, err := s.Load(ctx, key.ID()); err != nil || got != two {
		t.Errorf("once pins work again: sequence %d, %v", got.Seq, err)
	}
	before := pins.saves
	for range 5 {
		if _, err := s.Load(ctx, key.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if pins.saves != before {
		t.Errorf("a pin that didn't move was saved %d times", pins.saves-before)
	}
}

func TestSwapMovesThePin(t *testing.T) {
	ctx := t.Context()
	inner := mem.New()
	pins := new(verify.MemoryPins)
	s := verify.New(inner, pins)
	one, two := sign(1, 0), sign(2, 0)
	if err := errors.Join(s.Swap(ctx, crypto.PointerHash{}, one), s.Swap(ctx, one.Hash(), two)); err != nil {
		t.Fatal(err)
	}
	if pin, _, _ := pins.Load(key.ID()); pin != pinOf(two) {
		t.Errorf("after swaps the pin is at %d", pin.Seq)
	}
	if err := s.Swap(ctx, one.Hash(), sign(3, 0)); !errors.Is(err, remote.ErrConflict) {
		t.Fatal(err)
	}
	if pin, _, _ := pins.Load(key.ID()); pin != pinOf(two) {
		t.Errorf("after a lost swap the pin is at %d", pin.Seq)
	}
}

// TestSwapOntoAStaleState: a swap that an honest remote would refuse fails, even if the remote accepts it.
func TestSwapOntoAStaleState(t *testing.T) {
	pins := new(verify.MemoryPins)
	five := sign(5, 0)
	_ = pins.Save(key.ID(), pinOf(five))
	asked := 0
	inner := &puppet{Store: mem.New(), swap: func(crypto.PointerHash, crypto.Pointer) error { asked++; return nil }}
	s := verify.New(inner, pins)
	four := sign(4, 0)
	if err := s.Swap(t.Context(), four.Hash(), sign(5, 1)); !errors.Is(err, remote.ErrConflict) {
		t.Errorf("a swap to a sequence that was seen in another state: %v", err)
	}
	if err := s.Swap(t.Context(), five.Hash(), sign(5, 1)); !errors.Is(err, remote.ErrRefused) {
		t.Errorf("a swap that goes nowhere: %v", err)
	}
	if asked > 0 {
		t.Error("the remote was asked")
	}
}

// TestSwapForked: the remote accepts, but has shown another state of that sequence meanwhile.
func TestSwapForked(t *testing.T) {
	pins := new(verify.MemoryPins)
	inner := &puppet{Store: mem.New(), swap: func(crypto.PointerHash, crypto.Pointer) error {
		return pins.Save(key.ID(), pinOf(sign(6, 1)))
	}}
	five := sign(5, 0)
	if err := verify.New(inner, pins).Swap(t.Context(), five.Hash(), sign(6, 0)); !errors.Is(err, remote.ErrFork) {
		t.Errorf("two states of sequence 6 and no word: %v", err)
	}
	inner.swap = func(crypto.PointerHash, crypto.Pointer) error { return pins.Save(key.ID(), pinOf(sign(9, 0))) }
	if err := verify.New(inner, pins).Swap(t.Context(), sign(6, 1).Hash(), sign(7, 0)); err != nil {
		t.Errorf("a swap that another built upon at once: %v", err)
	}
	if pin, _, _ := pins.Load(key.ID()); pin.Seq != 9 {
		t.Errorf("the pin went back to %d", pin.Seq)
	}
}

// TestLateAnswer: an answer that was overtaken is not a rollback.
func TestLateAnswer(t *testing.T) {
	ctx := t.Context()
	pins := new(verify.MemoryPins)
	inner := &puppet{Store: mem.New()}
	s := verify.New(inner, pins)
	asked := 0
	inner.load = func() (crypto.Pointer, error) {
		asked++
		if asked == 1 { // while this answer is under way, another call gets a newer one
			_ = pins.Save(key.ID(), pinOf(sign(7, 0)))
			return sign(6, 0), nil
		}
		return sign(7, 0), nil
	}
	if p, err := s.Load(ctx, key.ID()); err != nil || p.Seq != 7 {
		t.Errorf("sequence %d, %v", p.Seq, err)
	}

	// A remote that keeps doing this fails in the end.
	seq := uint64(100)
	inner.load = func() (crypto.Pointer, error) {
		seq++
		_ = pins.Save(key.ID(), pinOf(sign(seq+1, 0)))
		return sign(seq, 0), nil
	}
	if _, err := s.Load(ctx, key.ID()); !errors.Is(err, remote.ErrRollback) {
		t.Errorf("always a step behind: %v", err)
	}
}

// TestLoadsAndSwapsAtOnce moves and loads one pointer through one wrapper from many goroutines: an honest remote is
// never blamed.
func TestLoadsAndSwapsAtOnce(t *testing.T) {
	ctx := t.Context()
	s := verify.New(mem.New(), new(verify.MemoryPins))
	first := sign(1, 0)
	if err := s.Swap(ctx, crypto.PointerHash{}, first); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				p, err := s.Load(ctx, key.ID())
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				if err := s.Swap(ctx, p.Hash(), sign(p.Seq+1, byte(i))); err != nil && !errors.Is(err, remote.ErrConflict) {
					t.Errorf("swap: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestNeverBack: whatever validly signed states a remote returns, the returned states never go back, and one sequence
// has one state.
func TestNeverBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := &puppet{Store: mem.New()}
		s := verify.New(inner, new(verify.MemoryPins))
		var newest crypto.Pointer
		handedOut := false
		for range rapid.IntRange(1, 30).Draw(t, "calls") {
			state := sign(rapid.Uint64Range(0, 6).Draw(t, "seq"), byte(rapid.IntRange(0, 2).Draw(t, "variant")))
			lost := rapid.IntRange(0, 9).Draw(t, "lost") == 0
			inner.load = func() (crypto.Pointer, error) {
				if lost {
					return crypto.Pointer{}, remote.Fail(remote.OpLoad, key.ID(), remote.ErrNotFound, nil)
				}
				return state, nil
			}
			got, err := s.Load(context.Background(), key.ID())
			switch {
			case err == nil:
				if handedOut && (got.Seq < newest.Seq || got.Seq == newest.Seq && got != newest) {
					t.Fatalf("sequence %d was handed out after %d", got.Seq, newest.Seq)
				}
				newest, handedOut = got, true
			case lost && !handedOut:
				if remote.KindOf(err) != remote.ErrNotFound {
					t.Fatal(err)
				}
			case lost || state.Seq < newest.Seq:
				if remote.KindOf(err) != remote.ErrRollback {
					t.Fatal(err)
				}
			case state.Seq == newest.Seq && state != newest:
				if remote.KindOf(err) != remote.ErrFork {
					t.Fatal(err)
				}
			default:
				t.Fatalf("sequence %d was refused after %d: %v", state.Seq, newest.Seq, err)
			}
		}
	})
}
