package line_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContractOfBreaker(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store {
		return line.Over(mem.New(), remote.Deadlines{}, line.Options{Once: true, Breaker: true})
	})
}

func TestContractOfBreakerOverRetry(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store {
		return line.Over(mem.New(), remote.Deadlines{Attempts: 2, Pause: time.Millisecond}, line.Options{Breaker: true})
	})
}

// TestContractOfBreakerWhileAsking runs the contract with constant trials, which do not disturb callers.
func TestContractOfBreakerWhileAsking(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store {
		return line.Over(mem.New(), remote.Deadlines{Suspect: 200 * time.Microsecond},
			line.Options{Once: true, Breaker: true})
	})
}

var (
	data = []byte("sealed")
	name = crypto.NameOf(data)
	key  = crypto.NewWriterKey([32]byte{1})
)

// calls are all methods, each on existing things.
var calls = map[string]func(ctx context.Context, s remote.Store) error{
	"put":    func(ctx context.Context, s remote.Store) error { return s.Put(ctx, name, remote.BytesBody(data)) },
	"get":    func(ctx context.Context, s remote.Store) error { _, err := s.Get(ctx, name); return err },
	"range":  func(ctx context.Context, s remote.Store) error { return s.GetRange(ctx, name, 0, make([]byte, 2)) },
	"stat":   func(ctx context.Context, s remote.Store) error { _, err := s.Stat(ctx, name); return err },
	"delete": func(ctx context.Context, s remote.Store) error { return s.Delete(ctx, crypto.BlobName{9}) },
	"space":  func(ctx context.Context, s remote.Store) error { _, err := s.Space(ctx); return err },
	"load":   func(ctx context.Context, s remote.Store) error { _, err := s.Load(ctx, key.ID()); return err },
	"swap": func(ctx context.Context, s remote.Store) error {
		other := crypto.NewWriterKey([32]byte{2})
		err := s.Swap(ctx, crypto.PointerHash{}, other.Sign(1, crypto.PointerValue{}))
		if errors.Is(err, remote.ErrConflict) {
			return nil
		}
		return err
	},
	"list": func(ctx context.Context, s remote.Store) (err error) {
		for _, e := range s.List(ctx) {
			err = e
		}
		return err
	},
}

// stack is a breaker over a retrier over a remote with faults, which holds one blob and one pointer.
type stack struct {
	*line.Line
	faulty *faulty.Store
	told   []line.State
}

func newStack(t *testing.T, o line.Options) *stack {
	t.Helper()
	inner := mem.New()
	if err := inner.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	if err := inner.Swap(t.Context(), crypto.PointerHash{}, key.Sign(1, crypto.PointerValue{})); err != nil {
		t.Fatal(err)
	}
	s := &stack{faulty: faulty.New(inner, nil, faulty.Options{Delay: time.Minute})}
	o.Breaker = true
	s.Line = line.Over(s.faulty, remote.Deadlines{}, o)
	s.OnChange(func(st line.State) { s.told = append(s.told, st) })
	return s
}

// newSlowStack returns a stack whose remote answers everything late.
func newSlowStack(t *testing.T, delay time.Duration) *stack {
	t.Helper()
	s := newStack(t, line.Options{})
	s.faulty = faulty.New(s.faulty, faulty.Always(faulty.Delay), faulty.Options{Delay: delay})
	s.Line = line.Over(s.faulty, remote.Deadlines{}, line.Options{Breaker: true})
	return s
}

