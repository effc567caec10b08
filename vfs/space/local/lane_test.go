package local_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/space/local"
)

// wire is a line to a store. All bytes pass it one after the other.
type wire struct {
	trip  time.Duration
	rate  float64       // bytes a second
	store time.Duration // the store's own time for each blob, whatever else it does
	busy  time.Duration // the store's own time for a small request beside blobs
	limit time.Duration // when a blob fails; 0: never

	mu   sync.Mutex
	free time.Time
}

// pass returns when n bytes have passed the line and their answer is back.
func (w *wire) pass(n int) {
	w.mu.Lock()
	if now := time.Now(); w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(float64(n) / w.rate * float64(time.Second)))
	wait := time.Until(w.free)
	w.mu.Unlock()
	<-time.After(wait + w.trip)
}

func (w *wire) pace() remote.Pace { return remote.Pace{RoundTrip: w.trip} }

// upload sends blobs through a lane as a commit does, and returns how many failed and had to be sent again.
func (w *wire) upload(t *testing.T, lane *local.Lane, blobs int) (failed int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	turns := make(chan struct{}, 16)
	for range blobs {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			for {
				if err := lane.Enter(t.Context()); err != nil {
					t.Error(err)
				}
				began := time.Now()
				w.pass(crypto.MaxBlobSize)
				<-time.After(w.store)
				ok := w.limit == 0 || time.Since(began) < w.limit
				if ok {
					lane.Leave(time.Since(began))
					break
				}
				lane.Failed()
				mu.Lock()
				failed++
				mu.Unlock()
			}
			began := time.Now()
			w.pass(100)
			<-time.After(w.busy)
			lane.Answered(time.Since(began))
		})
	}
	all.Wait()
	return failed
}

// TestLane uploads 400 blobs over different lines. They carry nearly what they can, and a small request beside the
// uploads is never late for long.
func TestLane(t *testing.T) {
	const mbit = 1e6 / 8
	for _, c := range []struct {
		what   string
		wire   *wire
		atBest float64 // bytes a second
		late   time.Duration
	}{
		// One blob takes 4 s.
		{"a DSL line", &wire{trip: 30 * time.Millisecond, rate: 10 * mbit}, 10 * mbit, 5 * time.Second},
		{"100 Mbit/s, 50 ms", &wire{trip: 50 * time.Millisecond, rate: 100 * mbit}, 100 * mbit, time.Second},
		{"100 Mbit/s, 50 ms, to a busy store", &wire{trip: 50 * time.Millisecond, rate: 100 * mbit, busy: time.Second,
			store: 100 * time.Millisecond}, 100 * mbit, time.Second},
		{"1 Gbit/s, 50 ms", &wire{trip: 50 * time.Millisecond, rate: 1000 * mbit}, 1000 * mbit, time.Second},
		{"a slow store on a fast line", &wire{trip: 20 * time.Millisecond, rate: 1000 * mbit, store: 2 * time.Second},
			12 * crypto.MaxBlobSize / 2, time.Second},
		{"a satellite", &wire{trip: 700 * time.Millisecond, rate: 50 * mbit}, 50 * mbit, 2 * time.Second},
		{"a near server", &wire{trip: time.Millisecond, rate: 1000 * mbit}, 1000 * mbit, time.Second},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := c.wire
				lane := local.NewLane(w.pace)
				w.upload(t, lane, 30) // it gets to know the line
				ended := make(chan struct{})
				var worst time.Duration
				asked, late := 0, 0
				var other sync.WaitGroup
				other.Go(func() {
					for tick := time.NewTicker(3 * time.Second); ; {
						select {
						case <-tick.C:
						case <-ended:
							tick.Stop()
							return
						}
						began := time.Now()
						w.pass(100)
						waited := time.Since(began) - w.trip
						worst = max(worst, waited)
						asked++
						if waited > c.late {
							late++
						}
					}
				})
				began := time.Now()
				w.upload(t, lane, 400)
				rate := 400 * crypto.MaxBlobSize / time.Since(began).Seconds()
				close(ended)
				other.Wait()
				t.Logf("%.0f %% of the line; %d of %d small requests wait longer than %v, at most %v", rate/c.atBest*100,
					late, asked, c.late, worst)
				if rate < 0.85*c.atBest {
					t.Errorf("%.0f bytes/s, and the line could carry %.0f", rate, c.atBest)
				}
				if late > asked/20 {
					t.Errorf("%d of %d small requests wait longer than %v", late, asked, c.late)
				}
			})
		})
	}
}

// TestLaneOfThinLine: when blobs share a line so thin that they fail at their deadline, soon one goes at a time.
func TestLaneOfThinLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{trip: 100 * time.Millisecond, rate: 60_000, limit: remote.Shipped.Blob()}
		lane := local.NewLane(w.pace)
		if failed := w.upload(t, lane, 20); failed > 6 {
			t.Errorf("%d of 20 blobs had to be sent again", failed)
		}
	})
}

// TestLaneNear: at most four blobs go to a near store at once, as many as ever.
func TestLaneNear(t *testing.T) {
	lane := local.NewLane(nil)
	for range 4 {
		if err := lane.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lane.Enter(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the fifth: %v", err)
	}
	lane.Answered(time.Hour)
	lane.Leave(0)
	if err := lane.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
}
