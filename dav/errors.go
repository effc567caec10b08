package dav

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/webdav"

	"postern/dav/lock"
	"postern/dav/page"
	"postern/vfs"
	"postern/vfs/layout"
)

// retryAfter is the value of Retry-After while storage is unreachable.
const retryAfter = 10 * time.Second

// failure is an unsuccessful answer: a status, a sentence for people and, for programs, an optional precondition code
// of RFC 4918, 16 with the places that it concerns.
type failure struct {
	status    int
	message   string // one sentence with a full stop
	condition string // local name in DAV:, may be empty
	paths     []string
	err       error // the cause, for the log; may be nil
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.err }

func fail(status int, format string, args ...any) *failure {
	return &failure{status: status, message: fmt.Sprintf(format, args...)}
}

// kinds is the only table from kinds of errors to answers. make is the status of a request that would create something
// at the path, for which a missing or wrong parent is the cause; look is the status of all other requests.
var kinds = []struct {
	kind       error
	look, make int
	condition  string
	message    string
	making     string // message if the request would create something; empty: message
}{
	{vfs.ErrMounted, http.StatusForbidden, http.StatusForbidden, "",
		"Another space, such as a shared folder, lies in this folder, so it can't be moved, copied, replaced or deleted " +
			"as a whole: do it with the other things in it one by one.", ""},
	{vfs.ErrReadOnly, http.StatusForbidden, http.StatusForbidden, "", "This can't be changed: it is read-only.", ""},
	{vfs.ErrFull, webdav.StatusInsufficientStorage, webdav.StatusInsufficientStorage, "quota-not-exceeded",
		"There is no room for this: the disk is full, or too much waits to be uploaded. Make room, or try again when less " +
			"is waiting.", ""},
	// Clients do not retry after 507 (RFC 4918, 11.5: not until the user asks for it), and Finder keeps the file visible.
	{vfs.ErrBroken, webdav.StatusInsufficientStorage, webdav.StatusInsufficientStorage, "",
		"Nothing can be changed: the drive's journal on this machine could not be written. Check the disk, then restart " +
			"postern.", ""},
	{vfs.ErrTooDeep, http.StatusForbidden, http.StatusForbidden, "",
		fmt.Sprintf("This would lie more than %d folders deep, which is the most that the drive allows. Put it into a "+
			"folder further up.", vfs.MaxDepth), ""},
	{vfs.ErrTooLarge, http.StatusRequestEntityTooLarge, http.StatusRequestEntityTooLarge, "",
		"This is larger than the drive can keep.", ""},
	{vfs.ErrName, http.StatusBadRequest, http.StatusBadRequest, "", "This is not a name that the drive can keep.", ""},
	{vfs.ErrIsFolder, http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "", "There is a folder of this name.", ""},
	{vfs.ErrNotFolder, http.StatusNotFound, http.StatusConflict, "", "Something above this is not a folder but a file.",
		""},
	{syscall.EMFILE, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "", tooManyFiles, ""},
	{syscall.ENFILE, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "", tooManyFiles, ""},
	{vfs.ErrSlow, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "",
		"The storage behind the drive is slow just now; what was asked for is on its way from there, so try again in a " +
			"moment.", ""},
	{vfs.ErrUnavailable, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "",
		"The storage behind the drive can't be reached just now; try again later.", ""},
	{vfs.ErrCorrupt, http.StatusBadGateway, http.StatusBadGateway, "",
		"The storage behind the drive returned bytes that are not what was stored.", ""},
	{vfs.ErrInvalid, http.StatusForbidden, http.StatusForbidden, "", "This can't be done: the result would make no sense.",
		""},
	{vfs.ErrExist, http.StatusMethodNotAllowed, http.StatusPreconditionFailed, "",
		"There is something of this name already.", ""},
	{vfs.ErrNotExist, http.StatusNotFound, http.StatusConflict, "", "There is nothing of this name.",
		"The folder that this should be in is missing."},
	{lock.ErrUnavailable, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "",
		"The locks of the drive can't be reached just now; try again later.", ""},
	{lock.ErrTooMany, webdav.StatusInsufficientStorage, webdav.StatusInsufficientStorage, "",
		"There are too many locks on the drive.", ""},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, http.StatusRequestTimeout, "",
		"The request stood still for too long.", ""},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "",
		"This took too long; try again later.", ""},
	{context.Canceled, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "",
		"The drive is being stopped; try again later.", ""},
}

// notYours says how to get rid of what somebody else shares.
func notYours(path string) string {
	return "Somebody else shares this, so it can't be deleted, moved or renamed here. To remove it from this " +
		"drive only, run postern share leave '" + vfs.ReadablePath(path) + "', or use the page of " + layout.Shared + "."
}

