package line_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// atOnce doesn't wait.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// patient returns a line that survives all passing failures.
func patient(inner remote.Store) remote.Store {
	return line.Over(inner, remote.Deadlines{Attempts: 60}, line.Options{Sleep: atOnce})
}

// shipped returns a line with the shipped deadlines that does not pause.
func shipped(inner remote.Store) remote.Store {
	return line.Over(inner, remote.Deadlines{}, line.Options{Sleep: atOnce})
}

func TestContractOfRetry(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) { return patient(s.Another()), nil }
	})
}

// TestContractOfRetryOverFaults runs the whole contract over a remote of which a third of all calls fail, many after
// they were done. Listings are cut only before their first blob, since a cut listing can't continue.
func TestContractOfRetryOverFaults(t *testing.T) {
	for seed := range uint64(3) {
		random := faulty.Random(seed,
			faulty.Rates{faulty.Fail: 0.08, faulty.Lose: 0.12, faulty.Cut: 0.06, faulty.Late: 0.04})
		plan := func(c faulty.Call) faulty.Fault {
			fault := random(c)
			if fault != faulty.Fine && c.Op == faulty.List {
				return faulty.Fail
			}
			return fault
		}
		remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
			s := mem.New()
			return func() (remote.Store, error) {
				return patient(faulty.New(s.Another(), plan, faulty.Options{Held: 20})), nil
			}
		})
	}
}

// naps records the pauses.
type naps struct {
	mu    sync.Mutex
	taken []time.Duration
}

func (n *naps) sleep(ctx context.Context, d time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken = append(n.taken, d)
	return ctx.Err()
}

func TestDelaysGrowAndEnd(t *testing.T) {
	var n naps
	d := remote.Deadlines{Attempts: 8, Pause: time.Second, MaxPause: 10 * time.Second}
	s := line.Over(faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{}), d, line.Options{Sleep: n.sleep})
	if _, err := s.Space(t.Context()); !errors.Is(err, remote.ErrUnavailable) {
		t.Fatal(err)
	}
	if len(n.taken) != 7 {
		t.Fatalf("8 tries with %d pauses", len(n.taken))
	}
	for i, d := range n.taken {
		mean := min(time.Second<<i, 10*time.Second)
		if d < mean/2 || d > mean*3/2 {
			t.Errorf("pause %d is %v, not within half of %v", i+1, d, mean)
		}
	}
}

// TestJitter: not all callers retry at the same time.
func TestJitter(t *testing.T) {
	var n naps
	s := line.Over(faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{}), remote.Deadlines{Attempts: 2},
		line.Options{Sleep: n.sleep})
	for range 20 {
		_, _ = s.Space(t.Context())
	}
	different := map[time.Duration]bool{}
	for _, d := range n.taken {
		different[d] = true
	}
	if len(different) < 10 {
		t.Errorf("20 first pauses have %d lengths", len(different))
	}
}

// TestAnswersPass: errors that are answers are not retried.
func TestAnswersPass(t *testing.T) {
	var n naps
	full := line.Over(faulty.New(mem.New(), faulty.Always(faulty.Full), faulty.Options{}), remote.Deadlines{},
		line.Options{Sleep: n.sleep})
	if err := full.Put(t.Context(), crypto.NameOf(nil), remote.BytesBody(nil)); !errors.Is(err, remote.ErrFull) {
		t.Error(err)
	}
	s := line.Over(mem.New(), remote.Deadlines{}, line.Options{Sleep: n.sleep})
	if _, err := s.Get(t.Context(), crypto.BlobName{}); !errors.Is(err, remote.ErrNotFound) {
		t.Error(err)
	}
	if len(n.taken) > 0 {
		t.Errorf("it waited %v", n.taken)
	}
}

// TestGivesUpWithTheContext: a cancelled call returns at once, even during a pause.
func TestGivesUpWithTheContext(t *testing.T) {
	inner := faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{})
	synctest.Test(t, func(t *testing.T) {
		s := line.Over(inner, remote.Deadlines{Attempts: 1000, Pause: time.Hour, MaxPause: time.Hour}, line.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := s.Load(ctx, crypto.PointerID{})
		if remote.KindOf(err) != remote.ErrUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("it took %v", waited)
		}
	})
}

// transferring returns how long a call that moves n bytes may take.
func transferring(n int) time.Duration {
	return remote.Shipped.Reply + time.Duration(n)*time.Second/time.Duration(remote.Shipped.Rate)
}

