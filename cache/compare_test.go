package cache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// TestAgainstPlainStore makes random calls on a cache and on a plain store: both return the same bytes and the same
// kinds of errors, even across restarts. A tier that breaks its contract may forget to delete: then a blob that was
// deleted may still be read.
func TestAgainstPlainStore(t *testing.T) {
	for name, o := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { compare(t, rt, o, false) })
		})
	}
	for name, fresh := range outers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				compare(t, rt, Options{Memory: -1, Outer: outer(fresh())}, name != "map")
			})
		})
	}
}

func compare(t *testing.T, rt *rapid.T, o Options, deletedMayStay bool) {
	ctx := context.Background()
	if o.Dir != "" {
		o.Dir = t.TempDir() // each remote has its own folder
	}
	plain, inner := mem.New(), mem.New()
	c := wrapped(t, inner.Another(), o)
	defer func() { c.Close() }()
	sizes := []int{4096, 5000, 65_000, int(endOf(0)), int(endOf(0)) + 1, 200_000, 1_200_000}
	blob := func(rt *rapid.T) (crypto.BlobName, []byte) {
		i := rapid.IntRange(0, len(sizes)-1).Draw(rt, "blob")
		return nameOf(i, sizes[i])
	}
	same := func(what string, got, want error) {
		if !errors.Is(got, remote.KindOf(want)) && (got != nil || want != nil) {
			rt.Fatalf("%s: the cache says %v, a plain store %v", what, got, want)
		}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"put": func(rt *rapid.T) {
			name, data := blob(rt)
			same("put", c.Put(ctx, name, remote.BytesBody(data)), plain.Put(ctx, name, remote.BytesBody(data)))
		},
		"delete": func(rt *rapid.T) {
			name, _ := blob(rt)
			same("delete", c.Delete(ctx, name), plain.Delete(ctx, name))
		},
		"get": func(rt *rapid.T) {
			name, data := blob(rt)
			got, err := c.Get(ctx, name)
			want, wantErr := plain.Get(ctx, name)
			if deletedMayStay && err == nil && errors.Is(wantErr, remote.ErrNotFound) {
				want, wantErr = data, nil
			}
			same("get", err, wantErr)
			if !bytes.Equal(got, want) {
				rt.Fatalf("get: %d bytes, want %d", len(got), len(want))
			}
		},
		"range": func(rt *rapid.T) {
			name, data := blob(rt)
			ctx := ctx
			if rapid.IntRange(0, 9).Draw(rt, "past caches") == 0 {
				ctx = remote.PastCaches(ctx)
			}
			off := rapid.Int64Range(-1, int64(len(data))+10).Draw(rt, "offset")
			n := rapid.SampledFrom([]int{0, 1, 100, 4096, blockSize, blockSize + 1, 3 * blockSize, 400_000, len(data)}).Draw(rt,
				"length")
			if rapid.Bool().Draw(rt, "to the end") {
				off = max(int64(len(data)-n), 0)
			}
			got, want := make([]byte, n), make([]byte, n)
			err, wantErr := c.GetRange(ctx, name, off, got), plain.GetRange(ctx, name, off, want)
			if deletedMayStay && err == nil && errors.Is(wantErr, remote.ErrNotFound) {
				wantErr = nil
				copy(want, data[off:])
			}
			same("range", err, wantErr)
			if err == nil && !bytes.Equal(got, want) {
				rt.Fatalf("%d bytes from %d differ", n, off)
			}
		},
		"stat": func(rt *rapid.T) {
			name, _ := blob(rt)
			got, err := c.Stat(ctx, name)
			want, wantErr := plain.Stat(ctx, name)
			same("stat", err, wantErr)
			if got != want {
				rt.Fatalf("size %d, want %d", got, want)
			}
		},
		"restart": func(rt *rapid.T) {
			c.settle()
			if err := c.Close(); err != nil {
				rt.Fatal(err)
			}
			c = wrapped(t, inner.Another(), o)
		},
	})
	if s := c.Stats(); s.Memory.Bytes > s.Memory.Limit || s.Disk.Bytes > s.Disk.Limit || s.Disk.Corrupt > 0 ||
		s.Disk.Faults > 0 {
		rt.Fatalf("stats are %+v", s)
	}
}

var blobs sync.Map // of the comparison, by number: hashing them each time would take most of it

type namedBlob struct {
	name crypto.BlobName
	data []byte
}

func nameOf(i, size int) (crypto.BlobName, []byte) {
	if b, ok := blobs.Load(i); ok {
		return b.(namedBlob).name, b.(namedBlob).data
	}
	data := randomBytes(byte(i), size)
	b := namedBlob{crypto.NameOf(data), data}
	blobs.Store(i, b)
	return b.name, b.data
}

// TestConcurrent runs many readers and writers on few blobs and little memory: every byte is right, the bounds always
// hold.
func TestConcurrent(t *testing.T) {
	o := Options{Memory: 600_000, Dir: filepath.Join(t.TempDir(), "cache"), Disk: 2 << 20, Large: 3 * blockSize}
	f := newFixture(t, o)
	type blob struct {
		name crypto.BlobName
		data []byte
	}
	var all []blob
	for i, size := range []int{5000, 60_000, 70_000, 300_000, 1_000_000, 2_000_000} {
		name, data := f.spy.store(t, byte(i), size)
		all = append(all, blob{name, data})
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 7))
			p := make([]byte, 500_000)
			for range 300 {
				b := all[r.IntN(len(all))]
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(10) == 0 {
					ctx = remote.PastCaches(ctx)
				}
				if r.IntN(10) == 0 {
					go cancel() // at any time
				}
				n := 1 + r.IntN(min(len(b.data), len(p)))
				off := r.IntN(len(b.data) - n + 1)
				switch err := f.GetRange(ctx, b.name, int64(off), p[:n]); {
				case err == nil && !bytes.Equal(p[:n], b.data[off:off+n]):
					t.Errorf("%d bytes from %d differ", n, off)
				case err != nil && !errors.Is(err, context.Canceled):
					t.Error(err)
				}
				if s := f.Stats(); s.Memory.Bytes > s.Memory.Limit+blockSize || s.Disk.Bytes > s.Disk.Limit {
					t.Errorf("the bounds are exceeded: %+v", s)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	f.running.Wait() // a read returns a moment before its batch ends
	// If blobs are dropped faster than the disk writes, as on a loaded machine, the disk has not filled up before.
	for _, b := range all {
		for off := 0; off < len(b.data); off += len(b.data)/4 + 1 {
			f.reads(b.name, b.data, off, min(len(b.data)/4+1, len(b.data)-off))
		}
	}
	f.settle()
	if s := f.Stats(); s.Memory.Bytes > s.Memory.Limit || s.Memory.Evictions == 0 || s.Disk.Evictions == 0 ||
		s.Disk.Corrupt+s.Disk.Faults > 0 {
		t.Errorf("stats are %+v", s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.flying) != 0 || len(f.batches) != 0 {
		t.Errorf("%d flights and %d batches are left", len(f.flying), len(f.batches))
	}
}
