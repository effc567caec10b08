package dav

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"postern/dav/lock"
	"postern/vfs"
)

// put replaces or creates a file. Nothing is visible before the whole body has arrived and fits the client's checksums
// and length; until then the old file stays.
func (q *request) put() error {
	old := false // a file existed before
	err := q.upload(&old)
	if err != nil && old && q.who.clearsUp {
		q.h.guard.arm(q.client(), q.path)
	}
	return err
}

func (q *request) upload(old *bool) error {
	mayReplace := func(ctx context.Context, at vfs.Stater) error {
		now, err := stateAt(ctx, at, q.path)
		if err != nil {
			return err
		}
		*old = now.exists && !now.Folder
		if now.exists && now.Folder {
			return fail(http.StatusMethodNotAllowed, "There is a folder of this name.")
		}
		touches := []lock.Touch{{Path: q.path}}
		if !now.exists {
			touches = append(touches, lock.Touch{Path: path.Dir(q.path)})
		}
		return q.allowed(ctx, at, now, touches...)
	}
	// Refuse now, before the client sends gigabytes.
	if err := q.patiently(func() error { return mayReplace(q.ctx(), q.fs) }); err != nil {
		return err
	}
	switch {
	case q.slash:
		return fail(http.StatusMethodNotAllowed, "An address that ends in a slash is that of a folder; MKCOL makes one.")
	case q.r.Header.Get("Content-Range") != "":
		// RFC 9110, 14.5: storing a part as if it were the whole would be worse.
		return fail(http.StatusBadRequest, "A file can only be replaced as a whole: Content-Range is not supported.")
	case q.r.Header.Get("OC-Chunked") != "":
		return fail(http.StatusBadRequest,
			"A file can only be sent as a whole: uploads in pieces (OC-Chunked) are not supported.")
	case q.encoded():
		// RFC 9110, 15.5.16: readers of the file would get the packed bytes without knowing it.
		return fail(http.StatusUnsupportedMediaType, "A file is stored as it is: Content-Encoding is not supported.")
	}
	promises, err := q.promises()
	if err != nil {
		return err
	}
	if err := q.roomFor(q.expected()); err != nil {
		return err
	}
	if *old && q.who.clearsUp {
		q.h.guard.begin(q.client(), q.path)
	}
	create := q.ctx()
	if !q.wantsMD5(promises) {
		create = vfs.LateMD5(create)
	}
	up, err := q.stage(create)
	if err != nil {
		return err
	}
	defer up.Abort()
	sums, err := q.receive(up, promises)
	if err != nil {
		return err
	}
	if err := q.verify(sums, promises); err != nil {
		return err
	}
	release, err := q.h.locks.Hold(q.ctx(), lock.Touch{Path: q.path}, lock.Touch{Path: path.Dir(q.path)})
	if err != nil {
		return err
	}
	defer release()
	mtime := q.mtime()
	info, replaced,
		err := up.Commit(q.ctx(), vfs.CommitOptions{Modified: mtime, ContentType: q.contentType(), Cond: mayReplace})
	if err := q.made(err); err != nil {
		return err
	}
	q.h.guard.disarm(q.client(), q.path)
	if q.who.clearsUp {
		q.h.guard.armUnless(info.SHA1, q.client(), q.path)
	}
	q.acceptMtime(mtime)
	q.describe(info)
	if replaced {
		q.status(http.StatusNoContent)
	} else {
		q.status(http.StatusCreated)
	}
	return nil
}

// wantsMD5 reports whether the client wants the MD5 of what it sends, now or as soon as it has the answer. Those that
// send a checksum of any kind ask for checksums afterwards, and so does rclone, which sends none of files whose hash it
// does not know.
func (q *request) wantsMD5(promises []promise) bool { return len(promises) > 0 || q.who.clearsUp }

