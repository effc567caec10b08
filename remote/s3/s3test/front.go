package s3test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"postern/remote/s3"
)

// Front is a server in front of a store, which can answer instead of it.
type Front struct {
	store string // its URL

	mu       sync.Mutex
	instead  func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

// Before starts a server in front of a store, which ends with the test, and returns the place behind it.
func Before(t testing.TB, p s3.Place) (*Front, s3.Place) {
	t.Helper()
	f := &Front{store: p.Endpoint}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		instead := f.instead
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
		f.mu.Unlock()
		if instead == nil || !instead(w, r) {
			f.Forward(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.Endpoint = server.URL
	return f, p
}

// Set sets what answers instead of the store, and forgets the requests so far. Where it returns false, or is nil, the
// store answers.
func (f *Front) Set(instead func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instead, f.requests = instead, nil
}

// Seen returns the requests since Set.
func (f *Front) Seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// Forward passes a request on to the store.
func (f *Front) Forward(w http.ResponseWriter, r *http.Request) {
	on, err := http.NewRequestWithContext(r.Context(), r.Method, f.store+r.URL.RequestURI(), r.Body)
	if err != nil {
		panic(err)
	}
	on.Header, on.Host, on.ContentLength = r.Header, r.Host, r.ContentLength
	resp, err := http.DefaultTransport.RoundTrip(on)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // the reader may be gone
}

// ETag returns the ETag of the object that a request is about, as the store has it now; "" if there is none.
func (f *Front) ETag(r *http.Request) string {
	resp, err := http.Head(f.store + r.URL.Path)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = resp.Body.Close()
	return resp.Header.Get("ETag")
}

// Body reads the body of a request and returns it as one that can still be read when the request is over.
func Body(r *http.Request) (io.ReadCloser, error) {
	b, err := io.ReadAll(r.Body)
	return io.NopCloser(bytes.NewReader(b)), err
}