func (s *stack) close(t *testing.T) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestAway goes through each call and each way to be away: the first fails within seconds, all later ones at once, each
// states since when; a remote that is back is noticed within Every, and listeners are called.
func TestAway(t *testing.T) {
	for what, fault := range map[string]faulty.Fault{"refused": faulty.Fail, "black-holed": faulty.Hang} {
		for call, do := range calls {
			t.Run(what+"/"+call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStack(t, line.Options{})
					defer s.close(t)
					s.faulty.SetPlan(faulty.Always(fault))
					start := time.Now()
					if err := do(t.Context(), s); !errors.Is(err, remote.ErrUnavailable) || errors.Is(err, context.Canceled) ||
						errors.Is(err, context.DeadlineExceeded) {
						t.Fatalf("the first call: %v", err)
					}
					if took := time.Since(start); took > remote.Shipped.Suspect+remote.Shipped.Trial {
						t.Errorf("the first call took %v", took)
					}
					synctest.Wait()
					st := s.State()
					if !st.Away || st.Why == nil || st.Since.Before(start) || st.Times != 1 {
						t.Fatalf("state %+v", st)
					}
					start = time.Now()
					for _, do := range calls {
						var away *line.Away
						if err := do(t.Context(), s); !errors.Is(err, remote.ErrUnavailable) || !errors.As(err, &away) ||
							!away.Since.Equal(st.Since) ||
							!strings.Contains(err.Error(), st.Since.Format(time.DateTime)) {
							t.Errorf("a later call: %v", err)
						}
					}
					if took := time.Since(start); took != 0 {
						t.Errorf("later calls took %v", took)
					}
					if failed := s.State().Failed; failed != uint64(len(calls)) {
						t.Errorf("%d calls failed at once", failed)
					}
					<-time.After(time.Hour)
					s.faulty.SetPlan(nil)
					<-time.After(remote.Shipped.Every + remote.Shipped.Trial)
					synctest.Wait()
					if st := s.State(); st.Away || st.Why != nil || !st.Since.IsZero() || st.Trials != 0 {
						t.Errorf("it was back %v ago: %+v", remote.Shipped.Every, st)
					}
					for call, do := range calls {
						if err := do(t.Context(), s); err != nil {
							t.Errorf("%s after it came back: %v", call, err)
						}
					}
					if len(s.told) != 2 || !s.told[0].Away || s.told[1].Away {
						t.Errorf("told %+v", s.told)
					}
				})
			})
		}
	}
}

// TestTrialsAreFew: a remote that is away gets one request every few seconds, however many calls there are.
func TestTrialsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		var asked atomic.Int64
		s.faulty.SetPlan(func(faulty.Call) faulty.Fault { asked.Add(1); return faulty.Fail })
		_ = calls["get"](t.Context(), s)
		synctest.Wait()
		asked.Store(0)
		for range 600 {
			_ = calls["get"](t.Context(), s)
			<-time.After(100 * time.Millisecond)
		}
		if asked.Load() < 18 || asked.Load() > 21 {
			t.Errorf("asked %d times in a minute", asked.Load())
		}
		if trials := s.State().Trials; trials < 19 || trials > 22 {
			t.Errorf("%d trials", trials)
		}
	})
}

// TestOneBlobIsNotTheRemote: a failure of one blob does not affect others.
func TestOneBlobIsNotTheRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		s.faulty.SetPlan(func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.Get {
				return faulty.Fail
			}
			return faulty.Fine
		})
		if err := calls["get"](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) {
			t.Fatal(err)
		}
		synctest.Wait()
		if st := s.State(); st.Away || st.Times != 0 {
			t.Errorf("state %+v", st)
		}
		if err := calls["range"](t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}

// TestSlow: a slow transfer continues as long as small requests are answered.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		s.faulty.SetPlan(func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.Get {
				return faulty.Delay
			}
			return faulty.Fine
		})
		start := time.Now()
		if err := calls["get"](t.Context(), s); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if st := s.State(); st.Times != 0 {
			t.Errorf("state %+v", st)
		}
	})
}

// TestSlowInAll: a remote that answers everything slowly is taken for away once, until its first answer, and never
// again.
func TestSlowInAll(t *testing.T) {
	for _, delay := range []time.Duration{4 * time.Second, 15 * time.Second, 25 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlowStack(t, delay)
			defer s.close(t)
			_ = calls["load"](t.Context(), s) // it may be cut short
			<-time.After(delay)
			synctest.Wait()
			for range 20 {
				for call, do := range calls {
					if err := do(t.Context(), s); err != nil {
						t.Errorf("%s of %v: %v", call, delay, err)
					}
				}
				<-time.After(time.Minute)
			}
			if st := s.State(); st.Away || st.Times > 1 {
				t.Errorf("%v: %+v", delay, st)
			}
		})
	}
}

// TestSlowAnswers: as long as any call is answered, the remote counts as reachable, however long a trial takes.
func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowStack(t, 4*time.Second)
		defer s.close(t)
		for range 5 {
			if err := calls["load"](t.Context(), s); err != nil {
				t.Error(err)
			}
		}
		if st := s.State(); st.Times > 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestBound: calls to a remote that answers small requests and swallows transfers end in time.
