package line_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/mem"
)

// TestThrottledCallsWait: a call is tried much longer when the remote asks for fewer requests, and succeeds in the end.
func TestThrottledCallsWait(t *testing.T) {
	for what, ask := range calls {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, line.Options{})
			defer s.close(t)
			faults := make([]faulty.Fault, remote.Shipped.Attempts)
			for i := range faults {
				faults[i] = faulty.Throttle
			}
			s.faulty.SetPlan(faulty.Script(faults))
			if err := ask(t.Context(), s); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if state := s.State(); state.Away || len(s.told) > 0 {
				t.Errorf("%s: a remote that asks for fewer requests counts as away", what)
			}
		})
	}
}

// busy is a remote that asks to wait a few times.
type busy struct {
	remote.Store
	times int
	after time.Duration
}

func (b *busy) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if b.times--; b.times >= 0 {
		return crypto.Pointer{}, remote.Fail(remote.OpLoad, id, remote.ErrUnavailable,
			&remote.Throttled{After: b.after, Err: errors.New("slow down")})
	}
	return b.Store.Load(ctx, id)
}

// TestThrottledForLong: the remote's own time to wait counts; a call ends in any case.
func TestThrottledForLong(t *testing.T) {
	for _, c := range []struct {
		times, slept int
		kind         error
	}{{8, 8, remote.ErrNotFound}, {1000, 29, remote.ErrUnavailable}} {
		var slept []time.Duration
		s := line.Over(&busy{Store: mem.New(), times: c.times, after: 11 * time.Second}, remote.Deadlines{Attempts: 6},
			line.Options{Sleep: func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }})
		if _, err := s.Load(t.Context(), key.ID()); remote.KindOf(err) != c.kind {
			t.Errorf("asked to wait %d times: %v", c.times, err)
		}
		if len(slept) != c.slept {
			t.Errorf("asked to wait %d times, it waits %d times", c.times, len(slept))
		}
		for _, d := range slept {
			if d < 11*time.Second {
				t.Errorf("it waits %v", d)
			}
		}
	}
}
