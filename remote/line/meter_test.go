package line_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/mem"
)

// wire is a line of a given length and width: each call takes a round trip, then its bytes share the width.
type wire struct {
	trip time.Duration
	rate float64 // bytes a second

	mu   sync.Mutex
	free time.Time // when the bytes before have passed
}

func (w *wire) around(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	<-time.After(w.trip)
	if c.Transfers() {
		w.mu.Lock()
		if now := time.Now(); w.free.Before(now) {
			w.free = now
		}
		w.free = w.free.Add(time.Duration(float64(c.Send+c.Receive) / w.rate * float64(time.Second)))
		wait := time.Until(w.free)
		w.mu.Unlock()
		<-time.After(wait)
	}
	return do(ctx)
}

// measured is a line over a wire, and a blob at its end.
type measured struct {
	t *testing.T
	*line.Line
	wire *wire
	blob []byte
}

func newMeasured(t *testing.T, w *wire) measured {
	store := mem.New()
	m := measured{t: t, Line: line.Over(remote.Wrap(store, w.around), remote.Deadlines{}, line.Options{Once: true}), wire: w,
		blob: make([]byte, 1<<20)}
	if err := store.Put(t.Context(), crypto.NameOf(m.blob), remote.BytesBody(m.blob)); err != nil {
		t.Fatal(err)
	}
	return m
}

// ask makes a small request.
func (m measured) ask() {
	m.t.Helper()
	if _, err := m.Stat(m.t.Context(), crypto.NameOf(m.blob)); err != nil {
		m.t.Fatal(err)
	}
}

// get reads n bytes.
func (m measured) get(n int) {
	if err := m.GetRange(m.t.Context(), crypto.NameOf(m.blob), 0, make([]byte, n)); err != nil {
		m.t.Error(err)
	}
}

// near fails unless a figure is within a tenth of what is wanted.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > want/10 {
		t.Errorf("%s: %.4g instead of %.4g", what, got, want)
	}
}

// TestPaceOfTrips: small requests show the round trip, and soon its change; those in the queue of a transfer do not.
func TestPaceOfTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t, &wire{trip: 200 * time.Millisecond, rate: 1e6})
		if got := m.Pace(); got != (remote.Pace{}) {
			t.Errorf("before any request: %+v", got)
		}
		m.ask() // over a new connection
		m.wire.trip = 50 * time.Millisecond
		for range 6 {
			m.ask()
		}
		near(t, "the round trip", m.Pace().RoundTrip.Seconds(), 0.05)
		var all sync.WaitGroup
		all.Go(func() { m.get(1 << 20) })
		synctest.Wait()
		m.wire.trip = time.Second
		m.ask()
		all.Wait()
		near(t, "the round trip beside a transfer", m.Pace().RoundTrip.Seconds(), 0.05)
		for range 4 { // as the polls of a minute
			<-time.After(15 * time.Second)
			m.ask()
		}
		near(t, "the round trip of the new line", m.Pace().RoundTrip.Seconds(), 1)
	})
}

// TestPaceOfTransfers: transfers show what the line can carry, whether one is under way at a time or many; pauses and
// the round trips before the first bytes do not count.
func TestPaceOfTransfers(t *testing.T) {
	const rate = 20e6
	for name, run := range map[string]func(m measured){
		"one by one": func(m measured) {
			for range 20 {
				m.get(1 << 20)
				<-time.After(time.Second)
			}
		},
		"many at once": func(m measured) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 20 {
						m.get(1 << 20)
					}
				})
			}
			all.Wait()
		},
		"few short ones at once": func(m measured) {
			var all sync.WaitGroup
			for i := range 2 {
				all.Go(func() {
					<-time.After(time.Duration(i) * 30 * time.Millisecond)
					for range 50 {
						m.get(200_000)
					}
				})
			}
			all.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMeasured(t, &wire{trip: 50 * time.Millisecond, rate: rate})
				m.ask()
				run(m)
				pace := m.Pace()
				near(t, "down", pace.Down, rate)
				if pace.Up != 0 {
					t.Errorf("up: %v, and nothing was sent", pace.Up)
				}
				<-time.After(8 * time.Hour)
				if m.Pace() != pace {
					t.Errorf("after a night: %+v instead of %+v", m.Pace(), pace)
				}
				m.get(64 << 10) // a short one alone changes little
				if now := m.Pace().Down; now < rate/2 {
					t.Errorf("after a short transfer: %v", now)
				}
			})
		})
	}
}

