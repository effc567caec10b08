package cache

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/cache/blockfile"
	"postern/cache/cachetest"
	"postern/cache/tier"
	"postern/crypto"
	"postern/remote"
)

// settle waits until the tiers have scanned their contents and written their queues.
func (c *Cache) settle() {
	for _, l := range c.levels {
		if disk, ok := l.Tier.(*blockfile.Tier); ok {
			disk.Scanned()
		}
		l.mu.Lock()
		for !l.closed && (l.busy || len(l.pending)+len(l.drops) > 0) {
			l.wake.Wait()
		}
		l.mu.Unlock()
	}
}

// asked records the calls of Get.
type asked struct {
	tier.Tier
	mu    sync.Mutex
	calls []int // numbers of keys
}

func (a *asked) Get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	a.mu.Lock()
	a.calls = append(a.calls, len(keys))
	a.mu.Unlock()
	return a.Tier.Get(ctx, keys, found)
}

// TestTiersInOrder checks that a read asks each tier once for all its blocks, takes each block from the first tier that
// has it, and fills the earlier tiers.
func TestTiersInOrder(t *testing.T) {
	near, far := &asked{Tier: cachetest.NewMap()}, &asked{Tier: cachetest.NewMap()}
	f := newFixture(t, Options{Outer: []Outer{
		{Name: "near", Tier: near, Budget: time.Minute}, {Name: "far", Tier: far, Budget: time.Minute},
	}})
	name, data := f.spy.store(t, 1, int(endOf(19)))
	f.reads(name, data, 0, len(data))
	f.settle()
	blob := span{name: name}
	for i := range 20 { // memory keeps nothing, near the first half, far the second
		f.mem.blocks.Invalidate(blob.key(i))
		half := near
		if i < 10 {
			half = far
		}
		half.Tier.(*cachetest.Map).Forget(blob.key(i))
	}
	near.calls, far.calls = nil, nil
	f.wants(f.reads(name, data, int(startOf(2)), 16*blockSize))
	if len(near.calls) != 1 || near.calls[0] != 16 || len(far.calls) != 1 || far.calls[0] != 8 {
		t.Errorf("the tiers were asked for %v and %v blocks", near.calls, far.calls)
	}
	f.settle()
	if n, m := near.Tier.(*cachetest.Map).Len(), far.Tier.(*cachetest.Map).Len(); n != 18 || m != 10 {
		t.Errorf("the tiers hold %d and %d blocks", n, m)
	}
	if s := f.Stats(); s.Outer[0].Name != "near" || s.Outer[0].Hits != 8 || s.Outer[1].Hits != 8 ||
		s.Outer[1].Misses != 20 {
		t.Errorf("stats are %+v", s.Outer)
	}
}

// TestSlowTier checks that a tier that answers late or never delays no read beyond its budget, goes out of use after
// some attempts, and is tried once more after its rest.
func TestSlowTier(t *testing.T) {
	const budget, rest = 50 * time.Millisecond, 10 * time.Second
	for _, what := range []string{"slow", "stuck"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				slow := cachetest.Slow(cachetest.NewMap())
				if what == "stuck" {
					slow = cachetest.Stuck(cachetest.NewMap(), release)
				}
				f := newFixture(t, Options{Memory: -1, Outer: []Outer{{Name: what, Tier: slow, Budget: budget, Rest: rest}}})
				seed := byte(0)
				took := func() time.Duration {
					seed++ // another blob each time: queued blocks would be found
					name, data := f.spy.store(t, seed, 10*blockSize)
					start := time.Now()
					f.reads(name, data, blockSize, 3*blockSize)
					return time.Since(start)
				}
				for i := range maxFaults {
					if d := took(); d != budget {
						t.Errorf("read %d took %v", i, d)
					}
				}
				for range 10 {
					if d := took(); d != 0 {
						t.Errorf("a read took %v while the tier is left alone", d)
					}
				}
				if s := f.Stats().Outer[0]; !s.Out || s.Faults < maxFaults || s.Hits != 0 {
					t.Errorf("stats are %+v", s)
				}
				<-time.After(rest)
				if d := took(); d != budget {
					t.Errorf("after the rest a read took %v", d)
				}
				if d := took(); d != 0 {
					t.Errorf("the tier failed again, and the next read took %v", d)
				}
				close(release)
			})
		})
	}
}

// TestSlowTierAndWholeBlobs does the same with Get.
func TestSlowTierAndWholeBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := cachetest.Slow(cachetest.NewMap())
		f := newFixture(t, Options{Memory: -1, Outer: []Outer{{Name: "slow", Tier: slow, Budget: time.Second}}})
		name, data := f.spy.store(t, 1, 10*blockSize)
		start := time.Now()
		if got, err := f.Get(t.Context(), name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// TestReaderLeaves checks that a reader's timeout does not count as a failure of the tier.
func TestReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := cachetest.Slow(cachetest.NewMap())
		f := newFixture(t, Options{Memory: -1, Outer: []Outer{{Name: "slow", Tier: slow, Budget: time.Minute}}})
		name, _ := f.spy.store(t, 1, 1000)
		for range 3 * maxFaults {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := f.GetRange(ctx, name, 0, make([]byte, 10)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
			synctest.Wait()
		}
		if s := f.Stats().Outer[0]; s.Out || s.Faults != 0 || f.levels[0].late != 0 {
			t.Errorf("stats are %+v, and %d calls are late", s, f.levels[0].late)
		}
	})
}