const tooManyFiles = "Too many files are open on the drive's machine at the same time; try again in a moment."

// failureOf returns the answer to an error. making means that the request would have created something.
func failureOf(err error, making bool) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var locked *lock.Locked
	if errors.As(err, &locked) {
		return lockedFailure(locked, "lock-token-submitted")
	}
	for _, k := range kinds {
		if !errors.Is(err, k.kind) {
			continue
		}
		f := &failure{status: k.look, message: k.message, condition: k.condition, err: err}
		if making {
			f.status, f.message = k.make, cmp.Or(k.making, k.message)
		}
		return f
	}
	return &failure{status: http.StatusInternalServerError,
		message: "Something went wrong inside the drive; its log says what.", err: err}
}

func lockedFailure(locked *lock.Locked, condition string) *failure {
	f := &failure{status: webdav.StatusLocked, condition: condition,
		message: "This is locked by another program or user. Close it there, or free it with postern locks break.",
		err:     locked}
	for _, l := range locked.Locks {
		f.paths = append(f.paths, l.Root)
	}
	return f
}

// fail answers with an error. making is as in failureOf.
func (q *request) fail(err error, making bool) {
	f := failureOf(err, making)
	now := q.h.storage()
	if now.Blocked != "" && errors.Is(f.err, vfs.ErrReadOnly) {
		f.message = now.Blocked
	}
	removing := q.r.Method == http.MethodDelete || q.r.Method == "MOVE"
	if removing && layout.IsOffer(q.path) && (errors.Is(f.err, vfs.ErrReadOnly) || errors.Is(f.err, vfs.ErrMounted)) {
		f.message = notYours(q.path)
	}
	// With a cause the whole drive is read-only.
	if at, ok := errors.AsType[*vfs.Error](f.err); ok && errors.Is(at.Kind, vfs.ErrReadOnly) && at.Err == nil &&
		path.Dir(at.Path) == "/" {
		f.message = "The top of the drive is read-only: put files and folders into " + layout.Files + "."
	}
	q.failed = f
	if f.status >= http.StatusInternalServerError && f.status != webdav.StatusInsufficientStorage {
		level := slog.LevelWarn
		if q.gone() || errors.Is(f.err, vfs.ErrUnavailable) && !now.Offline.IsZero() {
			level = slog.LevelDebug // no fault of the drive, or an outage that was already logged
		}
		q.h.o.Log.Log(q.ctx(), level, "request failed", "method", q.r.Method, "status", f.status, "error", f.err)
	}
	header := q.w.Header()
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition", "Etag",
		"Last-Modified", "Accept-Ranges"} {
		header.Del(name)
	}
	status := f.status
	switch {
	case status == http.StatusServiceUnavailable && q.who.finder:
		// Finder treats a 5xx as "no such file" and forgets the file; it treats 424 as "busy".
		status = webdav.StatusFailedDependency
	case status == http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	case status == http.StatusMethodNotAllowed:
		header.Set("Allow", allow)
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if page.WantsHTML(q.r) {
		page.Failure(q.w, q.r, status, f.message, q.path)
		return
	}
	body := q.errorBody(f)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	q.w.WriteHeader(status)
	if q.r.Method != http.MethodHead {
		q.w.Write(body) //nolint:errcheck // the client has gone
	}
}

// errorBody returns a plain sentence for browsers, else DAV:error. The message's element is sabre's, which Nextcloud's
// clients, Cyberduck and rclone display.
func (q *request) errorBody(f *failure) []byte {
	if m := q.r.Method; f.condition == "" && (m == http.MethodGet || m == http.MethodHead || m == http.MethodPost) {
		q.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return []byte(f.message + "\n")
	}
	q.w.Header().Set("Content-Type", xmlType)
	var b bytes.Buffer
	b.WriteString(xmlHead + `<D:error xmlns:D="DAV:" xmlns:s="http://sabredav.org/ns">`)
	if f.condition != "" {
		b.Write(appendCondition(nil, f.condition, f.paths, q.who))
	}
	b.WriteString("<s:message>")
	b.Write(appendText(nil, f.message))
	b.WriteString("</s:message></D:error>")
	return b.Bytes()
}

// appendCondition appends a precondition element with its hrefs.
func appendCondition(b []byte, condition string, paths []string, who profile) []byte {
	if len(paths) == 0 {
		return append(append(append(b, "<D:"...), condition...), "/>"...)
	}
	b = append(append(append(b, "<D:"...), condition...), '>')
	for _, p := range paths {
		b = append(b, "<D:href>"...)
		b = appendHref(b, p, false, who)
		b = append(b, "</D:href>"...)
	}
	return append(append(append(b, "</D:"...), condition...), '>')
}
