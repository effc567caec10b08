package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"postern/crypto"
	"postern/remote"
)

// TestOneFetch: concurrent reads of a block share one fetch, and each gets its own copy.
func TestOneFetch(t *testing.T) {
	for name, ask := range map[string]func(*Cache, context.Context, crypto.BlobName, []byte) error{
		"a block": func(c *Cache, ctx context.Context, name crypto.BlobName, p []byte) error {
			return c.GetRange(ctx, name, startOf(3), p[startOf(3):endOf(3)])
		},
		"many blocks": func(c *Cache, ctx context.Context, name crypto.BlobName, p []byte) error {
			return c.GetRange(ctx, name, 0, p)
		},
		"the blob": func(c *Cache, ctx context.Context, name crypto.BlobName, p []byte) error {
			got, err := c.Get(ctx, name)
			copy(p, got)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, Options{})
				name, data := f.spy.store(t, 1, crypto.PaddedSize(500_000))
				entered, open := f.spy.gate()
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						p := make([]byte, len(data))
						if err := ask(f.Cache, t.Context(), name, p); err != nil {
							t.Error(err)
						}
						if part := p[startOf(3):endOf(3)]; string(part) != string(data[startOf(3):endOf(3)]) {
							t.Error("an asker got other bytes")
						}
						clear(p)
					})
				}
				synctest.Wait() // all of them wait for the remote now
				open()
				wg.Wait()
				if n := len(f.spy.seen()); n != 1 || len(entered) != 1 {
					t.Errorf("the remote was asked %d times", n)
				}
				if s := f.Stats(); s.Fetches != 1 {
					t.Errorf("stats count %d fetches", s.Fetches)
				}
			})
		})
	}
}

// TestOverlap: reads of overlapping ranges share their common blocks.
func TestOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		name, data := f.spy.store(t, 1, 20*blockSize+head)
		_, open := f.spy.gate()
		var wg sync.WaitGroup
		for _, r := range [][2]int{{0, 10}, {5, 15}, {12, 20}, {9, 13}} {
			wg.Go(func() {
				from, to := int(startOf(r[0])), int(startOf(r[1]))
				p := make([]byte, to-from)
				if err := f.GetRange(t.Context(), name, int64(from), p); err != nil || string(p) != string(data[from:to]) {
					t.Errorf("blocks %v: %v", r, err)
				}
			})
			synctest.Wait()
		}
		open()
		wg.Wait()
		f.wants(f.spy.seen(), ranged(0, startOf(10)), ranged(startOf(10), 5*blockSize), ranged(startOf(15), 5*blockSize))
	})
}

// TestCancelledAsker: a cancelled read fails alone; once all are cancelled, the request ends too.
func TestCancelledAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		name, data := f.spy.store(t, 1, 100_000)
		_, open := f.spy.gate()
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := f.GetRange(first, name, 0, make([]byte, 1000)); !errors.Is(err, context.Canceled) ||
				!errors.Is(err, remote.ErrUnavailable) {
				t.Errorf("who gave up got %v", err)
			}
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				p := make([]byte, 1000)
				if err := f.GetRange(t.Context(), name, 0, p); err != nil || string(p) != string(data[:1000]) {
					t.Errorf("who stayed got %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		open()
		wg.Wait()
		if n := len(f.spy.seen()); n != 1 {
			t.Errorf("the remote was asked %d times", n)
		}

		ended := atomic.Bool{}
		f.spy.set(func(ctx context.Context, op string) error {
			<-ctx.Done()
			ended.Store(true)
			return remote.Fail(op, name, remote.ErrUnavailable, ctx.Err())
		}, nil)
		second, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if err := f.GetRange(second, name, 80_000, make([]byte, 1000)); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		synctest.Wait()
		if !ended.Load() {
			t.Error("the request went on with nobody waiting")
		}
		f.spy.set(nil, nil)
		f.reads(name, data, 80_000, 1000) // no read joins a cancelled flight
	})
}

