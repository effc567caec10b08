package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"postern/cmd/postern/gateway"
	"postern/remote"
	"postern/remote/faulty"
)

// faults are the faults of a gateway from now on.
type faults struct {
	Seed  uint64
	Fail  float64 // the rates are fractions of all calls to the remote
	Lose  float64 // a quarter of these happen later than their caller is told
	Cut   float64
	Delay float64
	Full  float64
	Busy  float64       // of calls that are throttled
	Lag   float64       // of listings, and looks for news, that show an earlier state
	Away  bool          // every call fails
	Hole  bool          // while away: calls get no answer
	Sleep time.Duration // of a delay
	Clock time.Duration // error of the gateway's clock
}

func (f faults) plan() faulty.Plan {
	switch {
	case f.Away && f.Hole:
		return faulty.Always(faulty.Hang)
	case f.Away:
		return faulty.Always(faulty.Fail)
	}
	return faulty.Random(f.Seed, faulty.Rates{faulty.Fail: f.Fail, faulty.Lose: f.Lose * 3 / 4, faulty.Late: f.Lose / 4,
		faulty.Cut: f.Cut, faulty.Delay: f.Delay, faulty.Full: f.Full, faulty.Throttle: f.Busy,
		faulty.Lag: f.Lag})
}

// sabotaged makes the remote of a gateway fail, and changes its clock. Its drivers replace the shipped ones, so that
// the whole gateway is in front of them.
type sabotaged struct {
	made atomic.Uint64 // faults so far

	mu      sync.Mutex
	faults  faults
	plan    faulty.Plan
	changed chan struct{} // closed when the faults change
}

func newSabotaged(f faults) *sabotaged {
	s := &sabotaged{changed: make(chan struct{})}
	s.set(f)
	return s
}

// set sets the faults from now on.
func (s *sabotaged) set(f faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.plan = f, f.plan()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *sabotaged) current() (f faults, plan faulty.Plan, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults, s.plan, s.changed
}

// now returns the time of the gateway's clock.
func (s *sabotaged) now() time.Time {
	f, _, _ := s.current()
	return time.Now().Add(f.Clock)
}

// drivers returns the shipped drivers, whose stores fail.
func (s *sabotaged) drivers() gateway.Drivers {
	all := gateway.Shipped()
	for i, d := range all {
		all[i].Open = func(ctx context.Context, rest string, o gateway.Opening) (remote.Store, error) {
			if err := s.reach(ctx); err != nil {
				return nil, err
			}
			store, err := d.Open(ctx, rest, o)
			if err != nil {
				return nil, err
			}
			sleep := func(ctx context.Context, _ time.Duration) error {
				f, _, _ := s.current()
				return remote.Sleep(ctx, f.Sleep)
			}
			return faulty.New(store, s.fault, faulty.Options{Held: 40, Delay: 1, Sleep: sleep}), nil
		}
	}
	return all
}

// reach returns an error while the remote is away, and blocks while it is a black hole.
func (s *sabotaged) reach(ctx context.Context) error {
	for {
		f, _, changed := s.current()
		if !f.Away {
			return nil
		}
		s.made.Add(1)
		if !f.Hole {
			return errors.New("the remote is away, on purpose")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fault returns the fault for a call, and counts it.
func (s *sabotaged) fault(c faulty.Call) faulty.Fault {
	_, plan, _ := s.current()
	fault := plan(c)
	if fault != faulty.Fine {
		s.made.Add(1)
	}
	return fault
}
