package home

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for text, want := range map[string]Span{
		"90m": Span(90 * time.Minute), "24h": Span(24 * time.Hour), "7d": Span(7 * 24 * time.Hour),
		"5w":   Span(35 * 24 * time.Hour),
		" 1d ": Span(24 * time.Hour), "0": NoTime, "none": NoTime, "0s": NoTime, "0d": NoTime,
	} {
		var got Span
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
		var again Span
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("%v does not come back: %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "7", "-1h", "1.5d", "d", "40000d", "65536w", "-7d", "1y", "1d12h"} {
		var got Span
		if err := got.Set(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := Span(0).String(); got != "" {
		t.Errorf("a span that was not chosen is shown as %q", got)
	}
	if NoTime.Duration() != 0 || Span(5).Duration() != 5 {
		t.Error("durations")
	}
}