// TestOutOfPatience: a read that times out fails alone and at once, but its fetch continues: a read meanwhile waits for
// it, a later read finds its blocks, even for a large read without a disk. The fetch continues even if the read that
// joined it is cancelled.
func TestOutOfPatience(t *testing.T) {
	for what, n := range map[string]int{"a segment": 1000, "a large piece": 4 * blockSize} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, Options{})
				name, data := f.spy.store(t, 1, 5*blockSize+head)
				_, open := f.spy.gate()
				over := make(chan struct{})
				hasty := remote.Until(t.Context(), func() <-chan struct{} { return over })
				close(over)
				for range 3 {
					if err := f.GetRange(hasty, name, head, make([]byte, n)); !errors.Is(err, remote.ErrUnavailable) ||
						!errors.Is(err, remote.ErrSlow) {
						t.Errorf("who had no patience got %v", err)
					}
				}
				gone, cancel := context.WithCancel(t.Context())
				cancel()
				if err := f.GetRange(gone, name, head, make([]byte, n)); !errors.Is(err, context.Canceled) {
					t.Errorf("who gave up got %v", err)
				}
				synctest.Wait()
				open()
				synctest.Wait()
				if seen := len(f.spy.seen()); seen != 1 {
					t.Errorf("the remote was asked %d times", seen)
				}
				if got := f.reads(name, data, head, n); len(got) > 0 {
					t.Errorf("the remote was asked again for %v", got)
				}
			})
		})
	}
}

// TestFewStay: the batches that continue without a waiting read are bounded.
func TestFewStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		_, open := f.spy.gate()
		over := make(chan struct{})
		close(over)
		hasty := remote.Until(t.Context(), func() <-chan struct{} { return over })
		for i := range maxStaying + 20 {
			name, _ := f.spy.store(t, byte(i), 1000)
			_ = f.GetRange(hasty, name, 0, make([]byte, 10))
		}
		synctest.Wait()
		f.mu.Lock()
		under := len(f.batches)
		f.mu.Unlock()
		if under != maxStaying {
			t.Errorf("%d go on", under)
		}
		open()
		synctest.Wait()
		if f.staying != 0 || len(f.batches) != 0 {
			t.Errorf("%d are still said to go on, %d do", f.staying, len(f.batches))
		}
	})
}

// TestErrorsAreShared: waiting reads share one failed request; an error of a range that is too long is only for its own
// read.
func TestErrorsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		name, data := f.spy.store(t, 1, 5000)
		_, open := f.spy.gate()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := f.GetRange(t.Context(), name, 0, make([]byte, 5001)); !errors.Is(err, remote.ErrCorrupt) {
				t.Errorf("a range past the end: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			p := make([]byte, 5000)
			if err := f.GetRange(t.Context(), name, 0, p); err != nil || string(p) != string(data) {
				t.Errorf("a range within: %v", err)
			}
		})
		synctest.Wait()
		open()
		wg.Wait()

		other, _ := f.spy.store(t, 2, 5000)
		f.spy.seen()
		held := make(chan struct{})
		f.spy.set(func(context.Context, string) error {
			<-held
			return remote.Fail(remote.OpGetRange, other, remote.ErrUnavailable, nil)
		}, nil)
		for range 10 {
			wg.Go(func() {
				if err := f.GetRange(t.Context(), other, 0, make([]byte, 100)); !errors.Is(err, remote.ErrUnavailable) {
					t.Errorf("the remote is away, and the read gave %v", err)
				}
			})
		}
		synctest.Wait()
		close(held)
		wg.Wait()
		if n := len(f.spy.seen()); n != 1 {
			t.Errorf("a remote that is away was asked %d times", n)
		}
		f.spy.set(nil, nil)
		f.reads(other, randomBytes(2, 5000), 0, 100) // an error is not kept
	})
}

// TestCloseEndsAll: Close ends requests under way, and all later calls fail.
func TestCloseEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Dir: t.TempDir()})
		name, _ := f.spy.store(t, 1, crypto.PaddedSize(500_000))
		f.spy.gate()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := f.GetRange(t.Context(), name, 0, make([]byte, 1000)); err == nil {
				t.Error("a read that Close ended succeeded")
			}
		})
		wg.Go(func() {
			if _, err := f.Get(t.Context(), name); err == nil {
				t.Error("a Get that Close ended succeeded")
			}
		})
		synctest.Wait()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := f.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		_, getErr := f.Get(t.Context(), name)
		for _, err := range []error{
			f.GetRange(t.Context(), name, 0, make([]byte, 10)), getErr, f.Delete(t.Context(), name),
			f.Put(t.Context(), name, remote.BytesBody("x")),
		} {
			if !errors.Is(err, remote.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}
