package dav

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestWait: the time in which a body arrives does not count as waiting, and renews the patience; no wait exceeds the
// patience; once the answer has begun, no wait is bounded.
func TestWait(t *testing.T) {
	const patience = 8 * time.Second
	for what, tt := range map[string]struct {
		before, body, after time.Duration
	}{
		"no body":                {0, 0, 8 * time.Second},
		"a small body":           {3 * time.Second, time.Second, 6 * time.Second},
		"a large body":           {7 * time.Second, time.Hour, 8 * time.Second},
		"a body at once":         {5 * time.Second, 0, 3 * time.Second},
		"a body at the last":     {8*time.Second - 1, 0, 1},
		"a body, and no waiting": {0, time.Minute, 8 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWait(patience)
			defer w.end()
			<-time.After(tt.before)
			w.pause()
			<-time.After(tt.body)
			w.pause()
			w.resume()
			begun := time.Now()
			<-w.over()
			if took := time.Since(begun); took != tt.after {
				t.Errorf("%s: %v, not %v", what, took, tt.after)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWait(patience)
		answer{httptest.NewRecorder(), w}.WriteHeader(http.StatusContinue)
		used := w.over()
		if used == nil {
			t.Fatal("a 100 is no answer")
		}
		answer{httptest.NewRecorder(), w}.WriteHeader(http.StatusOK)
		<-time.After(time.Hour)
		select {
		case <-used:
			t.Error("it was over in the middle of an answer")
		default:
		}
		if w.over() != nil {
			t.Error("an answer that has begun has no end")
		}
	})
}
