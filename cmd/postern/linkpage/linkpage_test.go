package linkpage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// withStore returns a handler over a store, with or without the reader for browsers.
func withStore(t *testing.T, store Store) (*handler, http.Handler) {
	t.Helper()
	h := newHandler(store, slog.New(slog.DiscardHandler))
	files, err := parts()
	if err != nil && !errors.Is(err, ErrNotBuilt) {
		t.Fatal(err)
	}
	return h, h.mux(files)
}

// put puts a blob of n bytes into a store.
func put(t *testing.T, store remote.Store, n int) (crypto.BlobName, []byte) {
	t.Helper()
	b := bytes.Repeat([]byte("sealed!"), n/7+1)[:n]
	name := crypto.NameOf(b)
	if err := store.Put(t.Context(), name, remote.BytesBody(b)); err != nil {
		t.Fatal(err)
	}
	return name, b
}

func ask(h http.Handler, method, path, ranged string) *http.Response {
	r := httptest.NewRequest(method, "http://links.example"+path, nil)
	if ranged != "" {
		r.Header.Set("Range", ranged)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestBlobs: ranges of blobs are served, and nothing else of them.
func TestBlobs(t *testing.T) {
	store := mem.New()
	name, b := put(t, store, 8192)
	_, h := withStore(t, store)
	r := ask(h, "GET", "/l/blob/"+name.String(), "bytes=100-4195")
	if body, _ := io.ReadAll(r.Body); r.StatusCode != 206 || !bytes.Equal(body, b[100:4196]) ||
		r.Header.Get("Content-Range") != "bytes 100-4195/*" {
		t.Errorf("a range is answered with %d, %d bytes, %v", r.StatusCode, len(body), r.Header)
	}
	absent := strings.Repeat("ab", 32)
	for _, c := range []struct {
		path, ranged string
		want         int
	}{
		{"/l/blob/" + name.String(), "", 416},
		{"/l/blob/" + name.String(), "bytes=0-", 416},
		{"/l/blob/" + name.String(), "bytes=-5", 416},
		{"/l/blob/" + name.String(), "bytes=5-4", 416},
		{"/l/blob/" + name.String(), "bytes=0-1,5-6", 416},
		{"/l/blob/" + name.String(), "bytes=0-99999999", 416},
		{"/l/blob/" + name.String(), "bytes=8000-8192", 416},
		{"/l/blob/" + name.String(), "bytes=99999999999999999999-1", 416},
		{"/l/blob/" + absent, "bytes=0-10", 404},
		{"/l/blob/" + strings.ToUpper(absent), "bytes=0-10", 404},
		{"/l/blob/", "bytes=0-10", 404},
		{"/l/blob/..%2f..%2fetc%2fpasswd", "bytes=0-10", 404},
		{"/l/pointer/" + absent, "", 404},
		{"/l/pointer/x", "", 404},
		{"/l/pointer/", "", 404},
		{"/l/", "", 404},
		{"/", "", 404},
		{"/files/", "", 404},
		{"/l/linkpage.go", "", 404},
		{"/l/README.md", "", 404},
	} {
		if r := ask(h, "GET", c.path, c.ranged); r.StatusCode != c.want {
			t.Errorf("%s with %q is answered with %d instead of %d", c.path, c.ranged, r.StatusCode, c.want)
		}
	}
}

// TestPointers: a pointer is served whole.
func TestPointers(t *testing.T) {
	store := mem.New()
	writer := crypto.NewWriterKey([32]byte{1})
	p := writer.SignListed(1, crypto.PointerValue{2})
	if err := store.Swap(t.Context(), crypto.PointerHash{}, p); err != nil {
		t.Fatal(err)
	}
	_, h := withStore(t, store)
	r := ask(h, "GET", "/l/pointer/"+p.ID.String(), "")
	if body, _ := io.ReadAll(r.Body); r.StatusCode != 200 || !bytes.Equal(body, p.Marshal()) {
		t.Errorf("a pointer is answered with %d, %d bytes", r.StatusCode, len(body))
	}
}

// TestGuarded: every answer has the headers that keep the page apart from everything else, and nothing but GET and HEAD
// is answered.
func TestGuarded(t *testing.T) {
	_, h := withStore(t, mem.New())
	for _, path := range []string{"/l", "/l/app.js", "/l/sw.js", "/l/worker.js", "/l/blob/x", "/", "/nothing"} {
		r := ask(h, "GET", path, "")
		csp := r.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") ||
			strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") ||
			r.Header.Get("Referrer-Policy") != "no-referrer" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s is answered with %v", path, r.Header)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PROPFIND", "OPTIONS", "MKCOL"} {
			if r := ask(h, method, path, ""); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s is answered with %d", method, path, r.StatusCode)
			}
		}
	}
	r := ask(h, "GET", "/l", "")
	page, _ := io.ReadAll(r.Body)
	if r.StatusCode != 200 || bytes.Contains(page, []byte("<style")) || bytes.Contains(page, []byte("http")) &&
		bytes.Contains(page, []byte("//")) || bytes.Contains(page, []byte(" on")) && bytes.Contains(page, []byte("onclick")) {
		t.Errorf("the page is answered with %d, or has scripts or parts from elsewhere", r.StatusCode)
	}
	again := httptest.NewRequest("GET", "http://links.example/l", nil)
	again.Header.Set("If-None-Match", r.Header.Get("ETag"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, again)
	if w.Code != 304 {
		t.Errorf("the page that a browser has is answered with %d", w.Code)
	}
}

// held is a store whose answers wait.
type held struct{ begun, free chan struct{} }

func (s held) GetRange(context.Context, crypto.BlobName, int64, []byte) error {
	return remote.ErrNotFound
}

func (s held) Load(context.Context, crypto.PointerID) (crypto.Pointer, error) {
	s.begun <- struct{}{}
	<-s.free
	return crypto.Pointer{}, remote.ErrUnavailable
}

// TestBounded: no more than atOnce requests reach the store at once; the next ones are told to come again.
func TestBounded(t *testing.T) {
	store := held{make(chan struct{}), make(chan struct{})}
	inner, h := withStore(t, store)
	inner.wait = time.Nanosecond
	path := "/l/pointer/" + strings.Repeat("ab", 32)
	codes := make(chan int, atOnce)
	for range atOnce {
		go func() { codes <- ask(h, "GET", path, "").StatusCode }()
		<-store.begun
	}
	if r := ask(h, "GET", path, ""); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("one request too many is answered with %d", r.StatusCode)
	}
	close(store.free)
	for range atOnce {
		if code := <-codes; code != 502 {
			t.Errorf("a store that fails is answered with %d", code)
		}
	}
}