// encoded reports whether the body is an encoding of the file.
func (q *request) encoded() bool {
	coding := strings.TrimSpace(q.r.Header.Get("Content-Encoding"))
	return coding != "" && !strings.EqualFold(coding, "identity")
}

// expected returns the length announced by the client, or -1. Finder sends it in a header next to the chunks
// (X-Expected-Entity-Length).
func (q *request) expected() int64 {
	if q.r.ContentLength >= 0 && q.r.Header.Get("X-Expected-Entity-Length") == "" {
		return q.r.ContentLength
	}
	n, err := strconv.ParseInt(strings.TrimSpace(q.r.Header.Get("X-Expected-Entity-Length")), 10, 64)
	if err != nil || n < 0 {
		return q.r.ContentLength
	}
	return n
}

func (q *request) roomFor(n int64) error {
	if n <= 0 {
		return nil
	}
	u, err := q.fs.Usage(q.ctx(), q.path, n)
	if err != nil || u.Available < 0 || n <= u.Available {
		return nil //nolint:nilerr // unknown room is accepted
	}
	up, err := q.stage(q.ctx())
	if err != nil {
		return err // a read-only folder has no room either, but that is not the reason
	}
	up.Abort()
	return &failure{status: webdav.StatusInsufficientStorage, condition: "quota-not-exceeded",
		message: "This file is larger than the room that is left for it. Make room, or try again when less is waiting to " +
			"be uploaded."}
}

func (q *request) stage(ctx context.Context) (up vfs.Upload, err error) {
	err = q.patiently(func() (err error) {
		up, err = q.fs.Create(ctx, q.path)
		return err
	})
	return up, err
}

// receive reads the body into the drive.
func (q *request) receive(up vfs.Upload, promises []promise) (vfs.Sums, error) {
	b := q.body()
	defer b.end()
	_, err := up.ReadFrom(summed(b, promises))
	switch {
	case b.err != nil:
		return vfs.Sums{}, bodyFailure(b.err)
	case err != nil:
		return vfs.Sums{}, err
	case q.r.ContentLength >= 0 && b.n != q.r.ContentLength:
		return vfs.Sums{}, bodyFailure(io.ErrUnexpectedEOF)
	}
	return up.Sums()
}

// verify compares the received body with the promised checksums.
func (q *request) verify(sums vfs.Sums, promises []promise) error {
	if want := q.expected(); want >= 0 && want != sums.Size {
		return fail(http.StatusBadRequest, "Only %d of %d bytes have arrived; nothing was changed.", sums.Size, want)
	}
	for _, p := range promises {
		if !p.kept(sums) {
			return fail(http.StatusBadRequest,
				"What has arrived does not fit the checksum in %s (it is %s); nothing was changed.", p.header, hexSums(sums))
		}
	}
	return nil
}

// contentType returns the client's type, unless it is a generic one: then the drive decides by the name.
func (q *request) contentType() string {
	t, params, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	switch {
	case err != nil, t == "application/octet-stream", t == "application/x-www-form-urlencoded",
		strings.HasPrefix(t, "multipart/"):
		return ""
	}
	return mime.FormatMediaType(t, params)
}

// describe adds headers with a file's new state, which saves the client a request.
func (q *request) describe(info vfs.Info) {
	h := q.w.Header()
	etag := etagOf(info)
	h.Set("ETag", etag)
	h.Set("OC-ETag", etag)
	h.Set("Last-Modified", q.h.lastModified(info))
}

// errRaced means that the path was free a moment before.
var errRaced = errors.New("something was made meanwhile")

// createEmpty creates an empty file for a lock on a free path (RFC 4918, 7.3).
func (q *request) createEmpty(allowed vfs.Cond) (vfs.Info, error) {
	up, err := q.stage(q.ctx())
	if err != nil {
		return vfs.Info{}, err
	}
	defer up.Abort()
	info, _, err := up.Commit(q.ctx(), vfs.CommitOptions{Modified: time.Time{}, Cond: allowed})
	return info, q.made(err)
}
