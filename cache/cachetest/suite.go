// Package cachetest is the contract of package tier as code. It also has tiers that break the contract, for tests of
// the cache.
package cachetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"postern/cache/tier"
	"postern/crypto"
)

// Run checks a tier that has room for a megabyte and a half at least, and that forgets nothing as long as it has room.
// fresh returns an empty one, which Run closes.
func Run(t *testing.T, fresh func(t *testing.T) tier.Tier) {
	for name, test := range map[string]func(*testing.T, tier.Tier){
		"batch": batch, "replace": replace, "delete": remove, "ended context": ended, "limits": limits,
		"concurrent": concurrent, "close": closed,
	} {
		t.Run(name, func(t *testing.T) {
			tr := fresh(t)
			t.Cleanup(func() { _ = tr.Close() })
			test(t, tr)
		})
	}
	t.Run("model", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			tr := fresh(t)
			defer tr.Close()
			model(rt, tr)
		})
	})
}

// KeyOf returns the i-th key of the suite. Three keys belong to one blob.
func KeyOf(i int) tier.Key {
	return tier.Key{Blob: crypto.NameOf(fmt.Appendf(nil, "blob %d", i/3)), Index: uint32(i % 3)}
}

// BlockOf returns n bytes that depend on a seed.
func BlockOf(seed uint64, n int) tier.Block {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(data) // never fails
	return tier.Block{Data: data, Size: int64(seed % 1_000_000)}
}

func same(a, b tier.Block) bool { return string(a.Data) == string(b.Data) && a.Size == b.Size }

// get calls Get and fails the test if the tier breaks its rules.
func get(t interface{ Fatalf(string, ...any) }, tr tier.Tier, keys ...tier.Key) map[int]tier.Block {
	got := map[int]tier.Block{}
	returned := false
	err := tr.Get(context.Background(), keys, func(i int, b tier.Block) {
		if _, twice := got[i]; twice || returned || i < 0 || i >= len(keys) {
			t.Fatalf("found(%d) of %d keys: called twice, too late or out of range", i, len(keys))
		}
		got[i] = b
	})
	returned = true
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return got
}

func put(t interface{ Fatalf(string, ...any) }, tr tier.Tier, blocks ...tier.Entry) {
	if err := tr.Put(context.Background(), blocks); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// batch puts some blocks at once and gets them, and missing ones, in another order.
func batch(t *testing.T, tr tier.Tier) {
	var blocks []tier.Entry
	for i := range 20 {
		blocks = append(blocks, tier.Entry{Key: KeyOf(i), Block: BlockOf(uint64(i), 1+i*997)})
	}
	put(t, tr, blocks...)
	put(t, tr)
	if n := len(get(t, tr)); n != 0 {
		t.Errorf("of no keys %d are held", n)
	}
	var keys []tier.Key
	for i := 39; i >= 0; i-- {
		keys = append(keys, KeyOf(i))
	}
	got := get(t, tr, keys...)
	for at := range keys {
		b, ok := got[at]
		if i := 39 - at; ok != (i < 20) || ok && !same(b, blocks[i].Block) {
			t.Errorf("block %d is held: %v, with %d bytes", i, ok, len(b.Data))
		}
	}
}

func replace(t *testing.T, tr tier.Tier) {
	for n := range 4 {
		want := BlockOf(uint64(n), 5000-1000*n)
		put(t, tr, tier.Entry{Key: KeyOf(1), Block: want}, tier.Entry{Key: KeyOf(2), Block: BlockOf(100, 10)})
		if got := get(t, tr, KeyOf(1)); !same(got[0], want) {
			t.Errorf("after put %d the tier holds %d bytes, want %d", n, len(got[0].Data), len(want.Data))
		}
	}
}

func remove(t *testing.T, tr tier.Tier) {
	for i := range 6 {
		put(t, tr, tier.Entry{Key: KeyOf(i), Block: BlockOf(uint64(i), 100)})
	}
	for range 2 {
		if err := tr.Delete(t.Context(), KeyOf(0).Blob); err != nil {
			t.Fatal(err)
		}
	}
	got := get(t, tr, KeyOf(0), KeyOf(1), KeyOf(2), KeyOf(3), KeyOf(4), KeyOf(5))
	for i := range 6 {
		if _, ok := got[i]; ok != (i >= 3) {
			t.Errorf("after one of two blobs was deleted, block %d is held: %v", i, ok)
		}
	}
	put(t, tr, tier.Entry{Key: KeyOf(1), Block: BlockOf(7, 50)})
	if got := get(t, tr, KeyOf(1)); !same(got[0], BlockOf(7, 50)) {
		t.Error("a block that was put after its blob was deleted is not held")
	}
}

// ended checks that calls with an ended context return, and return nothing wrong.
func ended(t *testing.T, tr tier.Tier) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := tier.Entry{Key: KeyOf(0), Block: BlockOf(1, 3000)}
	put(t, tr, want)
	_ = tr.Put(ctx, []tier.Entry{want})
	_ = tr.Get(ctx, []tier.Key{KeyOf(0), KeyOf(1)}, func(i int, b tier.Block) {
		if i != 0 || !same(b, want.Block) {
			t.Errorf("found(%d) with %d bytes", i, len(b.Data))
		}
	})
	if got := get(t, tr, KeyOf(0)); !same(got[0], want.Block) {
		t.Error("a block is gone")
	}
	_ = tr.Delete(ctx, KeyOf(0).Blob)
}

