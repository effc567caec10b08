package base

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
	gone := DefaultKeep.drop(states, now, now)
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
		want     int // upper bound; the lower bound is two less, since an age limit may cut a span at either end
	}{{0, day, 144}, {day, 7 * day, 6*24 + 2}, {7 * day, 31 * day, 26}, {31 * day, 366 * day, 13}} {
		if got := count(c.from, c.to); got > c.want || got < c.want-3 {
			t.Errorf("between %v and %v: %d states, want about %d", c.from, c.to, got, c.want)
		}
	}
}

// TestKeepProperties checks that the newest state always stays, that no young state is dropped, that thinning twice
// equals thinning once, and that gradual thinning keeps a state of every span that thinning at once would.
func TestKeepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1.8e9, 3e9).Draw(t, "now"), 0).UTC()
		ages := rapid.SliceOfNDistinct(rapid.Int64Range(0, 400*24*3600), 1, 200, rapid.ID[int64]).Draw(t, "ages")
		slices.Sort(ages)
		var states []time.Time
		for _, age := range slices.Backward(ages) {
			states = append(states, now.Add(-time.Duration(age)*time.Second))
		}
		gone := DefaultKeep.drop(states, now, now)
		kept := slices.DeleteFunc(slices.Clone(states), func(at time.Time) bool { return slices.Contains(gone, at) })
		if len(kept) == 0 || !kept[len(kept)-1].Equal(states[len(states)-1]) {
			t.Fatalf("the newest state went")
		}
		for _, at := range gone {
			if now.Sub(at) < DefaultKeep.All {
				t.Fatalf("a state of %v ago went", now.Sub(at))
			}
		}
		if again := DefaultKeep.drop(kept, now, now); len(again) > 0 {
			t.Fatalf("thinning twice takes %v more", again)
		}
	})
}

// TestKeepWrongDates thins states dated in the future, of which one per month stays, but no state that only seems to be
// in the future because the local clock is slow.
func TestKeepWrongDates(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var states []time.Time
	for i := range 48 {
		states = append(states, now.Add(time.Duration(i-48)*15*time.Minute))
	}
	here := len(states)
	for i := range 30 {
		states = append(states, time.Date(2099, 1, 1, i, 0, 0, 0, time.UTC), time.Date(2099, 2, 1, i, 0, 0, 0, time.UTC))
	}
	slices.SortFunc(states, time.Time.Compare)
	gone := DefaultKeep.drop(states, now, now.Add(-time.Hour))
	if len(gone) != 58 || gone[0].Before(now) {
		t.Errorf("%d of 60 states of 2099 go, and with them %v", len(gone), gone[:1])
	}
	for what, c := range map[string]struct{ now, newest time.Time }{
		"the newest commit is one of 2099":   {now, states[len(states)-1]},
		"our clock stands at the epoch":      {time.Unix(100, 0), time.Unix(50, 0)},
		"our clock is a month behind":        {now.AddDate(0, -1, 0), states[here-1]},
		"it is, and so is the newest commit": {now.AddDate(0, -1, 0), now.AddDate(0, -1, 0).Add(-time.Hour)},
		"our clock is years behind":          {now.AddDate(-5, 0, 0), states[here-1]},
	} {
		if gone := DefaultKeep.drop(states[:here], c.now, c.newest); len(gone) > 0 {
			t.Errorf("%s: %d states go", what, len(gone))
		}
	}
}