func TestBound(t *testing.T) {
	for call, limit := range map[string]time.Duration{"range": remote.Shipped.Reply, "list": remote.Shipped.Reply,
		"load": remote.Shipped.Reply} {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, line.Options{})
			defer s.close(t)
			s.faulty.SetPlan(func(c faulty.Call) faulty.Fault {
				if c.Op == faulty.Stat {
					return faulty.Fine
				}
				return faulty.Hang
			})
			start := time.Now()
			if err := calls[call](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) || errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", call, err)
			}
			if took := time.Since(start); took < limit || took > limit+time.Millisecond {
				t.Errorf("%s took %v, not %v", call, took, limit)
			}
			synctest.Wait()
			if st := s.State(); st.Away {
				t.Errorf("state %+v", st)
			}
		})
	}
}

// TestPatientListing: the time of a consumer does not count.
func TestPatientListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		var asked atomic.Int64
		s.faulty.SetPlan(func(faulty.Call) faulty.Fault { asked.Add(1); return faulty.Fine })
		n := 0
		for _, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			<-time.After(time.Hour)
		}
		if n != 1 || asked.Load() != 1 {
			t.Errorf("%d blobs, %d questions", n, asked.Load())
		}
		for range s.List(t.Context()) {
			break
		}
	})
}

// TestCallerGivesUp: a cancellation proves nothing about the remote, and the caller gets its own error.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		var asked atomic.Int64
		s.faulty.SetPlan(func(c faulty.Call) faulty.Fault { asked.Add(1); return faulty.Hang })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := calls["get"](ctx, s); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		if err := calls["get"](ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		<-time.After(time.Minute)
		if asked.Load() != 1 || s.State().Times != 0 {
			t.Errorf("asked %d times, %+v", asked.Load(), s.State())
		}
	})
}

// TestManyAtOnce: when a remote falls silent, all waiting calls end together.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{})
		defer s.close(t)
		s.faulty.SetPlan(faulty.Always(faulty.Hang))
		start := time.Now()
		ended := make(chan error)
		for range 100 {
			go func() { ended <- calls["get"](t.Context(), s) }()
		}
		for range 100 {
			if err := <-ended; !errors.Is(err, remote.ErrUnavailable) {
				t.Error(err)
			}
		}
		if took := time.Since(start); took > remote.Shipped.Suspect+remote.Shipped.Trial {
			t.Errorf("it took %v", took)
		}
		if st := s.State(); st.Times != 1 {
			t.Errorf("state %+v", st)
		}
	})
}

// TestAnswersShowThatItIsThere: an error that is an answer shows that the remote is there.
func TestAnswersShowThatItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		s := newStack(t, line.Options{Ask: func(context.Context, remote.Store) error {
			asked.Add(1)
			return remote.ErrRefused
		}})
		defer s.close(t)
		if _, err := s.Get(t.Context(), crypto.BlobName{7}); !errors.Is(err, remote.ErrNotFound) {
			t.Error(err)
		}
		s.faulty.SetPlan(faulty.Always(faulty.Fail))
		if err := calls["get"](t.Context(), s); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		synctest.Wait()
		if asked.Load() == 0 || s.State().Away {
			t.Errorf("asked %d times, %+v", asked.Load(), s.State())
		}
	})
}

// TestClose ends a trial under way; calls on a closed breaker fail as closed, whether the remote is away or not.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, line.Options{Now: time.Now})
		s.faulty.SetPlan(faulty.Always(faulty.Hang))
		_ = calls["get"](t.Context(), s)
		<-time.After(remote.Shipped.Every) // amid a trial
		start := time.Now()
		s.close(t)
		s.close(t)
		if time.Since(start) != 0 {
			t.Error("closing waited for the trial")
		}
		for call, do := range calls {
			if err := do(t.Context(), s); !errors.Is(err, remote.ErrClosed) {
				t.Errorf("%s on a closed handle: %v", call, err)
			}
		}
	})
}

// TestNoBound: a deadline below zero is no bound.
func TestNoBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty.New(mem.New(), func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.Load {
				return faulty.Delay
			}
			return faulty.Fine
		}, faulty.Options{Delay: 24 * time.Hour})
		s := line.Over(f, remote.Deadlines{Reply: -1}, line.Options{Once: true, Breaker: true})
		if _, err := s.Load(t.Context(), key.ID()); !errors.Is(err, remote.ErrNotFound) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
