// Package dav serves a drive (package vfs) over WebDAV: RFC 4918 class 1, 2 and 3, with the extensions that the
// programs in CLIENTS.md need.
//
// Its terms are those of golang.org/x/net/webdav (LockDetails, Condition, Propstat, its status codes). That package's
// handler is not used, because it loses data: it removes a MOVE's destination before it looks for the source,
// overwrites in place, ignores If-Match and Content-Range on PUT, and refuses the save sequences of Office and davfs2.
// CLIENTS.md has the list.
//
// Each request takes the same path: handler.go chooses the method, target.go resolves the URL, precondition.go and
// package lock check whether the change is allowed, one file per method makes it, errors.go maps errors to answers.
// Every condition of a change is checked in a vfs.Cond, in the same step as the change itself.
package dav

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"postern/dav/auth"
	"postern/dav/lock"
	"postern/dav/page"
	"postern/vfs"
)

// Handler serves a drive over WebDAV. It is safe for concurrent use.
type Handler struct {
	fs    vfs.FS
	o     Options
	locks lock.System
	guard *guard
	finds findCache
	pages *page.Pages
	life  life

	archives, largeXML gate
}

// New returns a handler. It fails if the locks cannot be loaded: a client's lock would otherwise be lost silently.
func New(fs vfs.FS, o Options) (*Handler, error) {
	o = o.withDefaults()
	if o.System == nil {
		locks, err := lock.New(lock.Options{Store: o.Locks, Clock: o.Clock, Rand: o.Rand, Longest: o.LockTimeout})
		if err != nil {
			return nil, fmt.Errorf("start the WebDAV handler: %w", err)
		}
		o.System = locks
	}
	return &Handler{fs: fs, o: o, locks: o.System, guard: newGuard(o), life: newLife(),
		archives: make(gate, maxArchives), largeXML: make(gate, maxLargeXML),
		pages: page.New(page.Options{Status: o.Status, People: o.People, Clock: o.Clock, Rand: o.Rand})}, nil
}

// Stop makes current and later requests stop waiting for storage. Nothing else ends a request that was read whole, not
// even its client's disconnection, so call it once a server has waited long enough for its requests.
func (h *Handler) Stop() { h.life.end() }

// Locks returns the locks of the drive, for commands that show or break them.
func (h *Handler) Locks() lock.System { return h.locks }

// methods are all supported methods; allow lists them for an Allow header. The list is the same for all resources:
// OPTIONS needs no login, and must not reveal which files exist. POST is only for the pages' own forms.
var methods = map[string]func(*request) error{
	http.MethodOptions: (*request).options,
	http.MethodGet:     (*request).get,
	http.MethodHead:    (*request).get,
	http.MethodPut:     (*request).put,
	http.MethodDelete:  (*request).delete,
	"PROPFIND":         (*request).propfind,
	"PROPPATCH":        (*request).proppatch,
	"MKCOL":            (*request).mkcol,
	"COPY":             (*request).copy,
	"MOVE":             (*request).move,
	"LOCK":             (*request).lock,
	"UNLOCK":           (*request).unlock,
}

const allow = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK"

// refused are known methods without support (405); unknown ones get 501.
var refused = map[string]bool{
	http.MethodPatch: true, http.MethodTrace: true, http.MethodConnect: true,
}

// making has the methods for which a missing parent is a conflict (409), not a missing resource (404).
var making = map[string]bool{http.MethodPut: true, "MKCOL": true, "COPY": true, "MOVE": true, "LOCK": true}

// mounted is a drive whose mounts change at run time. Now returns it with its current mounts.
type mounted interface{ Now() vfs.FS }

// now returns the drive that one request uses from beginning to end.
func (h *Handler) now() vfs.FS {
	if d, ok := h.fs.(mounted); ok {
		return d.Now()
	}
	return h.fs
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	waits := newWait(h.o.Patience)
	defer waits.end()
	ctx, release := h.life.of(r.Context())
	defer release()
	r = r.WithContext(vfs.Until(ctx, waits.over))
	q := &request{h: h, fs: h.now(), w: answer{w, waits}, r: r, who: profileOf(r), wait: waits}
	q.submitted.Principal = auth.User(r.Context())
	err := q.serve()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		q.leave()
	}
	if err != nil {
		q.fail(err, making[r.Method])
	}
}

// serve answers the request, or returns an error if no answer was sent yet.
func (q *request) serve() error {
	defer q.exit()
	method, ok := methods[q.r.Method]
	switch {
	case q.r.Method == http.MethodPost:
		method = (*request).form
	case !ok && refused[q.r.Method]:
		return fail(http.StatusMethodNotAllowed, "Method %s is not supported.", q.r.Method)
	case !ok:
		return fail(http.StatusNotImplemented, "The drive does not know this method.")
	case q.r.Method == http.MethodOptions:
		return q.options()
	case q.h.pages.Serve(q.w, q.r):
		return nil
	}
	t, err := unescape(q.r.URL.EscapedPath(), q.who)
	if err != nil {
		if errors.Is(err, errURL) {
			return fail(http.StatusBadRequest, "The address is not one of this drive.")
		}
		return err
	}
	q.target = t
	if err := q.readIf(); err != nil {
		return err
	}
	return method(q)
}
