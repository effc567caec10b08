package base

import (
	"context"
	"fmt"
	"time"

	"postern/vfs/layout"
	"postern/vfs/tree"
)

// Keep says how much of the history stays: every state for All, then one an hour for Hourly, one a day for Daily, then
// one a month.
type Keep struct {
	All, Hourly, Daily time.Duration
}

// DefaultKeep is what most people never have to change.
var DefaultKeep = Keep{All: 24 * time.Hour, Hourly: 7 * 24 * time.Hour, Daily: 31 * 24 * time.Hour}

// farAhead is how far ahead a state may be dated and still count as new: either clock may be the wrong one, and within
// a year it passes.
const farAhead = 365 * 24 * time.Hour

// earliest is before the first state of any drive: a clock that shows less is wrong.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// span names the span of time of which one state is kept at an age; it is empty when all are. Of states dated far ahead
// it is the longest, since nothing tells how old they are.
func (k Keep) span(t time.Time, age time.Duration) string {
	switch t = t.UTC(); {
	case age < -farAhead:
		return t.Format("2006-01")
	case age < k.All:
		return ""
	case age < k.Hourly:
		return t.Format("2006-01-02 15")
	case age < k.Daily:
		return t.Format("2006-01-02")
	default:
		return t.Format("2006-01")
	}
}

// drop returns which of the states, given in order of time, go: of each span the newest stays. newest is the time of
// the newest commit: where that is later than now, our clock may be the wrong one, and ages count from then; where it
// lies far ahead, nothing goes. Nor does anything by a clock that must be wrong.
func (k Keep) drop(states []time.Time, now, newest time.Time) (gone []time.Time) {
	if now.Before(earliest) || newest.Sub(now) > farAhead {
		return nil
	}
	if newest.After(now) {
		now = newest
	}
	for i, t := range states {
		span := k.span(t, now.Sub(t))
		if span == "" || i+1 == len(states) {
			continue
		}
		if next := states[i+1]; k.span(next, now.Sub(next)) == span {
			gone = append(gone, t)
		}
	}
	return gone
}

// ThinEvery is how often the history is looked through: what becomes too old within an hour takes next to nothing.
const ThinEvery = time.Hour

// Thin returns a commit's tree without the states that no longer have to be kept. What is not named by a time was put there
// by another version of the program, and stays.
func Thin(ctx context.Context, t tree.Tree, keep Keep, now, newest time.Time) (tree.Tree, error) {
	var states []time.Time
	for e, err := range t.List(ctx, HistoryPath) {
		if err != nil {
			return t, err
		}
		if when, ok := layout.StateTime(e.Info().Name); ok {
			states = append(states, when)
		}
	}
	for _, when := range keep.drop(states, now, newest) {
		var err error
		if t, _, err = tree.Apply(ctx, t, tree.Remove{Path: HistoryPath + "/" + layout.StateName(when)}); err != nil {
			return t, fmt.Errorf("thin the history: %w", err)
		}
	}
	return t, nil
}
