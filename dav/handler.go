package dav

import (
	"net/http"

	"postern/vfs"
)

// Handler serves a drive over WebDAV. It is safe for concurrent use.
type Handler struct {
	fs vfs.FS
	o  Options
}

// New makes a handler. It fails when the locks can't be loaded: without them a client's lock would silently be lost.
func New(fs vfs.FS, o Options) (*Handler, error) {
	return &Handler{fs: fs, o: o.withDefaults()}, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not implemented", http.StatusNotImplemented)
}
