package dav

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"postern/dav/page"
	"postern/vfs"
)

// get answers GET and HEAD: of a file its bytes, of a folder a page for browsers.
func (q *request) get() error {
	if page.IsVersions(q.r) {
		return q.patiently(func() error { return q.h.pages.Versions(q.w, q.r, q.fs, q.path) })
	}
	if q.h.pages.WantsPeople(q.r, q.path) {
		return q.peoplePage()
	}
	var f vfs.File
	err := q.patiently(func() (err error) {
		f, err = q.fs.Open(q.ctx(), q.path)
		return err
	})
	switch {
	case errors.Is(err, vfs.ErrIsFolder):
		return q.page()
	case err != nil:
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info := f.Info()
	now := state{Info: info, exists: true}
	if page.Wants(q.r) {
		if ok, err := q.ifHolds(q.ctx(), q.fs, now); err != nil {
			return err
		} else if !ok {
			return errPrecondition("If")
		}
		return q.h.pages.File(q.w, q.r, q.path, f)
	}
	err = q.preconditions(q.ctx(), q.fs, now)
	if err != nil && !errors.Is(err, errNotModified) {
		return err
	}
	h := q.w.Header()
	q.describe(info)
	if policy := policyOf(info.ContentType); policy != "" {
		h.Set("Content-Security-Policy", policy)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-cache") // a cache asks each time, by the ETag
	if err != nil {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", info.ContentType)
	if info.ContentType == "" {
		h.Set("Content-Type", "application/octet-stream") // else net/http would read the file to guess
	}
	return q.send(f)
}

// send answers with the file's bytes: all of them, a range, or several ranges. Several, and those that can't be
// satisfied, are net/http's.
func (q *request) send(f vfs.File) error {
	w := &fileWriter{ResponseWriter: q.w, q: q}
	size := f.Info().Size
	ranges, asked := q.ranges(f.Info())
	if len(ranges) != 1 && asked {
		http.ServeContent(w, q.ranged(ranges, size), "", time.Time{}, f)
		return w.end()
	}
	send := byteSpan{0, size - 1}
	h := q.w.Header()
	h.Set("Accept-Ranges", "bytes")
	w.WriteHeader(http.StatusOK)
	if asked {
		send = ranges[0]
		w.WriteHeader(http.StatusPartialContent)
		h.Set("Content-Range", "bytes "+send.String()+"/"+strconv.FormatInt(size, 10))
	}
	h.Set("Content-Length", strconv.FormatInt(send.size(), 10))
	if q.r.Method == http.MethodHead {
		return w.end()
	}
	if _, err := f.Seek(send.first, io.SeekStart); err != nil {
		return err
	}
	w.copy(f, send.size())
	return w.end()
}

// policyOf returns the Content-Security-Policy of a file that a browser opens: a page that somebody put into the drive
// must not act as the drive itself, so it gets an origin of its own and no scripts. Only media for the browser's
// player, which runs no scripts either, keep the drive's origin, because the player could not load them otherwise.
// These types are a list, since a client chooses the stored type, and browsers treat "video/x+xml" as a document. Only
// PDFs have no sandbox: the browser's viewer shows nothing in one, and is one itself.
func policyOf(contentType string) string {
	const nothing = "; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'"
	plain, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
	case plain == "application/pdf":
		return ""
	case page.Plays(plain):
		return "sandbox allow-same-origin" + nothing
	}
	return "sandbox" + nothing
}

// fileWriter is between http.ServeContent and the client. It delays the header until there are bytes, so that an error
// of the storage can still have an answer of its own, and it lets the file write itself instead of copying it through a
// buffer of 32 KiB.
type fileWriter struct {
	http.ResponseWriter
	q     *request
	code  int
	sent  bool
	wrote int64
	err   error // error of reading the file
}

// WriteHeader implements http.ResponseWriter: the last code counts.
func (w *fileWriter) WriteHeader(code int) { w.code = code }

func (w *fileWriter) send() {
	if w.sent {
		return
	}
	w.sent = true
	if w.code == 0 {
		w.code = http.StatusOK
	}
	w.ResponseWriter.WriteHeader(w.code)
}

// Write implements http.ResponseWriter. It returns errors unchanged; only those of the storage are kept in err.
func (w *fileWriter) Write(p []byte) (int, error) {
	w.send()
	n, err := w.ResponseWriter.Write(p)
	w.wrote += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom for the source that http.ServeContent uses: a limited reader of the file.
func (w *fileWriter) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if ok {
		if f, ok := limited.R.(vfs.File); ok {
			n := w.copy(f, limited.N)
			limited.N -= n
			return n, w.err
		}
	}
	return io.Copy(plainWriter{w}, src)
}

// copy sends the next n bytes of a file, waits for storage that is away, and keeps what the storage fails with.
func (w *fileWriter) copy(f vfs.File, n int64) (written int64) {
	w.err = w.q.patiently(func() error {
		done, err := f.WriteNTo(plainWriter{w}, n-written)
		written += done
		return err
	})
	return written
}

// Unwrap is for http.ResponseController.
func (w *fileWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// plainWriter hides ReadFrom.
type plainWriter struct{ w *fileWriter }

func (p plainWriter) Write(b []byte) (int, error) { return p.w.Write(b) }

// end sends the delayed header, or returns the error.
func (w *fileWriter) end() error {
	if w.err != nil && !w.sent {
		return w.err
	}
	w.send()
	if w.err != nil && !w.q.gone() {
		// The header announced the length, so net/http closes the connection and the client notices that the file is
		// incomplete.
		w.q.h.o.Log.WarnContext(w.q.ctx(), "file not sent whole", "path", w.q.path, "sent", strconv.FormatInt(w.wrote, 10),
			"error", w.err)
	}
	return nil
}
