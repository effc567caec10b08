package verify_test

import (
	"context"
	"testing"
	"time"

	"postern/remote"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

func TestContract(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) {
			return verify.New(s.Another(), new(verify.MemoryPins)), nil
		}
	})
}

// TestContractOfOneHandle runs the same with all goroutines on one handle, and so on one set of pins.
func TestContractOfOneHandle(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store { return verify.New(mem.New(), new(verify.MemoryPins)) })
}

// TestContractOfTheStack tests the gateway's stack, verify over a line over a driver, on a disk whose calls fail now
// and then.
func TestContractOfTheStack(t *testing.T) {
	atOnce := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	random := faulty.Random(5, faulty.Rates{faulty.Fail: 0.1, faulty.Lose: 0.1})
	plan := func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.List { // a cut listing can't be mended below
			return faulty.Fine
		}
		return random(c)
	}
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		folder := t.TempDir()
		return func() (remote.Store, error) {
			s, err := disk.Open(folder, disk.Options{WatchEvery: time.Millisecond})
			if err != nil {
				return nil, err
			}
			shaky := line.Over(faulty.New(s, plan, faulty.Options{}), remote.Deadlines{Attempts: 40},
				line.Options{Sleep: atOnce})
			return verify.New(shaky, new(verify.MemoryPins)), nil
		}
	})
}
