package remotetest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// far is a remote in memory with a round trip, and a line that carries so many bytes a second in all.
func far(inner remote.Store, trip time.Duration, rate int64) remote.Store {
	line := make(chan struct{}, 1)
	return remote.Wrap(inner, func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
		if err := remote.Sleep(ctx, trip); err != nil {
			return remote.Fail(c.Op, c.On, remote.ErrUnavailable, err)
		}
		err := do(ctx)
		if c.Transfers() && err == nil {
			line <- struct{}{}
			defer func() { <-line }()
			if err := remote.Sleep(ctx, time.Duration(c.Send+c.Receive)*time.Second/time.Duration(rate)); err != nil {
				return remote.Fail(c.Op, c.On, remote.ErrUnavailable, err)
			}
		}
		return err
	})
}

// TestMeasure: what is measured is what the line does, on fast and slow ones, in bounded time, and nothing stays.
func TestMeasure(t *testing.T) {
	for _, rate := range []int64{100 << 20, 4 << 20, 100 << 10, 1 << 10} {
		synctest.Test(t, func(t *testing.T) {
			store := mem.New()
			began := time.Now()
			m, err := remotetest.Measure(t.Context(), far(store, 50*time.Millisecond, rate), rand.Reader, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			if m.Median < 50*time.Millisecond || m.Worst < m.Median || m.Calls == 0 {
				t.Errorf("%+v", m)
			}
			if slow := rate == 1<<10; m.Incomplete != slow {
				t.Errorf("at %d bytes a second: %+v", rate, m)
			} else if r := float64(rate); !slow && (m.Up < r*0.8 || m.Up > r*1.01 || m.Down < r*0.8 || m.Down > r*1.01) {
				t.Errorf("at %d bytes a second: %+v", rate, m)
			}
			if took := time.Since(began); took > time.Minute || m.Sent > 61<<20 {
				t.Errorf("%d bytes were sent, in %v", m.Sent, took)
			}
			for info, err := range store.List(t.Context()) {
				t.Errorf("a blob of %d bytes stays: %v", info.Size, err)
			}
		})
	}
}

// TestMeasureEnds: an interrupted measurement deletes its blobs.
func TestMeasureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := remotetest.Measure(ctx, far(store, 50*time.Millisecond, 200<<10), rand.Reader, time.Now)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		for info, err := range store.List(t.Context()) {
			t.Errorf("a blob of %d bytes stays: %v", info.Size, err)
		}
	})
}
