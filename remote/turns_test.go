package remote_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"postern/remote"
)

// TestTurns: callers go in in the order in which they came, never more at once than the bound, and one that has left
// holds up nobody.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		bound := 1
		turns := remote.Turns{Lock: &mu, Bound: func() int { return bound }}
		var in []int
		enter := func(ctx context.Context, i int) (err error) {
			if err = turns.Enter(ctx); err == nil {
				mu.Lock()
				defer mu.Unlock()
				in = append(in, i)
			}
			return err
		}
		want := func(most ...int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(in, most) {
				t.Errorf("%v went in, want %v", in, most)
			}
		}
		leaving, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		for i := range 5 {
			if i == 2 {
				go func() { left <- enter(leaving, i) }()
			} else {
				go func() { _ = enter(t.Context(), i) }()
			}
			synctest.Wait() // so that the order is known
		}
		want(0)
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has left: %v", err)
		}
		mu.Lock()
		turns.Leave()
		mu.Unlock()
		want(0, 1)
		mu.Lock()
		bound = 2
		turns.Admit()
		mu.Unlock()
		want(0, 1, 3)
		mu.Lock()
		if turns.In() != 2 || turns.Waiting() != 1 {
			t.Errorf("%d are in and %d wait", turns.In(), turns.Waiting())
		}
		turns.Leave()
		turns.Leave()
		mu.Unlock()
		want(0, 1, 3, 4)
	})
}
