package gateway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/cache"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/mirror"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

// TestPointersThroughFaults: through each wrapper and all together, over a driver that fails and loses replies, loads
// and swaps of a pointer are linearizable, and a swap of unknown outcome is reported as such.
func TestPointersThroughFaults(t *testing.T) {
	atOnce := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	wrapped := map[string]func(t *testing.T, s remote.Store) (remote.Store, error){
		"retry": func(_ *testing.T, s remote.Store) (remote.Store, error) {
			return line.Over(s, remote.Deadlines{Attempts: 2}, line.Options{Sleep: atOnce}), nil
		},
		"verify": func(_ *testing.T, s remote.Store) (remote.Store, error) {
			return verify.New(s, new(verify.MemoryPins)), nil
		},
		"breaker": func(_ *testing.T, s remote.Store) (remote.Store, error) {
			return line.Over(s, remote.Deadlines{Every: time.Millisecond}, line.Options{Once: true, Breaker: true}), nil
		},
		"metrics": func(_ *testing.T, s remote.Store) (remote.Store, error) {
			return metrics.New("test").Remote(s, metrics.Tries), nil
		},
		"cache": func(_ *testing.T, s remote.Store) (remote.Store, error) { return cache.New(s, cache.Options{}) },
		"mirror": func(_ *testing.T, s remote.Store) (remote.Store, error) {
			return mirror.New([]mirror.Member{{Name: "a", Store: s}}, mirror.Options{})
		},
	}
	wrapped["all, as served"] = func(t *testing.T, s remote.Store) (_ remote.Store, err error) {
		measured := metrics.New("test")
		tries := measured.Calls(metrics.Tries)
		s = line.Over(s, remote.Deadlines{Attempts: 2}, line.Options{Breaker: true, Tries: tries, Sleep: atOnce})
		return wrapped["cache"](t, measured.Remote(verify.New(s, new(verify.MemoryPins)), metrics.Answers))
	}
	drivers := map[string]func(t *testing.T) func() (remote.Store, error){
		"mem": func(*testing.T) func() (remote.Store, error) {
			s := mem.New()
			return func() (remote.Store, error) { return s.Another(), nil }
		},
		"disk": func(t *testing.T) func() (remote.Store, error) {
			folder := t.TempDir()
			return func() (remote.Store, error) { return disk.Open(folder, disk.Options{}) }
		},
	}
	for name, wrap := range wrapped {
		for driver, start := range drivers {
			t.Run(fmt.Sprint(name, " on ", driver), func(t *testing.T) {
				open := start(t)
				stores := make([]remote.Store, 4)
				for i := range stores {
					s, err := open()
					if err != nil {
						t.Fatal(err)
					}
					random := faulty.Random(uint64(i), faulty.Rates{faulty.Fail: 0.05, faulty.Lose: 0.15, faulty.Late: 0.1})
					shaky := faulty.New(s, func(c faulty.Call) faulty.Fault {
						if name == "mirror" && c.Op == faulty.Load {
							return faulty.Fine // a mirror without its first member shows the newest state it knows, which may be old
						}
						return random(c)
					}, faulty.Options{Held: 10})
					if stores[i], err = wrap(t, shaky); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = stores[i].Close() }) // of what fails by design
				}
				if err := remotetest.Linearizable(t.Context(), stores, crypto.NewWriterKey([crypto.KeySize]byte{9})); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
