package dav

import (
	"context"
	"errors"
	"net/http"
	"path"

	"golang.org/x/net/webdav"

	"postern/dav/lock"
	"postern/vfs"
)

// delete removes a file, or a folder with everything in it, in one step or not at all: if another program has locked a
// member, nothing is deleted. (RFC 4918, 9.6.1, allows a server to delete as much as it can; half a folder is of no
// use.)
func (q *request) delete() error {
	d, err := q.depth()
	if err != nil {
		return err
	}
	if d.partial() && q.isFolder() {
		return fail(http.StatusBadRequest, "A folder can only be deleted with all that is in it.")
	}
	touches := []lock.Touch{{Path: q.path, Deep: true}, {Path: path.Dir(q.path)}}
	release, err := q.h.locks.Hold(q.ctx(), touches...)
	if err != nil {
		return err
	}
	defer release()
	err = q.patiently(func() error {
		return q.fs.Remove(q.ctx(), q.path, func(ctx context.Context, at vfs.Stater) error {
			now, err := stateAt(ctx, at, q.path)
			if err != nil {
				return err
			}
			switch {
			case !now.exists:
				return errMissing
			case now.ReadOnly:
				return vfs.ErrReadOnly
			}
			if err := q.allowed(ctx, at, now, touches...); err != nil {
				return err
			}
			if !q.conditioned() && q.h.guard.spend(q.client(), q.path, now.SHA1) && !now.Folder && q.who.clearsUp {
				return errKept
			}
			return nil
		})
	})
	if errors.Is(err, errKept) {
		q.h.o.Log.InfoContext(q.ctx(), "kept a file that was deleted to clear up after an upload", "path", q.path)
	}
	if err != nil {
		return q.lockedMembers(err)
	}
	q.drop(q.path, false)
	q.status(http.StatusNoContent)
	return nil
}

// errKept is the answer to a client that deletes the target of its failed upload (see guard).
var errKept = fail(http.StatusConflict,
	"This was not deleted: it is not what this program has just uploaded, but an earlier version or "+
		"another program's. Delete it once more if that is what you want.")

// conditioned reports whether the client named the state that it means; such a DELETE is not guarded.
func (q *request) conditioned() bool {
	return len(q.ifs) > 0 || q.r.Header.Get("If-Match") != "" || q.r.Header.Get("If-Unmodified-Since") != ""
}

var errMissing = fail(http.StatusNotFound, "There is nothing of this name.")

// drop removes the locks on deleted files. A failure leaves a lock's record in the store for an hour, and does not fail
// the request.
func (q *request) drop(p string, keep bool) {
	if err := q.h.locks.Drop(q.ctx(), p, keep); err != nil {
		q.h.o.Log.WarnContext(q.ctx(), "lock not removed", "path", p, "error", err)
	}
}

// lockedMembers answers with a multi-status if members of a folder are locked, so that the client learns which (RFC
// 4918, 9.6.1 and 9.9.2); it returns other errors unchanged.
func (q *request) lockedMembers(err error) error {
	f := failureOf(err, making[q.r.Method])
	var locked *lock.Locked
	if !errors.As(f, &locked) || !locked.Beneath {
		return err
	}
	return q.members(f, locked, func(*multistatus) error { return nil })
}

// members answers with the locked members, each with the failure's condition, and the responses that after adds.
func (q *request) members(f *failure, locked *lock.Locked, after func(*multistatus) error) error {
	q.failed = f
	m := q.multistatus()
	for _, l := range locked.Locks {
		if err := m.response(l.Root, webdav.StatusLocked, f.condition, []string{l.Root}); err != nil {
			return m.broken(err)
		}
	}
	if err := after(m); err != nil {
		return m.broken(err)
	}
	return m.finish()
}
