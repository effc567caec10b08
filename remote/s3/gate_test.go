package s3

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// TestGate: the bound halves at most once a second, never below one request, and grows back; requests that wait are let
// in one after the other, and leave when their callers do.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8, time.Now)
		throttle := func() { <-time.After(time.Second); g.answered(true); g.answered(true) }
		for _, want := range []int{4, 2, 1, 1} {
			if throttle(); int(g.bound) != want {
				t.Fatalf("%v requests at once, want %d", g.bound, want)
			}
		}
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		entered := make(chan error, 2)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { entered <- g.enter(ctx) }()
		synctest.Wait()
		go func() { entered <- g.enter(t.Context()) }()
		synctest.Wait()
		cancel()
		if err := <-entered; !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller that has left: %v", err)
		}
		select {
		case <-entered:
			t.Fatal("two requests at once")
		default:
		}
		g.leave()
		if err := <-entered; err != nil {
			t.Fatal(err)
		}
		g.leave()
		for range 64 {
			g.answered(false)
		}
		if int(g.bound) != 8 || g.turns.In() != 0 {
			t.Errorf("%v requests at once, %d under way", g.bound, g.turns.In())
		}
	})
}

// TestLists: some listings may come at once, then one in each interval.
func TestLists(t *testing.T) {
	lists, now := rate.NewLimiter(rate.Every(listEvery), listBurst), time.Unix(1e9, 0)
	for range 2 {
		for i := range 20 {
			if wait := delay(lists, now); wait > 0 {
				t.Fatalf("request %d waits %v", i, wait)
			}
		}
		for i := range 5 {
			if wait := delay(lists, now); wait != time.Duration(i+1)*50*time.Millisecond {
				t.Fatalf("request %d waits %v", 20+i, wait)
			}
		}
		now = now.Add(time.Minute)
	}
}
