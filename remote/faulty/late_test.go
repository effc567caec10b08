package faulty_test

import (
	"errors"
	"testing"

	"postern/remote"
	"postern/remote/faulty"
)

// TestLate: a swap that is held back happens when Land is called, or after some more calls; other calls just fail.
func TestLate(t *testing.T) {
	s, inner := filled(t)
	s.SetPlan(faulty.Always(faulty.Late))
	if _, err := ask(t.Context(), s, faulty.Put); !errors.Is(err, remote.ErrUnavailable) ||
		happened(t, inner, faulty.Put) {
		t.Errorf("a Put: %v", err)
	}
	for range 2 {
		if _, err := ask(t.Context(), s, faulty.Swap); !errors.Is(err, remote.ErrUnavailable) ||
			happened(t, inner, faulty.Swap) {
			t.Errorf("a Swap: %v", err)
		}
	}
	late := s.Land()
	if len(late) != 2 || late[0] != nil || !errors.Is(late[1], remote.ErrConflict) || !happened(t, inner, faulty.Swap) {
		t.Errorf("late swaps: %v", late)
	}
	if late := s.Land(); len(late) > 0 {
		t.Errorf("%d happen twice", len(late))
	}
}

// TestLateByCalls lets a held swap happen before the third call after it.
func TestLateByCalls(t *testing.T) {
	_, inner := filled(t)
	s := faulty.New(inner, faulty.Script([]faulty.Fault{faulty.Late}, faulty.Swap), faulty.Options{Held: 3})
	if _, err := ask(t.Context(), s, faulty.Swap); !errors.Is(err, remote.ErrUnavailable) {
		t.Fatal(err)
	}
	for call := 1; call <= 3; call++ {
		if _, err := ask(t.Context(), s, faulty.Space); err != nil {
			t.Fatal(err)
		}
		if done := happened(t, inner, faulty.Swap); done != (call == 3) {
			t.Errorf("after call %d, it happened: %v", call, done)
		}
	}
}
