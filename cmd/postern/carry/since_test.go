package carry

import (
	"errors"
	"testing"
	"time"

	"postern/cmd/postern/say"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("here", 3600))
	for text, want := range map[string]time.Time{
		"2026-11-19":           time.Date(2026, 11, 19, 0, 0, 0, 0, now.Location()),
		"2026-11-19 09:15":     time.Date(2026, 11, 19, 9, 15, 0, 0, now.Location()),
		"2026-11-19 09:15:01":  time.Date(2026, 11, 19, 9, 15, 1, 0, now.Location()),
		"2026-11-19T09:15:01Z": time.Date(2026, 11, 19, 9, 15, 1, 0, time.UTC),
		"7d":                   now.AddDate(0, 0, -7),
		"90m":                  now.Add(-90 * time.Minute),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "2026-13-01", "-1d"} {
		_, err := parseTime(text, now)
		var usage *say.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
