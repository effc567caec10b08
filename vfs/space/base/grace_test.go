package base

import (
	"testing"
	"time"
)

// TestDoubtful checks that a gateway doubts after half of its grace period, and at the latest after half of the one
// that applies once a folder is shared, which may happen while the gateway is away.
func TestDoubtful(t *testing.T) {
	sure := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct{ period, after time.Duration }{
		{day, day / 2}, {7 * day, 7 * day / 2}, {60 * day, 7 * day / 2},
	} {
		for away, want := range map[time.Duration]bool{0: false, c.after: false, c.after + 1: true, -1: true} {
			g := Grace{Period: c.period, Now: func() time.Time { return sure.Add(away) }}
			if got := g.Doubtful(sure); got != want {
				t.Errorf("with a grace period of %v, after %v: %v", c.period, away, got)
			}
		}
	}
}
