package cache

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// request is a read that reached the remote.
type request struct {
	op     string
	off, n int64
}

// spy is a remote that records reads, and can wait, fail and lie on request.
type spy struct {
	remote.Store

	mu       sync.Mutex
	requests []request
	before   func(ctx context.Context, op string) error // nil: nothing
	after    func(op string, data []byte)               // may change the bytes; nil: no change
}

func newSpy() *spy { return &spy{Store: mem.New()} }

func (s *spy) meet(ctx context.Context, r request) (func(op string, data []byte), error) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(ctx, r.op); err != nil {
			return nil, err
		}
	}
	if after == nil {
		after = func(string, []byte) {}
	}
	return after, nil
}

func (s *spy) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	after, err := s.meet(ctx, request{op: remote.OpGet})
	if err != nil {
		return nil, err
	}
	data, err := s.Store.Get(ctx, name)
	after(remote.OpGet, data)
	return data, err
}

func (s *spy) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	after, err := s.meet(ctx, request{remote.OpGetRange, off, int64(len(p))})
	if err != nil {
		return err
	}
	err = s.Store.GetRange(ctx, name, off, p)
	after(remote.OpGetRange, p)
	return err
}

func (s *spy) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if _, err := s.meet(ctx, request{op: remote.OpStat}); err != nil {
		return 0, err
	}
	return s.Store.Stat(ctx, name)
}

// seen returns the reads since its last call.
func (s *spy) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.requests
	s.requests = nil
	return seen
}

func (s *spy) set(before func(context.Context, string) error, after func(string, []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// gate makes reads wait. entered receives a value for each read that has arrived; open releases all.
func (s *spy) gate() (entered chan string, open func()) {
	entered, release := make(chan string, 100), make(chan struct{})
	s.set(func(ctx context.Context, op string) error {
		entered <- op
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return remote.Fail(op, crypto.BlobName{}, remote.ErrUnavailable, ctx.Err())
		}
	}, nil)
	return entered, sync.OnceFunc(func() { s.set(nil, nil); close(release) })
}

func randomBytes(seed byte, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

// store puts a blob at the remote, past the cache.
func (s *spy) store(t testing.TB, seed byte, n int) (crypto.BlobName, []byte) {
	t.Helper()
	data := randomBytes(seed, n)
	name := crypto.NameOf(data)
	if err := s.Put(context.Background(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	return name, data
}

// fixture is a cache on a spy.
type fixture struct {
	*Cache
	t   *testing.T
	spy *spy
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{t: t, spy: newSpy()}
	f.Cache = wrapped(t, f.spy, o)
	t.Cleanup(func() { f.Close() })
	return f
}

// reopen opens a new cache on the same remote and folder, as after a restart.
func (f *fixture) reopen(o Options) {
	f.t.Helper()
	f.settle()
	old := f.spy
	if err := f.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.spy = &spy{Store: old.Store.(*mem.Store).Another()}
	f.Cache = wrapped(f.t, f.spy, o)
	f.settle()
}

// reads checks a range through the cache against the blob's bytes, and returns the requests to the remote.
func (f *fixture) reads(name crypto.BlobName, data []byte, off, n int) []request {
	f.t.Helper()
	f.spy.seen()
	got := make([]byte, n)
	if err := f.GetRange(f.t.Context(), name, int64(off), got); err != nil {
		f.t.Fatal(err)
	}
	if string(got) != string(data[off:off+n]) {
		f.t.Fatalf("%d bytes from %d differ", n, off)
	}
	return f.spy.seen()
}

// wants checks the requests to the remote.
func (f *fixture) wants(got []request, want ...request) {
	f.t.Helper()
	if len(got) != len(want) {
		f.t.Fatalf("the remote saw %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			f.t.Fatalf("the remote saw %v, want %v", got, want)
		}
	}
}

func ranged(off, n int64) request { return request{remote.OpGetRange, off, n} }
