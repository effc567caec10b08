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

// delete removes a file, or a folder with all that is in it, in one step or not at all: when a member is locked by
// somebody else nothing goes (RFC 4918, 9.6.1, lets a server delete as much as it can; half a folder is of no use to
// anybody).
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

// errKept refuses a client that only wants to clear up after itself (see guard).
var errKept = fail(http.StatusConflict,
	"This was not deleted: it is not what this program has just uploaded, but an earlier version or "+
		"another program's. Delete it once more if that is what you want.")

// conditioned reports whether the client has said which state it means; then it knows what it does.
func (q *request) conditioned() bool {
	return len(q.ifs) > 0 || q.r.Header.Get("If-Match") != "" || q.r.Header.Get("If-Unmodified-Since") != ""
}

var errMissing = fail(http.StatusNotFound, "There is nothing of this name.")

// drop forgets the locks on what is gone. That a lock's record stays in the store for an hour is no reason to tell the
// client that its request failed.
func (q *request) drop(p string, keep bool) {
	if err := q.h.locks.Drop(q.ctx(), p, keep); err != nil {
		q.h.o.Log.WarnContext(q.ctx(), "lock not forgotten", "path", p, "error", err)
	}
}

// lockedMembers answers with a multi-status when it is members of a folder that are locked, so that the client knows
// which (RFC 4918, 9.6.1 and 9.9.2); other errors it returns as they are.
func (q *request) lockedMembers(err error) error {
	f := failureOf(err, making[q.r.Method])
	var locked *lock.Locked
	if !errors.As(f, &locked) || !locked.Beneath {
		return err
	}
	return q.members(f, locked, func(*multistatus) error { return nil })
}

// members answers with the members that are locked, each with the failure's condition, and what comes after them.
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
