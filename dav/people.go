package dav

import (
	"cmp"
	"errors"
	"net/http"

	"postern/dav/page"
)

// peoplePage answers a browser with a page about people.
func (q *request) peoplePage() error {
	info, err := q.stat()
	if err != nil {
		return err
	}
	return refusedBy(q.h.pages.People(q.w, q.r, q.path, info))
}

// people makes the change of a form about people.
func (f *form) people() error {
	q := f.q
	if q.h.o.People == nil {
		return errForm
	}
	wish, ok := page.WishOf(q.path, func(name string) []string { return f.fields[name] })
	if !ok {
		return errForm
	}
	to, err := q.h.o.People.Do(q.ctx(), wish)
	if err != nil {
		return refusedBy(err)
	}
	where := appendHref(nil, cmp.Or(to, q.path), false, q.who)
	if back := page.BackTo(q.r, q.path); to == "" && back != "" {
		where = append(append(where, '?'), back...)
	}
	q.w.Header().Set("Location", string(where))
	q.status(http.StatusSeeOther)
	return nil
}

// refusedBy turns a refusal about people into an answer with its sentence; it returns other errors unchanged.
func refusedBy(err error) error {
	r, ok := errors.AsType[*page.Refusal](err)
	switch {
	case !ok:
		return err
	case r.Away:
		return &failure{status: http.StatusServiceUnavailable, message: r.Why, err: err}
	}
	return &failure{status: http.StatusConflict, message: r.Why, err: err}
}
