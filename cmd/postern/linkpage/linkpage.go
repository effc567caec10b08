// Package linkpage serves the page that opens secret links in a browser. The page is static: it decrypts in the browser
// what it fetches here, which is sealed blobs and signed pointers by their ids. It lists neither, and takes no changes.
// The secret of a link stands behind the # of its address, which browsers send to no server.
package linkpage

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/crypto"
	"postern/remote"
)

const (
	// atOnce is how many requests for blobs and pointers are answered at once. With maxRange it bounds the memory: 80 MiB.
	atOnce = 16
	// maxRange is the largest range of a blob in one answer, in bytes. The page asks for less.
	maxRange = crypto.MaxBlobSize
	// wait is how long a request waits for its turn.
	wait = 10 * time.Second
	// answer is how long the store may take.
	answer = time.Minute
)

// policy is the page's content security policy. Images of a preview are blob: URLs, whose bytes the page has decrypted.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"style-src 'self'; img-src 'self' blob:; frame-src 'self'; form-action 'none'; base-uri 'none'; " +
	"frame-ancestors 'none'"

// Store is where sealed blobs and pointers are read from. remote.Store is a Store.
type Store interface {
	GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error
	Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error)
}

// handler serves the page.
type handler struct {
	store Store
	turns chan struct{}
	log   *slog.Logger
	wait  time.Duration
}

// New returns the handler of the page. It answers only GET and HEAD:
//
//	/l               the page
//	/l/NAME          its parts
//	/l/blob/NAME     a range of a sealed blob; the header Range is needed
//	/l/pointer/ID    the newest state of a pointer
func New(store Store, log *slog.Logger) (http.Handler, error) {
	files, err := parts()
	if err != nil {
		return nil, err
	}
	return newHandler(store, log).mux(files), nil
}

func newHandler(store Store, log *slog.Logger) *handler {
	return &handler{store: store, turns: make(chan struct{}, atOnce), log: log, wait: wait}
}

// mux returns the handler of all paths.
func (h *handler) mux(files map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for name, f := range files {
		mux.Handle("GET "+name, f)
	}
	mux.HandleFunc("GET /l/blob/{name}", h.blob)
	mux.HandleFunc("GET /l/pointer/{id}", h.pointer)
	return guard(mux)
}

// guard sets the headers of every answer, and refuses all methods that change something.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "this page only shows links", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// blob serves a range of a blob.
func (h *handler) blob(w http.ResponseWriter, r *http.Request) {
	name, err := crypto.ParseBlobName(r.PathValue("name"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	off, n, ok := parseRange(r.Header.Get("Range"))
	if !ok {
		http.Error(w, "one range of at most "+strconv.Itoa(maxRange)+" bytes is needed",
			http.StatusRequestedRangeNotSatisfiable)
		return
	}
	h.serve(w, r, func(ctx context.Context) ([]byte, error) {
		p := make([]byte, n)
		return p, h.store.GetRange(ctx, name, off, p)
	}, func() int {
		w.Header().Set("Content-Range", "bytes "+strconv.FormatInt(off, 10)+"-"+strconv.FormatInt(off+int64(n)-1, 10)+"/*")
		return http.StatusPartialContent
	})
}

// pointer serves the newest state of a pointer.
func (h *handler) pointer(w http.ResponseWriter, r *http.Request) {
	id, err := crypto.ParsePointerID(r.PathValue("id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h.serve(w, r, func(ctx context.Context) ([]byte, error) {
		p, err := h.store.Load(ctx, id)
		return p.Marshal(), err
	}, func() int { return http.StatusOK })
}

// serve waits for a turn, loads bytes and answers with them. found sets headers and returns the status.
func (h *handler) serve(
	w http.ResponseWriter, r *http.Request, load func(context.Context) ([]byte, error), found func() int,
) {
	if !h.turn(r.Context()) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too much is asked for at once", http.StatusServiceUnavailable)
		return
	}
	defer func() { <-h.turns }()
	ctx, cancel := context.WithTimeout(r.Context(), answer)
	defer cancel()
	b, err := load(ctx)
	switch {
	case errors.Is(err, remote.ErrNotFound):
		http.NotFound(w, r)
		return
	case errors.Is(err, remote.ErrCorrupt):
		http.Error(w, "it is damaged at the storage, or the range ends past it", http.StatusRequestedRangeNotSatisfiable)
		return
	case err != nil:
		h.log.Debug("the link page can't read the storage", "error", err)
		http.Error(w, "the storage does not answer", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(found())
	_, _ = w.Write(b) // its error is of a client that has gone
}

// turn waits for a turn, and reports whether it came.
func (h *handler) turn(ctx context.Context) bool {
	select {
	case h.turns <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.turns <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// parseRange parses "bytes=A-B", the only form that the page sends. It returns the offset and the length.
func parseRange(s string) (off int64, n int, ok bool) {
	first, last, found := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	from, err := strconv.ParseUint(first, 10, 31)
	to, err2 := strconv.ParseUint(last, 10, 31)
	if !found || !strings.HasPrefix(s, "bytes=") || err != nil || err2 != nil || to < from || to-from >= maxRange {
		return 0, 0, false
	}
	return int64(from), int(to-from) + 1, true
}
