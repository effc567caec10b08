package content

import (
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
)

// TestReach checks how far and in which steps a reader reads ahead at a pace.
func TestReach(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		pace        remote.Pace
		most        int64
		unit        int
		first, last int64
	}{
		{"nothing is known", remote.Pace{}, 0, unitSize, DefaultAhead, DefaultAhead},
		{"a disk", remote.Pace{RoundTrip: 200 * time.Microsecond, Down: 1e9}, 0, unitSize, DefaultAhead, DefaultAhead},
		{"far, not measured", remote.Pace{RoundTrip: 50 * time.Millisecond}, 0, mib, firstAhead, farAhead},
		{"far and thin", remote.Pace{RoundTrip: 50 * time.Millisecond, Down: 1 * mib}, 0, 5 * crypto.SegmentSize,
			leastAhead, leastAhead},
		{"far, 32 MiB/s", remote.Pace{RoundTrip: 50 * time.Millisecond, Down: 32 * mib}, 0, 12 * crypto.SegmentSize,
			5033164, 5033164},
		{"far and fat", remote.Pace{RoundTrip: time.Second, Down: 1000 * mib}, 0, farUnit, farAhead, farAhead},
		{"far, with a bound", remote.Pace{RoundTrip: time.Second, Down: 1000 * mib}, mib, farUnit, mib, mib},
		{"never ahead", remote.Pace{RoundTrip: time.Second, Down: 1000 * mib}, -1, farUnit, 0, 0},
		{"near, never ahead", remote.Pace{}, -1, unitSize, 0, 0},
	} {
		a := &ahead{most: c.most, pace: func() remote.Pace { return c.pace }}
		if got, want := a.measure(), (reach{c.unit, c.first + 1, c.last + 1}); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}
