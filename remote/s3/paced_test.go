package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/pace"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// waited is a clock that sleeps at once, and adds up how long.
type waited struct {
	mu      sync.Mutex
	now     time.Time
	sum     time.Duration
	longest time.Duration
}

func (w *waited) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *waited) Sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.sum, w.longest = w.now.Add(d), w.sum+d, max(w.longest, d)
	return ctx.Err()
}

// took returns how long was waited since the last call of took.
func (w *waited) took() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.sum = 0 }()
	return w.sum
}

// TestLimits: bodies of blobs are sent and received within the limits, piece by piece, and nothing else waits.
func TestLimits(t *testing.T) {
	place := s3test.Fake(t)()
	clock := &waited{now: time.Now()}
	l, err := line.New(t.Context(), func(ctx context.Context) (remote.Store, error) {
		return s3.Open(ctx, place, s3.Options{})
	}, remote.Deadlines{}, line.Options{
		Limits: pace.New(pace.Steady(1<<20), pace.Steady(512<<10), pace.Options{Now: clock.Now, Sleep: clock.Sleep}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	data := make([]byte, 4<<20)
	_, _ = rand.Read(data)
	name := crypto.NameOf(data)
	about := func(what string, want time.Duration) {
		t.Helper()
		if took := clock.took(); took < want-200*time.Millisecond || took > want {
			t.Errorf("%s waits %v, want %v", what, took, want)
		}
	}
	if err := l.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	about("a blob of 4 MiB up at 1 MiB a second", 4*time.Second)
	if got, err := l.Get(t.Context(), name); err != nil || !bytes.Equal(got, data) {
		t.Fatal("other bytes come back", err)
	}
	about("a blob of 4 MiB down at 512 KiB a second", 8*time.Second)
	p := make([]byte, 1<<20)
	if err := l.GetRange(t.Context(), name, 1, p); err != nil || !bytes.Equal(p, data[1:1+len(p)]) {
		t.Fatal("other bytes come back", err)
	}
	about("a range of 1 MiB down", 2*time.Second)
	if clock.longest > 100*time.Millisecond {
		t.Errorf("one piece waits %v", clock.longest)
	}
	if _, err := l.Stat(t.Context(), name); err != nil {
		t.Error(err)
	}
	for _, err := range l.List(t.Context()) {
		if err != nil {
			t.Error(err)
		}
	}
	about("everything else", 0)
}
