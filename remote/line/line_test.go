package line_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// lasting are the options of a long-lived gateway, over a remote on a share.
var lasting = line.Options{Late: true, Hangs: true, Breaker: true, Sleep: atOnce}

// TestContract runs the contract over the whole line, with all its parts, to a disk.
func TestContract(t *testing.T) {
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		dir := t.TempDir()
		return func() (remote.Store, error) {
			open := func(context.Context) (remote.Store, error) {
				return disk.Open(dir, disk.Options{WatchEvery: time.Millisecond})
			}
			return line.New(t.Context(), open, remote.Deadlines{}, lasting)
		}
	})
}

// TestContractOfLocal does the same for a remote that can't hang.
func TestContractOfLocal(t *testing.T) {
	o := line.Options{Late: true, Breaker: true, Local: true, Sleep: atOnce}
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) {
			return line.New(t.Context(), func(context.Context) (remote.Store, error) { return s.Another(), nil },
				remote.Deadlines{}, o)
		}
	})
}

// TestContractOverFaults runs the contract over the whole line and a remote of which a third of all calls fail, many
// after they were done, and some before.
func TestContractOverFaults(t *testing.T) {
	random := faulty.Random(1, faulty.Rates{faulty.Fail: 0.08, faulty.Lose: 0.12, faulty.Cut: 0.06, faulty.Late: 0.04})
	plan := func(c faulty.Call) faulty.Fault {
		fault := random(c)
		if fault != faulty.Fine && c.Op == faulty.List { // a cut listing can't continue
			return faulty.Fail
		}
		return fault
	}
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) {
			open := func(context.Context) (remote.Store, error) {
				return faulty.New(s.Another(), plan, faulty.Options{Held: 20}), nil
			}
			return line.New(t.Context(), open, remote.Deadlines{Attempts: 60}, lasting)
		}
	})
}

// TestLate: a missing remote is opened once it is there; until then calls fail, and share one attempt.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there atomic.Bool
		var attempts atomic.Int64
		open := func(context.Context) (remote.Store, error) {
			attempts.Add(1)
			<-time.After(time.Second)
			if !there.Load() {
				return nil, errors.New("no such disk")
			}
			return mem.New(), nil
		}
		s, err := line.New(t.Context(), open, remote.Deadlines{}, line.Options{Late: true, Once: true})
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		for range 10 {
			go func() { _, err := s.Space(t.Context()); failed <- err }()
		}
		for range 10 {
			if err := <-failed; !errors.Is(err, remote.ErrUnavailable) {
				t.Error(err)
			}
		}
		if n := attempts.Load(); n != 2 {
			t.Errorf("%d attempts, for the start and ten calls at once", n)
		}
		there.Store(true)
		for range 10 {
			if _, err := s.Space(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := attempts.Load(); n != 3 {
			t.Errorf("%d attempts, when it is open", n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Space(t.Context()); !errors.Is(err, remote.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestLateHangs: a start waits for Look at most, a caller as long as its context lasts, and closing ends the attempt.
func TestLateHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func(ctx context.Context) (remote.Store, error) { <-ctx.Done(); return nil, ctx.Err() }
		start := time.Now()
		s, err := line.New(t.Context(), open, remote.Deadlines{}, line.Options{Late: true, Once: true})
		if took := time.Since(start); err != nil || took != remote.Shipped.Look {
			t.Fatalf("%v after %v", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if _, err := s.Space(ctx); !errors.Is(err, remote.ErrUnavailable) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		start = time.Now()
		if err := s.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestNeverARemote: a place without a remote fails the start, late or not; an unreachable one fails it only without
// Late.
func TestNeverARemote(t *testing.T) {
	for kind, fails := range map[error]bool{remote.ErrForeign: true, remote.ErrUnavailable: false} {
		open := func(context.Context) (remote.Store, error) {
			return nil, remote.Fail("open", remote.Place{}, kind, nil)
		}
		s, err := line.New(t.Context(), open, remote.Deadlines{}, line.Options{Late: true, Hangs: true, Breaker: true})
		if fails != (err != nil) || fails != errors.Is(err, remote.ErrForeign) {
			t.Errorf("%v, later: %v", kind, err)
		}
		if s != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err = line.New(t.Context(), open, remote.Deadlines{},
			line.Options{Hangs: true, Breaker: true}); !errors.Is(err, kind) {
			t.Errorf("%v, now: %v", kind, err)
		}
	}
}

// TestLocal: the next call that writes or loads notices a local disk that hangs on a read, and then reads fail at once,
// too.
func TestLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{Local: true})
		defer s.close(t)
		s.faulty.SetPlan(faulty.Always(faulty.Hang))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		read := make(chan error, 1)
		go func() { read <- calls["get"](ctx, s) }()
		<-time.After(time.Minute)
		if s.State().Away {
			t.Error("a read alone does not look")
		}
		if err := calls["load"](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		start := time.Now()
		for _, call := range []string{"get", "range"} {
			if err := calls[call](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) || time.Since(start) != 0 {
				t.Errorf("%s: %v after %v", call, err, time.Since(start))
			}
		}
		cancel()
		<-read
	})
}

// TestPaceOfRoles checks that the layers above a line find its pace, unless the remote is local.
func TestPaceOfRoles(t *testing.T) {
	for _, local := range []bool{false, true} {
		l := line.Over(mem.New(), remote.Deadlines{}, line.Options{Local: local})
		above := remote.Wrap(l)
		if pace := above.Roles().Pace; (pace == nil) != local {
			t.Errorf("local %t: there is a pace: %t", local, pace != nil)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLocalFails: a local disk that is gone is away after one read.
func TestLocalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{Local: true})
		defer s.close(t)
		s.faulty.SetPlan(faulty.Always(faulty.Fail))
		if err := calls["range"](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		synctest.Wait()
		if !s.State().Away {
			t.Errorf("%+v", s.State())
		}
	})
}

// TestReason: the state states in a few words why the remote is away.
func TestReason(t *testing.T) {
	for want, why := range map[string]error{
		"":         nil,
		"no route": errors.New("no route"),
		"no such disk": remote.Fail("ask", remote.Place{}, remote.ErrUnavailable,
			remote.Fail("open", crypto.BlobName{}, remote.ErrUnavailable, errors.New("no such disk"))),
		remote.ErrForeign.Error(): remote.Fail("ask", remote.Place{}, remote.ErrForeign, nil),
	} {
		if got := (line.State{Why: why}).Reason(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestOnChange: a listener that has ended is not called any more, and the others are.
func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		stop := s.OnChange(func(line.State) { t.Error("it has ended") })
		stop()
		stop()
		s.faulty.SetPlan(faulty.Always(faulty.Fail))
		_ = calls["get"](t.Context(), s)
		synctest.Wait()
		if len(s.told) != 1 || !s.told[0].Away {
			t.Errorf("%+v", s.told)
		}
	})
}

// TestOrShipped: zeros are replaced by shipped values, and the rest stays.
func TestOrShipped(t *testing.T) {
	if got := (remote.Deadlines{}).OrShipped(); got != remote.Shipped {
		t.Errorf("%+v", got)
	}
	want := remote.Shipped
	want.Reply, want.Attempts = -1, 3
	if got := (remote.Deadlines{Reply: -1, Attempts: 3}).OrShipped(); got != want {
		t.Errorf("%+v", got)
	}
}
