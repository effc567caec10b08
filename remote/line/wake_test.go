package line_test

import (
	"testing"
	"testing/synctest"
	"time"

	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/line"
)

// connected counts how often the connections of a remote were dropped.
type connected struct {
	remote.Store
	dropped int
}

func (c *connected) Reconnect() { c.dropped++ }

// TestWake: after a sleep of the machine, or on another network, the next call comes on a fresh connection, and a
// remote that counted as away is tried at once.
func TestWake(t *testing.T) {
	for what, change := range map[string]func(clock *time.Duration, network *string){
		"a sleep":         func(clock *time.Duration, _ *string) { *clock += time.Hour },
		"a clock set":     func(clock *time.Duration, _ *string) { *clock -= time.Minute },
		"another network": func(_ *time.Duration, network *string) { *network = "10.0.0.1" },
	} {
		synctest.Test(t, func(t *testing.T) {
			var clock time.Duration
			network := "192.168.0.1"
			s := newStack(t, line.Options{})
			inner := &connected{Store: s.faulty}
			l := line.Over(inner, remote.Deadlines{Attempts: 1}, line.Options{Breaker: true,
				Now:       func() time.Time { return time.Now().Add(clock) },
				Addresses: func() string { return network },
			})
			defer l.Close()
			load := func() error { _, err := l.Load(t.Context(), key.ID()); return err }
			<-time.After(time.Minute)
			if err := load(); err != nil || inner.dropped != 0 {
				t.Fatalf("%s: %v; dropped %d times before", what, err, inner.dropped)
			}
			<-time.After(6 * time.Second)
			change(&clock, &network)
			if err := load(); err != nil || inner.dropped != 1 {
				t.Errorf("%s: %v; dropped %d times", what, err, inner.dropped)
			}
			if err := load(); err != nil || inner.dropped != 1 {
				t.Errorf("%s: %v; dropped %d times in all", what, err, inner.dropped)
			}

			s.faulty.SetPlan(faulty.Always(faulty.Fail))
			_ = load() // it fails, which starts a trial
			synctest.Wait()
			if !l.State().Away {
				t.Fatalf("%s: not away", what)
			}
			if inner.dropped != 2 {
				t.Errorf("%s: the connections to a remote that is away are kept", what)
			}
			s.faulty.SetPlan(nil)
			clock += time.Hour // a sleep is noticed at once, another network within seconds, as by each trial
			_ = load()         // refused at once
			synctest.Wait()
			if l.State().Away {
				t.Errorf("%s: still away", what)
			}
		})
	}
}
