package base

import (
	"context"
	"fmt"
	"time"

	"postern/vfs/layout"
	"postern/vfs/tree"
)

// Keep says how much of the history stays: every state for All, then one per hour for Hourly, one per day for Daily,
// then one per month.
type Keep struct {
	All, Hourly, Daily time.Duration
}

// DefaultKeep suits most people.
var DefaultKeep = Keep{All: 24 * time.Hour, Hourly: 7 * 24 * time.Hour, Daily: 31 * 24 * time.Hour}

// farAhead is how far in the future a state may be dated and still count as new. Either clock may be wrong, and such a
// date passes within a year.
const farAhead = 365 * 24 * time.Hour

// earliest is before the first state of any drive. A clock that shows an earlier time is wrong.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// span names the span of time of which one state is kept at a given age. It is empty if all states are kept. A state
// dated far ahead gets the longest span, since its age is unknown.
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

// drop returns the states to remove, given all states in order of time. The newest of each span stays. newest is the
// time of the newest commit. If it is later than now, the local clock may be wrong and ages count from newest; if it
// lies far ahead, or if the local clock must be wrong, drop removes nothing.
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

// ThinEvery is the time between two passes over the history. States that become too old within an hour take almost no
// space.
const ThinEvery = time.Hour

// Thin returns a commit's tree without the states that no longer have to be kept. Entries whose name is not a time come
// from another version of the program, and stay.
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