// TestPaceOfLongTransfers: a transfer that takes long has the same throughput as a short one, in the other direction.
func TestPaceOfLongTransfers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t, &wire{trip: 50 * time.Millisecond, rate: 20_000})
		for i := range 3 {
			m.blob[0] = byte(i + 1)
			if err := m.Put(t.Context(), crypto.NameOf(m.blob), remote.BytesBody(m.blob)); err != nil {
				t.Fatal(err)
			}
			near(t, "up", m.Pace().Up, 20_000)
		}
	})
}

// TestPaceOfChangedLine: within a minute of use, the pace is that of a line that has become slower, or faster.
func TestPaceOfChangedLine(t *testing.T) {
	for name, rate := range map[string]float64{"slower": 1e6, "faster": 100e6} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMeasured(t, &wire{trip: 10 * time.Millisecond, rate: 10e6})
				m.ask()
				for range 100 {
					m.get(1 << 20)
				}
				near(t, "before", m.Pace().Down, 10e6)
				m.wire.rate = rate
				for changed := time.Now(); time.Since(changed) < time.Minute; {
					m.get(1 << 20)
					<-time.After(time.Second)
				}
				near(t, "after", m.Pace().Down, rate)
			})
		})
	}
}

// TestPaceOfFailures: what fails shows no pace; a local remote is not measured.
func TestPaceOfFailures(t *testing.T) {
	fail := func(context.Context, *remote.Call, func(context.Context) error) error { return remote.ErrUnavailable }
	s := line.Over(remote.Wrap(mem.New(), fail), remote.Deadlines{}, line.Options{Once: true})
	if err := s.GetRange(t.Context(), crypto.BlobName{1}, 0, make([]byte, 1<<20)); !errors.Is(err, remote.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := s.Stat(t.Context(), crypto.BlobName{1}); !errors.Is(err, remote.ErrUnavailable) {
		t.Error(err)
	}
	if got := s.Pace(); got != (remote.Pace{}) {
		t.Errorf("failures show a pace: %+v", got)
	}
	inner := mem.New()
	local := line.Over(inner, remote.Deadlines{}, line.Options{Once: true, Local: true})
	if local.Store != remote.Store(inner) || local.Pace() != (remote.Pace{}) {
		t.Errorf("a local remote has parts around its calls")
	}
}

// TestUsed: a line counts the bytes of what succeeded, and the attempts that failed: neither those that their caller
// ended, nor answers, nor the trials of a remote that is away.
func TestUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sum remote.Usage
		var mu sync.Mutex
		fails := map[string]error{}
		sometimes := func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
			mu.Lock()
			err := fails[c.Op]
			mu.Unlock()
			if errors.Is(err, context.Canceled) {
				<-ctx.Done()
				return remote.Fail(c.Op, c.On, remote.ErrUnavailable, ctx.Err())
			}
			if err != nil {
				return remote.Fail(c.Op, c.On, err, nil)
			}
			return do(ctx)
		}
		s := line.Over(remote.Wrap(mem.New(), sometimes), remote.Deadlines{Attempts: 3}, line.Options{Breaker: true,
			Used: func(u remote.Usage) { mu.Lock(); defer mu.Unlock(); sum.Add(u) }})
		defer s.Close()
		take := func(what string, want remote.Usage) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if sum != want {
				t.Errorf("%s: %+v instead of %+v", what, sum, want)
			}
			sum = remote.Usage{}
		}
		blob := make([]byte, 5000)
		name := crypto.NameOf(blob)
		if err := s.Put(t.Context(), name, remote.BytesBody(blob)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := s.GetRange(t.Context(), name, 1, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		take("blobs", remote.Usage{Sent: 5000, Received: 5010})
		if _, err := s.Stat(t.Context(), crypto.BlobName{1}); !errors.Is(err, remote.ErrNotFound) {
			t.Error(err)
		}
		take("what is not there", remote.Usage{})

		fails[remote.OpGet] = context.Canceled
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := s.Get(ctx, name); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		take("a call that its caller ended", remote.Usage{})

		fails[remote.OpGet], fails[remote.OpStat] = remote.ErrUnavailable, remote.ErrUnavailable
		if _, err := s.Get(t.Context(), name); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		<-time.After(time.Minute)
		if !s.State().Away {
			t.Error("it does not count as away")
		}
		take("a remote that is away", remote.Usage{Errors: 3})
		if n := s.Retries(); n != 2 {
			t.Errorf("%d retries", n)
		}
	})
}
