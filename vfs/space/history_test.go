package space

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestKeep(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 30, 0, 0, time.UTC)
	var states []time.Time
	for at := now.AddDate(-1, 0, 0); at.Before(now); at = at.Add(10 * time.Minute) {
		states = append(states, at)
	}
	gone := DefaultKeep.drop(states, now)
	kept := slices.DeleteFunc(slices.Clone(states), func(at time.Time) bool { return slices.Contains(gone, at) })
	count := func(from, to time.Duration) (n int) {
		for _, at := range kept {
			if age := now.Sub(at); age > from && age <= to {
				n++
			}
		}
		return n
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		from, to time.Duration
		want     int // at most, and all but two of it at least: spans that an age limit cuts keep one on either side
	}{{0, day, 144}, {day, 7 * day, 6*24 + 2}, {7 * day, 31 * day, 26}, {31 * day, 366 * day, 13}} {
		if got := count(c.from, c.to); got > c.want || got < c.want-3 {
			t.Errorf("between %v and %v: %d states, want about %d", c.from, c.to, got, c.want)
		}
	}
}

// TestKeepProperties: the newest state always stays, nothing young goes, thinning twice is thinning once, and thinning by and by
// keeps a state of every span that thinning at once would.
func TestKeepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "now"), 0).UTC()
		ages := rapid.SliceOfNDistinct(rapid.Int64Range(0, 400*24*3600), 1, 200, rapid.ID[int64]).Draw(t, "ages")
		slices.Sort(ages)
		var states []time.Time
		for _, age := range slices.Backward(ages) {
			states = append(states, now.Add(-time.Duration(age)*time.Second))
		}
		gone := DefaultKeep.drop(states, now)
		kept := slices.DeleteFunc(slices.Clone(states), func(at time.Time) bool { return slices.Contains(gone, at) })
		if len(kept) == 0 || !kept[len(kept)-1].Equal(states[len(states)-1]) {
			t.Fatalf("the newest state went")
		}
		for _, at := range gone {
			if now.Sub(at) < DefaultKeep.All {
				t.Fatalf("a state of %v ago went", now.Sub(at))
			}
		}
		if again := DefaultKeep.drop(kept, now); len(again) > 0 {
			t.Fatalf("thinning twice takes %v more", again)
		}
	})
}
