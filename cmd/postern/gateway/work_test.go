package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

// TestUntilIdle: the layers below are closed only when no command is under way, and none begins after that.
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