// TestOneTryIsBounded: a try on a hung remote times out and is repeated.
func TestOneTryIsBounded(t *testing.T) {
	data := []byte("sealed")
	name := crypto.NameOf(data)
	key := crypto.NewWriterKey([32]byte{1})
	for what, c := range map[string]struct {
		call  func(ctx context.Context, s remote.Store) error
		limit time.Duration
	}{
		"put": {func(ctx context.Context, s remote.Store) error { return s.Put(ctx, name, remote.BytesBody(data)) },
			transferring(len(data))},
		"get": {func(ctx context.Context, s remote.Store) error { _, err := s.Get(ctx, name); return err },
			transferring(crypto.MaxBlobSize)},
		"range": {func(ctx context.Context, s remote.Store) error { return s.GetRange(ctx, name, 0, make([]byte, 2)) },
			transferring(2)},
		"stat": {func(ctx context.Context, s remote.Store) error { _, err := s.Stat(ctx, name); return err },
			remote.Shipped.Reply},
		"list": {func(ctx context.Context, s remote.Store) (err error) {
			for _, e := range s.List(ctx) {
				err = e
			}
			return err
		}, remote.Shipped.Reply},
		"swap": {func(ctx context.Context, s remote.Store) error {
			return s.Swap(ctx, crypto.PointerHash{}, key.Sign(1, crypto.PointerValue{}))
		}, remote.Shipped.Reply},
		"delete": {func(ctx context.Context, s remote.Store) error { return s.Delete(ctx, name) }, remote.Shipped.Reply},
	} {
		t.Run(what, func(t *testing.T) {
			inner := mem.New()
			if err := inner.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
				t.Fatal(err)
			}
			hangsOnce := faulty.New(inner, faulty.Script([]faulty.Fault{faulty.Hang}), faulty.Options{})
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				if err := c.call(t.Context(), shipped(hangsOnce)); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != c.limit {
					t.Errorf("it took %v instead of %v", took, c.limit)
				}
			})
		})
	}
}

// TestNoLimit: a deadline below zero is no limit.
func TestNoLimit(t *testing.T) {
	inner := faulty.New(mem.New(), faulty.Always(faulty.Delay), faulty.Options{Delay: 24 * time.Hour})
	synctest.Test(t, func(t *testing.T) {
		s := line.Over(inner, remote.Deadlines{Reply: -1}, line.Options{})
		if _, err := s.Space(t.Context()); err != nil {
			t.Error(err)
		}
		for _, err := range s.List(t.Context()) {
			t.Error(err)
		}
	})
}

// TestListing: a listing restarts before its first blob, never after.
func TestListing(t *testing.T) {
	inner := mem.New()
	for _, d := range []string{"one", "two", "three"} {
		if err := inner.Put(t.Context(), crypto.NameOf([]byte(d)), remote.BytesBody(d)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(faults ...faulty.Fault) (n int, last error) {
		s := patient(faulty.New(inner, faulty.Script(faults), faulty.Options{}))
		for _, err := range s.List(t.Context()) {
			if last = err; err == nil {
				n++
			}
		}
		return n, last
	}
	if n, err := list(faulty.Fail, faulty.Fail); n != 3 || err != nil {
		t.Errorf("%d blobs after two failures, %v", n, err)
	}
	if n, err := list(faulty.Fail, faulty.Cut); n != 1 || !errors.Is(err, remote.ErrUnavailable) {
		t.Errorf("%d blobs of a listing that was cut, %v", n, err)
	}
}

// TestListingMayTakeItsTime: only the time between blobs counts, without the consumer's.
func TestListingMayTakeItsTime(t *testing.T) {
	inner := mem.New()
	for _, d := range []string{"one", "two", "three"} {
		if err := inner.Put(t.Context(), crypto.NameOf([]byte(d)), remote.BytesBody(d)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := line.Over(inner, remote.Deadlines{Reply: time.Second}, line.Options{})
		n := 0
		for _, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			<-time.After(time.Hour) // on the clock of synctest
		}
		if n != 3 {
			t.Errorf("%d blobs", n)
		}
	})
}

// TestBodiesAreOpenedAnew: each try opens the body anew.
func TestBodiesAreOpenedAnew(t *testing.T) {
	inner := mem.New()
	s := patient(faulty.New(inner, faulty.Script([]faulty.Fault{faulty.Cut, faulty.Cut}), faulty.Options{}))
	data := bytes.Repeat([]byte("sealed"), 1000)
	body := &counted{BytesBody: data}
	if err := s.Put(t.Context(), crypto.NameOf(data), body); err != nil {
		t.Fatal(err)
	}
	if got, err := inner.Get(t.Context(), crypto.NameOf(data)); err != nil || !bytes.Equal(got, data) || body.opened != 3 {
		t.Errorf("%d bytes after %d openings, %v", len(got), body.opened, err)
	}
}

type counted struct {
	remote.BytesBody
	opened int
}

func (c *counted) Open() (io.ReadCloser, error) {
	c.opened++
	return c.BytesBody.Open()
}

// TestLogged: each retry is logged, without any content of blobs.
func TestLogged(t *testing.T) {
	var out strings.Builder
	s := line.Over(faulty.New(mem.New(), faulty.Script([]faulty.Fault{faulty.Fail}), faulty.Options{}),
		remote.Deadlines{}, line.Options{Sleep: atOnce, Log: slog.New(slog.NewTextHandler(&out, nil))})
	if _, err := s.Space(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "trying again") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("it logs %q", out.String())
	}
}
