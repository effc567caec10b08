package home

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time, written as "90m", "24h", "7d" or "5w". Zero is "not chosen"; "0" and "none" are NoTime.
type Span time.Duration

// NoTime is a span that was chosen to be nothing.
const NoTime Span = -1

// maxSpan bounds spans, so that arithmetic with times stays meaningful: a century.
const maxSpan = 100 * 365 * 24 * time.Hour

// Duration is the span; 0 for NoTime and for what was not chosen.
func (s Span) Duration() time.Duration { return max(time.Duration(s), 0) }

// UnmarshalText parses a span.
func (s *Span) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	if word == "0" || word == "none" {
		*s = NoTime
		return nil
	}
	d, err := time.ParseDuration(word)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(word, unit); ok {
			var n uint64
			if n, err = strconv.ParseUint(number, 10, 16); err == nil {
				d = time.Duration(min(n, uint64(maxSpan/length)+1)) * length
			}
		}
	}
	if err == nil && d == 0 {
		*s = NoTime
		return nil
	}
	if err != nil || d < 0 || d > maxSpan {
		return fmt.Errorf("invalid duration %q: write it as 90m, 24h, 7d or 5w", text)
	}
	*s = Span(d)
	return nil
}

// String returns the span, in days where it is whole days; empty for one that was not chosen.
func (s Span) String() string {
	const day = 24 * time.Hour
	switch d := time.Duration(s); {
	case s == 0:
		return ""
	case s == NoTime:
		return "none"
	case d != 0 && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	default:
		return d.String()
	}
}

// Set and Type make it a flag.
func (s *Span) Set(text string) error { return s.UnmarshalText([]byte(text)) }

// Type names it in help.
func (s *Span) Type() string { return "time" }
