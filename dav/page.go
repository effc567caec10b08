package dav

import (
	"postern/dav/page"
	"postern/vfs"
)

// page sends a folder to a browser as a page or an archive. Programs that only check for existence (Office and
// LibreOffice send HEAD) get 200 too, without a listing.
func (q *request) page() error {
	info, err := q.stat()
	if err != nil {
		return err
	}
	if ok, err := q.ifHolds(q.ctx(), q.fs, state{Info: info, exists: true}); err != nil {
		return err
	} else if !ok {
		return errPrecondition("If")
	}
	if page.WantsZip(q.r) {
		return q.zip(info)
	}
	each := q.eachMember
	if q.r.Method == "HEAD" {
		each = func(func(*vfs.Info) error) error { return nil }
	}
	return q.h.pages.Folder(q.w, q.r, q.path, info, each)
}