// limits puts blocks of the greatest length and index, and some beyond, which may be lost but not damaged.
func limits(t *testing.T, tr tier.Tier) {
	blob := KeyOf(0).Blob
	for _, e := range []tier.Entry{
		{Key: tier.Key{Blob: blob, Index: tier.MaxIndex}, Block: BlockOf(1, 10)},
		{Key: tier.Key{Blob: blob, Index: 1}, Block: BlockOf(2, tier.MaxBlock)},
		{Key: tier.Key{Blob: blob, Index: tier.MaxIndex + 1}, Block: BlockOf(3, 10)},
		{Key: tier.Key{Blob: blob, Index: 2}, Block: BlockOf(4, tier.MaxBlock+1)},
	} {
		put(t, tr, e)
		got, ok := get(t, tr, e.Key)[0]
		if within := e.Index <= tier.MaxIndex && len(e.Data) <= tier.MaxBlock; ok && !same(got, e.Block) || !ok && within {
			t.Errorf("of a block of %d bytes and index %d the tier holds %d bytes", len(e.Data), e.Index, len(got.Data))
		}
	}
}

// concurrent uses the tier from many goroutines, and checks that it returns only what was put.
func concurrent(t *testing.T, tr tier.Tier) {
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 200 {
				i, j := r.IntN(30), r.IntN(30)
				switch r.IntN(6) {
				case 0:
					_ = tr.Delete(t.Context(), KeyOf(i).Blob)
				case 1, 2:
					_ = tr.Put(t.Context(), []tier.Entry{
						{Key: KeyOf(i), Block: BlockOf(uint64(i), 100+i)}, {Key: KeyOf(j), Block: BlockOf(uint64(j), 100+j)},
					})
				default:
					at := []int{i, j}
					_ = tr.Get(t.Context(), []tier.Key{KeyOf(i), KeyOf(j)}, func(k int, b tier.Block) {
						if !same(b, BlockOf(uint64(at[k]), 100+at[k])) {
							t.Errorf("block %d came back as something else", at[k])
						}
					})
				}
			}
		})
	}
	wg.Wait()
}

// closed checks that a closed tier survives calls and returns only what was put.
func closed(t *testing.T, tr tier.Tier) {
	want := BlockOf(1, 100)
	put(t, tr, tier.Entry{Key: KeyOf(0), Block: want})
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = tr.Put(t.Context(), []tier.Entry{{Key: KeyOf(1), Block: want}})
	_ = tr.Get(t.Context(), []tier.Key{KeyOf(0), KeyOf(2)}, func(i int, b tier.Block) {
		if i != 0 || !same(b, want) {
			t.Errorf("found(%d) with %d bytes", i, len(b.Data))
		}
	})
	_ = tr.Delete(t.Context(), KeyOf(0).Blob)
}

// model makes random calls on the tier and on a map, which must agree.
func model(rt *rapid.T, tr tier.Tier) {
	want := map[tier.Key]tier.Block{}
	number := rapid.IntRange(0, 8)
	rt.Repeat(map[string]func(*rapid.T){
		"put": func(rt *rapid.T) {
			var blocks []tier.Entry
			for range rapid.IntRange(1, 3).Draw(rt, "blocks") {
				seed, n := rapid.Uint64Range(0, 5000).Draw(rt, "seed"), rapid.IntRange(1, 9000).Draw(rt, "n")
				e := tier.Entry{Key: KeyOf(number.Draw(rt, "key")), Block: BlockOf(seed, n)}
				want[e.Key] = e.Block
				blocks = append(blocks, e)
			}
			put(rt, tr, blocks...)
		},
		"get": func(rt *rapid.T) {
			first := number.Draw(rt, "first")
			keys := []tier.Key{KeyOf(first), KeyOf((first + 1) % 9), KeyOf((first + 4) % 9)}
			got := get(rt, tr, keys...)
			for i, k := range keys {
				b, held := got[i]
				if w, ok := want[k]; held != ok || !same(b, w) {
					rt.Fatalf("%+v: %d bytes of size %d, held %v; want %d of %d", k, len(b.Data), b.Size, held, len(w.Data), w.Size)
				}
			}
		},
		"delete": func(rt *rapid.T) {
			blob := KeyOf(number.Draw(rt, "key")).Blob
			if err := tr.Delete(context.Background(), blob); err != nil {
				rt.Fatal(err)
			}
			for i := range uint32(3) {
				delete(want, tier.Key{Blob: blob, Index: i})
			}
		},
	})
}
