package cache

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/cache/cachetest"
	"postern/cache/tier"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shapes are the caches that the contract and the comparison run on.
func shapes(t *testing.T) map[string]Options {
	return map[string]Options{
		"memory":      {},
		"tiny memory": {Memory: 100_000},
		"disk":        {Memory: -1, Dir: filepath.Join(t.TempDir(), "cache")},
		"both":        {Memory: 300_000, Dir: filepath.Join(t.TempDir(), "cache"), Disk: 1 << 20},
		"neither":     {Memory: -1},
		"local":       {Local: true},
		"all large":   {Large: 1, Dir: filepath.Join(t.TempDir(), "cache")},
	}
}

// outers are tiers behind memory. All but the first break their contract, but never lie.
var outers = map[string]func() tier.Tier{
	"map":        func() tier.Tier { return cachetest.NewMap() },
	"failing":    func() tier.Tier { return cachetest.Failing(cachetest.NewMap(), 3) },
	"down":       func() tier.Tier { return cachetest.Failing(cachetest.NewMap(), 1) },
	"forgetting": func() tier.Tier { return cachetest.Forgetting(cachetest.NewMap(), 2) },
}

// outer returns a tier behind memory that is never out of use for long.
func outer(t tier.Tier) []Outer {
	return []Outer{{Name: "double", Tier: t, Budget: time.Minute, Rest: time.Millisecond}}
}

func wrapped(t *testing.T, inner remote.Store, o Options) *Cache {
	t.Helper()
	c, err := New(inner, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The contract runs on one handle: no cache can promise that other handles see a deletion at once. No caller needs
// that, since only unreferenced blobs are deleted.
func TestContractOnMemory(t *testing.T) {
	for name, o := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			remotetest.Run(t, func(t *testing.T) remote.Store {
				o := o
				if o.Dir != "" {
					o.Dir = t.TempDir()
				}
				return wrapped(t, mem.New(), o)
			})
		})
	}
}

func TestContractOnThreeTiers(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remote.Store {
		return wrapped(t, mem.New(), Options{Memory: 100_000, Dir: t.TempDir(), Outer: outer(cachetest.NewMap())})
	})
}

func TestContractOnDisk(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remote.Store {
		inner, err := disk.Open(filepath.Join(t.TempDir(), "remote"), disk.Options{WatchEvery: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return wrapped(t, inner, Options{Local: true})
	})
}

func TestMemoryTier(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) tier.Tier {
		m, err := newMemory(DefaultMemory)
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
}
