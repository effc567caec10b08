package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"postern/cmd/postern/control"
)

// TestUntilIdle: what commands work on is closed only when none is at work, and none begins then.
func TestUntilIdle(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	handler, idle := untilIdle(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(began)
			<-end
		}
	}))
	ask := func(path string) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	answered, waited := make(chan int, 1), make(chan struct{})
	go func() { answered <- ask("/long") }()
	<-began
	go func() { idle(); close(waited) }()
	for ask("/") != http.StatusServiceUnavailable { // until it waits
		runtime.Gosched()
	}
	select {
	case <-waited:
		t.Error("it did not wait for a request under way")
	default:
	}
	close(end)
	<-waited
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the request under way: %d", code)
	}
}

func TestInBackground(t *testing.T) {
	ended := false
	end := inBackground(t.Context(), func(ctx context.Context) { <-ctx.Done(); ended = true })
	end()
	if !ended {
		t.Error("it was not waited for")
	}
}

func TestProgressLine(t *testing.T) {
	for want, at := range map[string]control.Progress{
		"parts looked at: 3":                           {What: "parts looked at", Items: 3},
		"parts checked: 3, 2 KiB":                      {What: "parts checked", Items: 3, Bytes: 2048},
		"blobs copied: 3 of 4, 1 MiB of 2 MiB (50 %)":  {What: "blobs copied", Items: 3, TotalItems: 4, Bytes: 1 << 20, TotalBytes: 2 << 20},
		"blobs copied: 9 of 4, 3 MiB of 2 MiB (100 %)": {What: "blobs copied", Items: 9, TotalItems: 4, Bytes: 3 << 20, TotalBytes: 2 << 20},
	} {
		if got := progressLine(at); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

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
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOwnerText(t *testing.T) {
	for inner, want := range map[string]string{
		"a story": "a story",
		`<D:href xmlns:D="DAV:">Bob</D:href> at  home`: "Bob at home",
		"red \u009b31m": "red 31m",
		"<broken":       "",
	} {
		if got := ownerText(inner); got != want {
			t.Errorf("%q: %q, want %q", inner, got, want)
		}
	}
}