// TestLyingTier checks that, whatever a tier returns, a reader that verifies and reads once more past caches gets the
// blob's bytes, and that the cache itself verifies a whole blob.
func TestLyingTier(t *testing.T) {
	for what, lie := range map[string]func(tier.Key, tier.Block) tier.Block{
		"flipped": func(_ tier.Key, b tier.Block) tier.Block {
			b.Data = bytes.Clone(b.Data)
			b.Data[len(b.Data)/2] ^= 1
			return b
		},
		"short":     func(_ tier.Key, b tier.Block) tier.Block { b.Data = b.Data[:len(b.Data)/2]; return b },
		"empty":     func(tier.Key, tier.Block) tier.Block { return tier.Block{} },
		"long":      func(_ tier.Key, b tier.Block) tier.Block { b.Data = append(bytes.Clone(b.Data), b.Data...); return b },
		"huge":      func(_ tier.Key, b tier.Block) tier.Block { b.Data = make([]byte, 3<<20); return b },
		"small":     func(_ tier.Key, b tier.Block) tier.Block { b.Size = 10; return b },
		"negative":  func(_ tier.Key, b tier.Block) tier.Block { b.Size = -1; return b },
		"enormous":  func(_ tier.Key, b tier.Block) tier.Block { b.Size = 1 << 60; return b },
		"larger":    func(_ tier.Key, b tier.Block) tier.Block { b.Size += 100; return b },
		"another's": func(k tier.Key, _ tier.Block) tier.Block { return cachetest.BlockOf(uint64(k.Index), blockSize) },
	} {
		t.Run(what, func(t *testing.T) {
			liar := cachetest.Lying(cachetest.NewMap(), lie)
			f := newFixture(t, Options{Memory: 200_000, Outer: []Outer{{Name: what, Tier: liar, Budget: time.Minute}}})
			for i, size := range []int{5000, 150_000, crypto.MaxBlobSize} {
				name, data := f.spy.store(t, byte(i), size)
				for range 3 {
					for _, r := range [][2]int{{0, size}, {size / 3, size / 2}, {size / 2, 1000}} {
						p := make([]byte, r[1])
						want := data[r[0] : r[0]+r[1]]
						err := f.GetRange(t.Context(), name, int64(r[0]), p)
						if err == nil && !bytes.Equal(p, want) {
							err = f.GetRange(remote.PastCaches(t.Context()), name, int64(r[0]), p)
						}
						if err != nil || !bytes.Equal(p, want) {
							t.Errorf("%d bytes from %d of %d: %v", r[1], r[0], size, err)
						}
						f.settle()
					}
					if got, err := f.Get(t.Context(), name); err != nil || !bytes.Equal(got, data) {
						t.Errorf("a whole blob of %d: %d bytes, %v", size, len(got), err)
					}
					f.settle()
				}
			}
		})
	}
}

// TestQueueIsBounded checks that no call waits for a tier that writes too slowly, that queued blocks are found, and
// that further blocks are dropped and counted.
func TestQueueIsBounded(t *testing.T) {
	release := make(chan struct{})
	held := cachetest.NewMap()
	l := newLevel(Outer{Name: "stuck", Tier: cachetest.Stuck(held, release), Budget: time.Minute}, nil)
	block := func(i int) *tier.Block {
		b := cachetest.BlockOf(uint64(i), blockSize)
		b.Size = 0
		return &b
	}
	const fit = queueBytes / blockSize
	for i := range fit + 20 {
		l.put(cachetest.KeyOf(i), block(i))
	}
	if s := l.tierStats(); s.Dropped != 20 || l.queued != fit*blockSize {
		t.Errorf("%d bytes wait, %d blocks were dropped", l.queued, s.Dropped)
	}
	half := block(1000)
	half.Data = half.Data[:blockSize/2]
	l.put(cachetest.KeyOf(fit-1), half) // replaces the queued one
	if l.queued != fit*blockSize-blockSize/2 {
		t.Errorf("%d bytes wait after one was replaced", l.queued)
	}
	l.drop(cachetest.KeyOf(30).Blob)
	got := map[int]tier.Block{}
	ask := []tier.Key{cachetest.KeyOf(fit - 1), cachetest.KeyOf(30)}
	if err := l.get(t.Context(), ask, func(i int, b tier.Block) { got[i] = b }); err != nil {
		t.Error(err)
	}
	if len(got) != 1 || !bytes.Equal(got[0].Data, half.Data) {
		t.Errorf("of two blocks, one dropped, %d are found", len(got))
	}
	close(release)
	(&Cache{levels: []*level{l}}).settle()
	if n := held.Len(); n != fit-3 || l.queued != 0 {
		t.Errorf("%d blocks were written, %d bytes wait", n, l.queued)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}
