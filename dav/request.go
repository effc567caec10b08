package dav

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"postern/dav/lock"
	"postern/vfs"
)

// request is the state of one request.
type request struct {
	target
	h         *Handler
	fs        vfs.FS // the drive, with the mounts that it had when the request began
	w         http.ResponseWriter
	r         *http.Request
	who       profile
	wait      *wait
	ifs       ifHeader
	submitted lock.Submitted
	viewed    bool      // whether view and unknown are set
	view      lock.View // the locks at the path and below, to the request's depth
	unknown   error     // error of view
	quota     *quota    // of the last folder
	shares    *Sharing  // what the account shares, once it was needed
	failed    *failure  // the unsuccessful answer, if any
	inside    gate      // the gate in which it has a place
	pending   bool      // the change is durable here, but not yet at the remote
}

func (q *request) ctx() context.Context { return q.r.Context() }

// gone reports whether the client has gone, or the handler was stopped: no fault of the drive.
func (q *request) gone() bool { return q.wait.lost.Load() || q.ctx().Err() != nil }

// made returns the error of a change. A change that is durable here and not yet at the remote was made: it is answered
// with 202.
func (q *request) made(err error) error {
	if errors.Is(err, vfs.ErrPending) {
		q.pending = true
		return nil
	}
	return err
}

// status answers with a status and no body. A change that is not at the remote yet, although the drive was to wait for
// that (--sync=through), is answered 202: it is not undone, and a client must not take it for a failed one.
func (q *request) status(code int) {
	if q.pending && (code == http.StatusCreated || code == http.StatusNoContent) {
		code = http.StatusAccepted
	}
	if code != http.StatusNoContent {
		q.w.Header().Set("Content-Length", "0")
	}
	q.w.WriteHeader(code)
}

// state is the entry at a path, or none.
type state struct {
	vfs.Info
	exists bool
}

// stateAt returns the state of a path; a missing entry, or a file above it, is not an error.
func stateAt(ctx context.Context, at vfs.Stater, p string) (state, error) {
	info, err := at.Stat(ctx, p)
	switch {
	case err == nil:
		return state{Info: info, exists: true}, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder):
		return state{}, nil
	}
	return state{}, err
}

// stat returns the entry at the request's own path; a missing one is an error.
func (q *request) stat() (vfs.Info, error) {
	var info vfs.Info
	err := q.patiently(func() (err error) {
		info, err = q.fs.Stat(q.ctx(), q.path)
		return err
	})
	return info, err
}

// isFolder reports whether the request's own path is known to be a folder.
func (q *request) isFolder() bool {
	info, err := q.stat()
	return err == nil && info.Folder
}

// allowed is the condition of every change: the client's conditions hold (412 else), and the locks of the touched
// places are submitted (423 else). The order matters: a header that names the wrong lock is a failed condition.
func (q *request) allowed(ctx context.Context, at vfs.Stater, now state, touches ...lock.Touch) error {
	if err := q.preconditions(ctx, at, now); err != nil {
		return err
	}
	return q.unlocked(ctx, touches...)
}

// unlocked reports whether no lock forbids to touch these places, as things are at this moment.
func (q *request) unlocked(ctx context.Context, touches ...lock.Touch) error {
	_, err := q.h.locks.Confirm(ctx, q.submitted, touches...)
	return err
}

// lockedAt returns the locks at a path, and whether they are known. A listing asks once for all its members.
func (q *request) lockedAt(p string) ([]lock.Lock, bool) {
	if p != q.path && !within(p, q.path) {
		view, err := q.h.locks.View(q.ctx(), p, false)
		return view.Covering(p), err == nil
	}
	if !q.viewed {
		q.viewed = true
		d, err := q.depth()
		q.view, q.unknown = q.h.locks.View(q.ctx(), q.path, err == nil && d != depth0)
	}
	return q.view.Covering(p), q.unknown == nil
}

// longAway reports whether storage has been unreachable for longer than a request waits for it.
func (h *Handler) longAway() bool {
	since := h.storage().Offline
	return !since.IsZero() && h.o.Clock().Sub(since) > h.o.Patience
}

// storage returns the state of the drive towards its storage, if Options.Status is set.
func (h *Handler) storage() Status {
	if h.o.Status == nil {
		return Status{}
	}
	return h.o.Status()
}

// The pauses between attempts to reach storage.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 2 * time.Second
)

// patiently retries while storage is unreachable: to Finder and Explorer a short fault looks like a lost file, and a
// slow answer only like a slow disk. It does not wait for storage that has been unreachable for longer than that.
func (q *request) patiently(do func() error) error {
	err := q.made(do())
	if q.h.o.Patience <= 0 || !errors.Is(err, vfs.ErrUnavailable) || q.h.longAway() {
		return err
	}
	end := time.NewTimer(q.h.o.Patience) // for a request whose answer has begun; else the wait ends sooner
	defer end.Stop()
	for pause := firstPause; errors.Is(err, vfs.ErrUnavailable); pause = min(2*pause, maxPause) {
		next := time.NewTimer(pause)
		select {
		case <-next.C:
			err = q.made(do())
		case <-end.C:
			next.Stop()
			return err
		case <-q.wait.over():
			next.Stop()
			return err
		case <-q.ctx().Done():
			next.Stop()
			return err
		}
	}
	return err
}
