package faulty_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestFaultlessKeepsTheContract(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) { return faulty.New(s.Another(), nil, faulty.Options{}), nil }
	})
}

// data is a blob.
var data = make([]byte, 10_000)

// name is its name.
var name = crypto.NameOf(data)

// key is the writer key of the pointer.
var key = crypto.NewWriterKey([32]byte{1})

// filled returns a store with the blob and some others, and the pointer at sequence 1.
func filled(t *testing.T) (*faulty.Store, *mem.Store) {
	t.Helper()
	inner := mem.New()
	for _, d := range [][]byte{data, []byte("one"), []byte("two"), []byte("three")} {
		if err := inner.Put(t.Context(), crypto.NameOf(d), remote.BytesBody(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := inner.Swap(t.Context(), crypto.PointerHash{}, key.Sign(1, crypto.PointerValue{})); err != nil {
		t.Fatal(err)
	}
	return faulty.New(inner, nil, faulty.Options{}), inner
}

// ask makes a call of an operation: on existing things, or a Put of a new blob, or a Swap to sequence 2.
func ask(ctx context.Context, s *faulty.Store, op faulty.Op) (n int, err error) {
	switch op {
	case faulty.Put:
		return 0, s.Put(ctx, crypto.NameOf([]byte("new")), remote.BytesBody("new"))
	case faulty.Get:
		data, err := s.Get(ctx, name)
		return len(data), err
	case faulty.GetRange:
		return 0, s.GetRange(ctx, name, 10, make([]byte, 100))
	case faulty.Stat:
		_, err = s.Stat(ctx, name)
	case faulty.List:
		for _, e := range s.List(ctx) {
			if err = e; e == nil {
				n++
			}
		}
	case faulty.Delete:
		return 0, s.Delete(ctx, crypto.NameOf([]byte("one")))
	case faulty.Load:
		_, err = s.Load(ctx, key.ID())
	case faulty.Swap:
		one := key.Sign(1, crypto.PointerValue{})
		return 0, s.Swap(ctx, one.Hash(), key.Sign(2, crypto.PointerValue{}))
	case faulty.Space:
		_, err = s.Space(ctx)
	}
	return n, err
}

// all are the operations.
var all = []faulty.Op{
	faulty.Put, faulty.Get, faulty.GetRange, faulty.Stat, faulty.List, faulty.Delete, faulty.Load, faulty.Swap,
	faulty.Space,
}

// happened reports whether a changing call took effect.
func happened(t *testing.T, inner *mem.Store, op faulty.Op) bool {
	t.Helper()
	ctx := t.Context()
	switch op {
	case faulty.Put:
		_, err := inner.Stat(ctx, crypto.NameOf([]byte("new")))
		return err == nil
	case faulty.Delete:
		_, err := inner.Stat(ctx, crypto.NameOf([]byte("one")))
		return errors.Is(err, remote.ErrNotFound)
	case faulty.Swap:
		p, err := inner.Load(ctx, key.ID())
		return err == nil && p.Seq == 2
	}
	return false
}

func TestFaults(t *testing.T) {
	changes := map[faulty.Op]bool{faulty.Put: true, faulty.Delete: true, faulty.Swap: true}
	for _, op := range all {
		for _, c := range []struct {
			name  string
			fault faulty.Fault
			kind  error
			done  bool
		}{
			{"fine", faulty.Fine, nil, true},
			{"fail", faulty.Fail, remote.ErrUnavailable, false},
			{"lose", faulty.Lose, remote.ErrUnavailable, true},
			{"cut", faulty.Cut, remote.ErrUnavailable, op != faulty.Put},
			{"full", faulty.Full, remote.ErrFull, false},
			{"delay", faulty.Delay, nil, true},
		} {
			if c.fault == faulty.Full && op != faulty.Put && op != faulty.Swap {
				c.kind, c.done = nil, true
			}
			t.Run(op.String()+"/"+c.name, func(t *testing.T) {
				s, inner := filled(t)
				s.SetPlan(faulty.Always(c.fault, op))
				if _, err := ask(t.Context(), s, op); remote.KindOf(err) != c.kind {
					t.Errorf("%v, it should be %v", err, c.kind)
				}
				if done := happened(t, inner, op); changes[op] && done != c.done {
					t.Errorf("it happened: %v", done)
				}
				for _, other := range all {
					if other == op {
						continue
					}
					if _, err := ask(t.Context(), s, other); err != nil {
						t.Errorf("%v fails too: %v", other, err)
					}
				}
				s.SetPlan(nil)
				if c.fault == faulty.Fail {
					if _, err := ask(t.Context(), s, op); err != nil {
						t.Errorf("once all is well: %v", err)
					}
				}
			})
		}
	}
}

// TestCutListing: a cut listing ends after a part, with an error.
func TestCutListing(t *testing.T) {
	s, _ := filled(t)
	for fault, want := range map[faulty.Fault]int{faulty.Cut: 1, faulty.Lose: 4, faulty.Fail: 0} {
		s.SetPlan(faulty.Always(fault))
		if n, err := ask(t.Context(), s, faulty.List); n != want || remote.KindOf(err) != remote.ErrUnavailable {
			t.Errorf("fault %d: %d blobs, %v", fault, n, err)
		}
	}
}

// TestCutNeverLinks: a cut Put reads half of a body, and links no file.
func TestCutNeverLinks(t *testing.T) {
	s, inner := filled(t)
	s.SetPlan(faulty.Always(faulty.Cut))
	body := linker{BytesBody: remote.BytesBody("linked"), t: t}
	if err := s.Put(t.Context(), crypto.NameOf([]byte("linked")), body); !errors.Is(err, remote.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := inner.Stat(t.Context(), crypto.NameOf([]byte("linked"))); !errors.Is(err, remote.ErrNotFound) {
		t.Error(err)
	}
}

type linker struct {
	remote.BytesBody
	t *testing.T
}

func (l linker) LinkTo(string) error {
	l.t.Error("it was linked")
	return io.ErrUnexpectedEOF
}

func TestHang(t *testing.T) {
	s, _ := filled(t)
	s.SetPlan(faulty.Always(faulty.Hang))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, op := range all {
			if _, err := ask(ctx, s, op); remote.KindOf(err) != remote.ErrUnavailable ||
				!errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", op, err)
			}
		}
		if waited := time.Since(start); waited != time.Hour {
			t.Errorf("it hung for %v", waited)
		}
	})
}

func TestDelay(t *testing.T) {
	inner := mem.New()
	synctest.Test(t, func(t *testing.T) {
		s := faulty.New(inner, faulty.Always(faulty.Delay), faulty.Options{Delay: time.Minute})
		start := time.Now()
		if _, err := s.Space(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v, %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Space(ctx); !errors.Is(err, context.DeadlineExceeded) || remote.KindOf(err) != remote.ErrUnavailable {
			t.Error(err)
		}
	})
}

func TestScript(t *testing.T) {
	s, _ := filled(t)
	s.SetPlan(faulty.Script([]faulty.Fault{faulty.Fail, faulty.Fine, faulty.Lose}, faulty.Load))
	var got []bool
	for range 5 {
		if _, err := ask(t.Context(), s, faulty.Stat); err != nil {
			t.Error(err)
		}
		_, err := ask(t.Context(), s, faulty.Load)
		got = append(got, err == nil)
	}
	if want := []bool{false, true, false, true, true}; !equal(got, want) {
		t.Errorf("loads went well: %v", got)
	}
}

func equal(a, b []bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestRandom: the same seed gives the same faults, call by call, at about the given rates.
func TestRandom(t *testing.T) {
	rates := faulty.Rates{faulty.Fail: 0.2, faulty.Lose: 0.1}
	a, b, c := faulty.Random(1, rates), faulty.Random(1, rates), faulty.Random(2, rates)
	counts, differ := map[faulty.Fault]int{}, 0
	const calls = 10_000
	for i := range calls {
		call := faulty.Call{Op: faulty.Op(i % 9), On: "x", Again: i / 9}
		fault := a(call)
		counts[fault]++
		if fault != b(call) {
			t.Fatalf("%+v has two fates under one seed", call)
		}
		if fault != c(call) {
			differ++
		}
	}
	if differ < calls/10 {
		t.Errorf("another seed changes %d of %d fates", differ, calls)
	}
	for fault, want := range map[faulty.Fault]int{faulty.Fine: 7000, faulty.Fail: 2000, faulty.Lose: 1000, faulty.Cut: 0} {
		if got := counts[fault]; got < want-300 || got > want+300 {
			t.Errorf("fault %d came %d times of %d, not about %d", fault, got, calls, want)
		}
	}
}

func TestNames(t *testing.T) {
	if got := faulty.Swap.String(); got != remote.OpSwap {
		t.Errorf("Swap is called %q", got)
	}
	if got := faulty.Op(99).String(); got != "faulty.Op(99)" {
		t.Errorf("an unknown operation is called %q", got)
	}
}
