package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/verify"
)

// listed returns a state of a listed pointer of these tests; states of one sequence differ by variant.
func listed(seq uint64, variant byte) crypto.Pointer {
	return key.SignListed(seq, crypto.PointerValue{variant})
}

// teller is a puppet that also returns changes.
type teller struct {
	puppet
	changes func() (remote.Changes, error)
}

func (t *teller) Changed(context.Context, remote.Cursor) (remote.Changes, error) { return t.changes() }

func TestChanged(t *testing.T) {
	forged := listed(6, 0)
	forged.Value[0] ^= 1
	stranger := crypto.NewWriterKey([32]byte{2}).SignListed(3, crypto.PointerValue{})
	for _, c := range []struct {
		what    string
		moved   crypto.Pointer
		loads   crypto.Pointer // what the remote's Load returns; the zero pointer: Load must not be called
		out     crypto.Pointer // what Changed returns; the zero pointer: it is suspect
		pinned  crypto.Pointer // afterwards
		strange bool           // the pointer has no pin
	}{
		{what: "newer", moved: listed(6, 0), out: listed(6, 0), pinned: listed(6, 0)},
		{what: "unchanged", moved: listed(5, 0), out: listed(5, 0), pinned: listed(5, 0)},
		{what: "overtaken", moved: listed(4, 0), loads: listed(7, 0), out: listed(7, 0), pinned: listed(7, 0)},
		{what: "older", moved: listed(4, 0), loads: listed(4, 0), pinned: listed(5, 0)},
		{what: "forked", moved: listed(5, 1), loads: listed(5, 1), pinned: listed(5, 0)},
		{what: "forged", moved: forged, pinned: listed(5, 0)},
		{what: "unlisted", moved: sign(6, 0), pinned: listed(5, 0)},
		{what: "never loaded", moved: stranger, out: stranger, strange: true},
	} {
		t.Run(c.what, func(t *testing.T) {
			pins := new(verify.MemoryPins)
			_ = pins.Save(key.ID(), pinOf(listed(5, 0)))
			inner := &teller{puppet: puppet{Store: mem.New()}}
			inner.changes = func() (remote.Changes, error) {
				return remote.Changes{Pointers: []crypto.Pointer{c.moved}, Next: "next"}, nil
			}
			inner.load = func() (crypto.Pointer, error) {
				if c.loads == (crypto.Pointer{}) {
					t.Error("the pointer is loaded")
				}
				return c.loads, nil
			}
			page, err := verify.New(inner, pins).Changed(t.Context(), "")
			if err != nil || page.Next != "next" || page.More {
				t.Fatalf("%v, %v", page, err)
			}
			want := remote.Changes{Next: "next", Pointers: []crypto.Pointer{c.out}}
			if c.out == (crypto.Pointer{}) {
				want = remote.Changes{Next: "next", Suspect: []crypto.PointerID{c.moved.ID}}
			}
			if !slices.Equal(page.Pointers, want.Pointers) || !slices.Equal(page.Suspect, want.Suspect) {
				t.Errorf("handed out are %d pointers, suspect %d", len(page.Pointers), len(page.Suspect))
			}
			if pin, known, _ := pins.Load(c.moved.ID); known == c.strange || known && pin != pinOf(c.pinned) {
				t.Errorf("it is pinned at %d: %v", pin.Seq, known)
			}
		})
	}
}

// TestChangedWaitsForPins: a state that can't be compared or pinned is not returned.
func TestChangedWaitsForPins(t *testing.T) {
	broken := errors.New("broken")
	inner := mem.New()
	pins := &failingPins{}
	s := verify.New(inner, pins)
	if err := s.Swap(t.Context(), crypto.PointerHash{}, listed(1, 0)); err != nil {
		t.Fatal(err)
	}
	pins.load = broken
	if page, err := s.Changed(t.Context(), ""); !errors.Is(err, broken) || len(page.Pointers) > 0 {
		t.Errorf("without a readable pin: %d pointers, %v", len(page.Pointers), err)
	}
	pins.load, pins.save = nil, broken
	if err := inner.Swap(t.Context(), listed(1, 0).Hash(), listed(2, 0)); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Changed(t.Context(), ""); !errors.Is(err, broken) || len(page.Pointers) > 0 {
		t.Errorf("without a saved pin: %d pointers, %v", len(page.Pointers), err)
	}
}
