package dav

import (
	"context"
	"errors"
	"net/http"
	"path"

	"postern/dav/lock"
	"postern/vfs"
)

// copy copies a file, or a folder with or without its members.
func (q *request) copy() error {
	t, d, err := q.transfer()
	if err != nil {
		return err
	}
	if d == depth1 {
		return fail(http.StatusBadRequest, "A copy is of Depth 0 or infinity.")
	}
	t.o.Shallow = d == depth0
	return q.finish(t, func() (bool, error) { return q.fs.Copy(q.ctx(), q.path, t.to, t.o) })
}

// move renames in one step, also over an existing file or folder.
func (q *request) move() error {
	t, d, err := q.transfer()
	if err != nil {
		return err
	}
	if d.partial() && q.isFolder() {
		return fail(http.StatusBadRequest, "A folder can only be moved with all that is in it.")
	}
	t.moving = true
	return q.finish(t, func() (bool, error) { return q.fs.Move(q.ctx(), q.path, t.to, t.o) })
}

// transfer is a COPY or MOVE.
type transfer struct {
	to       string
	moving   bool
	o        vfs.CopyOptions
	src, dst state // as seen by the condition
}

// transfer parses the headers of a COPY or MOVE.
func (q *request) transfer() (*transfer, depth, error) {
	raw := q.r.Header.Get("Destination")
	if raw == "" {
		return nil, 0, fail(http.StatusBadRequest, "The Destination header is missing.")
	}
	to, err := resolve(raw, q.r, q.who)
	switch {
	case errors.Is(err, errForeign):
		return nil, 0, fail(http.StatusBadGateway, "The destination is on another server.")
	case errors.Is(err, errURL):
		return nil, 0, fail(http.StatusBadRequest, "The destination is not an address of this drive.")
	case err != nil:
		return nil, 0, err
	}
	replace, err := q.overwrite()
	if err != nil {
		return nil, 0, err
	}
	d, err := q.depth()
	return &transfer{to: to.path, o: vfs.CopyOptions{Replace: replace, Modified: q.mtime()}}, d, err
}

// finish makes the change. The drive checks everything before it removes anything, and does both in one step.
func (q *request) finish(t *transfer, do func() (bool, error)) error {
	t.o.Cond = func(ctx context.Context, at vfs.Stater) error { return q.mayTransfer(ctx, at, t) }
	release, err := q.h.locks.Hold(q.ctx(), q.touches(t)...)
	if err != nil {
		return err
	}
	defer release()
	var replaced bool
	err = q.patiently(func() (err error) {
		replaced, err = do()
		return err
	})
	if err != nil {
		return q.lockedMembers(err)
	}
	if t.moving {
		q.drop(q.path, false)
	}
	if replaced {
		// A file that replaced a file is under the same lock: its holder saved by renaming. (Strictly, RFC 4918, 9.9.3,
		// deletes the destination first, and the lock with it; then another program could change the file before the holder's
		// next save.)
		q.drop(t.to, !t.src.Folder && !t.dst.Folder)
	}
	q.h.guard.disarm(q.client(), t.to)
	q.acceptMtime(t.o.Modified)
	if replaced {
		q.status(http.StatusNoContent)
	} else {
		q.status(http.StatusCreated)
	}
	return nil
}

// touches returns all places that the request could touch.
func (q *request) touches(t *transfer) []lock.Touch {
	touches := []lock.Touch{{Path: t.to, Deep: true}, {Path: path.Dir(t.to)}}
	if t.moving {
		touches = append(touches, lock.Touch{Path: q.path, Deep: true}, lock.Touch{Path: path.Dir(q.path)})
	}
	return touches
}

func (q *request) mayTransfer(ctx context.Context, at vfs.Stater, t *transfer) (err error) {
	if t.src, err = stateAt(ctx, at, q.path); err != nil {
		return err
	}
	if t.dst, err = stateAt(ctx, at, t.to); err != nil {
		return err
	}
	from, to := lock.Key(q.path), lock.Key(t.to)
	switch {
	case !t.src.exists:
		return errMissing
	case from == to && !(t.moving && path.Base(t.to) != t.src.Name):
		return fail(http.StatusForbidden, "The destination is the source.")
	case within(to, from) && t.src.Folder:
		return fail(http.StatusForbidden, "A folder can't be put into itself.")
	case within(from, to):
		return fail(http.StatusConflict, "The destination is a folder that the source lies in.")
	}
	if err := q.allowed(ctx, at, t.src, q.needed(t)...); err != nil {
		return err
	}
	if t.dst.exists && !t.o.Replace && from != to {
		return fail(http.StatusPreconditionFailed, "There is something at the destination already.")
	}
	return nil
}

// needed returns the places that the request touches in the current state. Replacing a file does not change the members
// of its folder.
func (q *request) needed(t *transfer) []lock.Touch {
	touches := []lock.Touch{{Path: t.to, Deep: t.dst.exists}}
	if !t.dst.exists {
		touches = append(touches, lock.Touch{Path: path.Dir(t.to)})
	}
	if t.moving {
		touches = append(touches, lock.Touch{Path: q.path, Deep: true}, lock.Touch{Path: path.Dir(q.path)})
	}
	return touches
}
