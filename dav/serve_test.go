package dav_test

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/auth"
	"postern/vfs/vfstest"
)

// TestServe serves a drive in memory for trying out real clients by hand:
//
//	POSTERN_SERVE=127.0.0.1:8099 go test ./dav -run TestServe -timeout 0 -v     (user alice, password secret)
func TestServe(t *testing.T) {
	addr := os.Getenv("POSTERN_SERVE")
	if addr == "" {
		t.Skip("POSTERN_SERVE is not set")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{Clock: time.Now, Limit: 1 << 30}), dav.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	door, err := auth.New(auth.Options{User: "alice", Password: "secret", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	traced := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &traceWriter{ResponseWriter: w}
		h.ServeHTTP(seen, r)
		log.Info(r.Method, "path", r.URL.Path, "status", seen.code, "if", r.Header.Values("If"), "depth",
			r.Header.Get("Depth"),
			"destination", r.Header.Get("Destination"), "agent", r.UserAgent(), "length", r.ContentLength)
	})
	server := &http.Server{Addr: addr, Handler: door(traced), ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		t.Fatal(err)
	}
}

type traceWriter struct {
	http.ResponseWriter
	code int
}

func (w *traceWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (w *traceWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
