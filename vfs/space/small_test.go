package space_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// far is a remote at the end of a long line: every request takes time. It counts requests, and does not keep the bytes
// of blobs, so that memory in use is the gateway's own.
type far struct {
	remote.Store
	latency  time.Duration
	requests atomic.Int64
	bytes    atomic.Int64
	sizes    sync.Map // of the blobs that are counted and not kept, by name
}

func (f *far) wait(ctx context.Context) error {
	f.requests.Add(1)
	timer := time.NewTimer(f.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *far) Space(ctx context.Context) (remote.Space, error) {
	if err := f.wait(ctx); err != nil {
		return remote.Space{}, err
	}
	return f.Store.Space(ctx)
}

func (f *far) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	r, err := body.Open()
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r)
	f.bytes.Add(n)
	if body.Size() < 64<<10 { // the nodes at the end of a commit must be readable
		return f.Store.Put(ctx, name, body)
	}
	f.sizes.Store(name, n)
	return err
}

// Stat returns also the sizes of blobs that are not kept.
func (f *far) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if err := f.wait(ctx); err != nil {
		return 0, err
	}
	if n, ok := f.sizes.Load(name); ok {
		return n.(int64), nil
	}
	return f.Store.Stat(ctx, name)
}

func (f *far) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	return f.Store.GetRange(ctx, name, off, p)
}

func (f *far) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := f.wait(ctx); err != nil {
		return crypto.Pointer{}, err
	}
	return f.Store.Load(ctx, id)
}

func (f *far) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	return f.Store.Swap(ctx, old, next)
}

// TestManySmallWrites makes ten programs write 10,000 small files, a thousand per second, while each request to the
// remote takes 50 ms. No write waits for the remote, there are tens of requests per thousand files, and memory does not
// grow with the files. Time is simulated, so it advances only where a goroutine waits for it, and not during disk
// operations.
func TestManySmallWrites(t *testing.T) {
	const programs, each, size = 10, 1000, 8 << 10
	synctest.Test(t, func(t *testing.T) {
		line := &far{Store: mem.New(), latency: 50 * time.Millisecond}
		h := newHome(t, line)
		h.options.Deadlines.Commit = 0 // the default
		s := h.open()
		defer h.close(s)
		before := heap()
		var peak uint64
		start := line.requests.Load()
		began := time.Now()
		var slept [programs]time.Duration
		for round := range each / 10 {
			var wg sync.WaitGroup
			for p := range programs {
				wg.Go(func() {
					for i := range 10 {
						body := make([]byte, size)
						body[0] = byte(i)
						if err := tryPut(context.Background(), s, fmt.Sprintf("/p%d-%04d.txt", p, round*10+i), body); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if round%10 == 9 {
				peak = max(peak, heap())
			}
			<-time.After(100 * time.Millisecond)
			slept[0] += 100 * time.Millisecond
		}
		if took := time.Since(began); took != slept[0] {
			t.Errorf("the writes waited for %v", took-slept[0])
		}
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		requests := line.requests.Load() - start
		st := s.Status()
		t.Logf("%d requests, %d commits, %d blobs of %d bytes; the heap grew by %d KiB", requests, st.Commits, st.BlobsPut,
			st.BytesPut, (int64(peak)-int64(before))>>10)
		if requests > 50*programs*each/1000 {
			t.Errorf("%d requests for %d files", requests, programs*each)
		}
		if sent := line.bytes.Load(); sent < programs*each*size || sent > 3*programs*each*size/2 {
			t.Errorf("%d bytes were sent of files of %d", sent, programs*each*size)
		}
		if grown := int64(peak) - int64(before); grown > programs*each*size/2 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		if st.Files != programs*each {
			t.Errorf("%d files are there", st.Files)
		}
	})
}

// TestUsage checks the free room before each write, as WebDAV does. The remote gets one request in ten seconds, and
// only one caller waits.
func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &far{Store: mem.New(), latency: 50 * time.Millisecond}
		h := newHome(t, line)
		s := h.open()
		defer h.close(s)
		ask := func() {
			if u, err := s.Usage(t.Context(), "/", 1000); err != nil || u.Available != -1 || u.Used != 0 {
				t.Errorf("%+v, %v", u, err)
			}
		}
		for range 3 {
			requests, began := line.requests.Load(), time.Now()
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 100 {
						ask()
					}
				})
			}
			all.Wait()
			if n, took := line.requests.Load()-requests, time.Since(began); n != 1 || took != line.latency {
				t.Errorf("%d requests in %v", n, took)
			}
			<-time.After(11 * time.Second)
		}
	})
}

// filling is a remote with a set amount of free room.
type filling struct {
	remote.Store
	free int64
}

func (f *filling) Space(context.Context) (remote.Space, error) {
	return remote.Space{Free: f.free}, nil
}

// TestRoomMade checks that a write is accepted as soon as there is room again.
func TestRoomMade(t *testing.T) {
	store := &filling{Store: mem.New(), free: 1000}
	h := newHome(t, store)
	s := h.open()
	defer h.close(s)
	ask := func(want, free int64) {
		t.Helper()
		if u, err := s.Usage(t.Context(), "/", want); err != nil || u.Available != free {
			t.Errorf("%d bytes are wanted: %+v, %v", want, u, err)
		}
	}
	ask(0, 1000)
	store.free = 5000
	ask(1000, 1000) // recent enough
	ask(1001, 5000)
	ask(5000, 5000)
	ask(5001, 5000)
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
