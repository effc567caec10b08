package cache

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

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

func wrapped(t *testing.T, inner remote.Store, o Options) *Cache {
	t.Helper()
	c, err := New(inner, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The contract is run on one handle: that others see at once what one deleted, no cache can promise, and nobody needs it, for
// a blob that is deleted is one that nothing leads to any more.
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

func TestContractOnDisk(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remote.Store {
		inner, err := disk.Open(filepath.Join(t.TempDir(), "remote"), disk.Options{WatchEvery: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return wrapped(t, inner, Options{Local: true})
	})
}
