package mirror_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/remote"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/mirror"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet are options for tests: comparisons only on request.
var quiet = mirror.Options{FirstCheck: -1}

// join returns a mirror of stores, named by number.
func join(t testing.TB, o mirror.Options, stores ...remote.Store) *mirror.Store {
	t.Helper()
	s, err := mirror.New(named(stores...), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// named gives stores names.
func named(stores ...remote.Store) []mirror.Member {
	members := make([]mirror.Member, len(stores))
	for i, s := range stores {
		members[i] = mirror.Member{Name: fmt.Sprint("member ", i), Store: s}
	}
	return members
}

// TestContract tests mirrors of several members, with several handles, each with its own members.
func TestContract(t *testing.T) {
	for name, n := range map[string]int{"one": 1, "two": 2, "three": 3} {
		t.Run(name+" in memory", func(t *testing.T) {
			remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
				kept := make([]*mem.Store, n)
				for i := range kept {
					kept[i] = mem.New()
				}
				return func() (remote.Store, error) {
					stores := make([]remote.Store, n)
					for i, s := range kept {
						stores[i] = s.Another()
					}
					return mirror.New(named(stores...), quiet)
				}
			})
		})
	}
	t.Run("two on disk, one in memory", func(t *testing.T) {
		remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
			a, b, c := t.TempDir(), t.TempDir(), mem.New()
			return func() (remote.Store, error) {
				onDisk, err := disk.Open(a, disk.Options{WatchEvery: time.Millisecond})
				if err != nil {
					return nil, err
				}
				other, err := disk.Open(b, disk.Options{WatchEvery: time.Millisecond})
				if err != nil {
					return nil, err
				}
				return mirror.New(named(onDisk, other, c.Another()), quiet)
			}
		})
	})
	t.Run("verified", func(t *testing.T) {
		remotetest.Run(t, func(*testing.T) remote.Store {
			s, err := mirror.New(named(mem.New(), mem.New()), mirror.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return verify.New(s, new(verify.MemoryPins))
		})
	})
}

// TestContractOverFaults runs the contract with a failing member besides the authority, for each kind of failure.
func TestContractOverFaults(t *testing.T) {
	for name, plan := range map[string]faulty.Plan{
		"never there":   faulty.Always(faulty.Fail),
		"always full":   faulty.Always(faulty.Full),
		"replies lost":  faulty.Always(faulty.Lose, faulty.Put, faulty.Delete, faulty.Swap),
		"cut short":     faulty.Always(faulty.Cut),
		"can't be read": faulty.Always(faulty.Fail, faulty.Get, faulty.GetRange, faulty.Stat),
		"now and then": faulty.Random(1,
			faulty.Rates{faulty.Fail: 0.2, faulty.Lose: 0.2, faulty.Cut: 0.1, faulty.Full: 0.1}),
	} {
		t.Run(name, func(t *testing.T) {
			remotetest.Run(t, func(*testing.T) remote.Store {
				s, err := mirror.New(named(mem.New(), faulty.New(mem.New(), plan, faulty.Options{}), mem.New()), quiet)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
	t.Run("silent", func(t *testing.T) { // it is cut off after the grace period and skipped from then on
		o := mirror.Options{FirstCheck: -1,
			Deadlines: remote.Deadlines{Lag: 20 * time.Millisecond, Member: 20 * time.Millisecond}}
		remotetest.Run(t, func(*testing.T) remote.Store {
			s, err := mirror.New(named(mem.New(), faulty.New(mem.New(), faulty.Always(faulty.Hang), faulty.Options{})), o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
	t.Run("authority now and then, with retries", func(t *testing.T) {
		at := faulty.Random(2, faulty.Rates{faulty.Fail: 0.1, faulty.Lose: 0.1})
		plan := func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.List || c.Op == faulty.Load {
				return faulty.Fine // a cut listing does not restart; a load uses other members
			}
			return at(c)
		}
		remotetest.Run(t, func(*testing.T) remote.Store {
			s, err := mirror.New(named(faulty.New(mem.New(), plan, faulty.Options{}), mem.New()), quiet)
			if err != nil {
				t.Fatal(err)
			}
			return line.Over(s, remote.Deadlines{Attempts: 20},
				line.Options{Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
		})
	})
}
