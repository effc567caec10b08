package dav

import (
	"context"
	"net/http"
	"path"

	"postern/dav/lock"
	"postern/vfs"
)

// mkcol makes a folder.
func (q *request) mkcol() error {
	b := q.body()
	none := b.empty()
	b.end()
	switch {
	case b.err != nil:
		return bodyFailure(b.err)
	case !none:
		// RFC 5689's extended MKCOL is for calendars.
		return fail(http.StatusUnsupportedMediaType, "A folder is made without a body.")
	}
	touches := []lock.Touch{{Path: q.path}, {Path: path.Dir(q.path)}}
	release, err := q.h.locks.Hold(q.ctx(), touches...)
	if err != nil {
		return err
	}
	defer release()
	err = q.patiently(func() error {
		return q.fs.Mkdir(q.ctx(), q.path, func(ctx context.Context, at vfs.Stater) error {
			now, err := stateAt(ctx, at, q.path)
			if err != nil {
				return err
			}
			if now.exists {
				// rclone creates each parent for each file, and needs this answer even if the folder could not be created.
				return errExists
			}
			return q.allowed(ctx, at, now, touches...)
		})
	})
	if err != nil {
		return err
	}
	q.status(http.StatusCreated)
	return nil
}

var errExists = fail(http.StatusMethodNotAllowed, "There is something of this name already.")
