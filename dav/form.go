package dav

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	pathpkg "path"
	"strings"
	"time"

	"postern/dav/page"
)

// The bounds of a form without files: more than any form of our pages. One that shares a folder names each friend.
const (
	maxField  = 64 << 10 // bytes of a value
	maxForm   = 1 << 20  // bytes of all values
	maxFields = 1000     // values
)

// form is a POST of one of the pages' forms, by which browsers without scripts change the drive. It is translated into
// a WebDAV request, which then takes the same path as all others. Its token proves that it was sent from a page of this
// drive, in addition to the checks of auth.
type form struct {
	q      *request
	body   *body
	parts  *multipart.Reader
	fields map[string][]string // values of the fields before the first file
}

// field returns the first value of a field.
func (f *form) field(name string) string {
	if all := f.fields[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

var errForm = fail(http.StatusBadRequest, "The form that was sent can't be read.")

// form answers a POST.
func (q *request) form() error {
	if t, _, err := mime.ParseMediaType(q.r.Header.Get("Content-Type")); err != nil || t != "multipart/form-data" {
		return fail(http.StatusMethodNotAllowed, "Method %s is not supported.", q.r.Method)
	}
	f := &form{q: q, body: q.body(), fields: map[string][]string{}}
	defer f.body.end()
	q.r.Body = io.NopCloser(f.body)
	var err error
	if f.parts, err = q.r.MultipartReader(); err != nil {
		return errForm
	}
	file, err := f.read()
	switch {
	case err != nil:
		return err
	case !q.h.pages.Issued(f.field(page.FieldToken)):
		return fail(http.StatusForbidden,
			"This page is from before Postern was started anew. Go back, reload it, and try again.")
	case file != nil:
		return f.upload(file)
	}
	f.body.end()
	return f.change()
}

// next returns the next part of the form, nil at the end.
func (f *form) next() (*multipart.Part, error) {
	part, err := f.parts.NextPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case f.body.err != nil:
		return nil, bodyFailure(f.body.err)
	case err != nil:
		return nil, errForm
	}
	return part, nil
}

// read reads the fields before the first file, and returns that file, if any.
func (f *form) read() (*multipart.Part, error) {
	count, size := 0, 0
	for {
		part, err := f.next()
		if part == nil || err != nil || part.FormName() == page.FieldFile {
			return part, err
		}
		value, err := io.ReadAll(io.LimitReader(part, maxField))
		count, size = count+1, size+len(value)
		if err != nil || count > maxFields || size > maxForm {
			return nil, errForm
		}
		f.fields[part.FormName()] = append(f.fields[part.FormName()], string(value))
	}
}

// change makes the change of a form without files.
func (f *form) change() error {
	q, name := f.q, f.field(page.FieldName)
	parent := pathpkg.Dir(q.path)
	switch f.field(page.FieldDo) {
	case page.DoFolder:
		if err := nameable(name); err != nil {
			return err
		}
		return f.end(q.path, q.sub("MKCOL", pathpkg.Join(q.path, name), nil))
	case page.DoRename:
		if err := nameable(name); err != nil {
			return err
		}
		return f.end(parent,
			q.sub("MOVE", q.path, nil, "Destination", q.escape(pathpkg.Join(parent, name)), "Overwrite", "F"))
	case page.DoDelete:
		err := q.sub(http.MethodDelete, q.path, nil, "If-Match", f.field(page.FieldETag))
		if err != nil && failureOf(err, false).status == http.StatusPreconditionFailed {
			err = fail(http.StatusPreconditionFailed,
				"This was changed meanwhile, and is not deleted. Go back and look at it as it is now.")
		}
		return f.end(parent, err)
	case page.DoRestore:
		to := pathpkg.Clean("/" + f.field(page.FieldTo))
		return f.end(pathpkg.Dir(to), q.sub("COPY", q.path, nil, "Destination", q.escape(to), "Overwrite", "T"))
	}
	return f.people()
}

// upload stores the files of a form, from the first on. It replaces no existing file.
func (f *form) upload(part *multipart.Part) error {
	for part != nil {
		name := part.FileName()
		if name == "" {
			return fail(http.StatusBadRequest, "No file was chosen. Go back and choose one.")
		}
		if err := nameable(name); err != nil {
			return err
		}
		err := f.q.sub(http.MethodPut, pathpkg.Join(f.q.path, name), part, "If-None-Match", "*")
		f.body.armed = time.Time{} // the inner request removed the deadline
		if err != nil {
			failed := failureOf(err, true)
			message := "“" + name + "” was not uploaded: " + failed.message
			if failed.status == http.StatusPreconditionFailed {
				message = "“" + name +
					"” was not uploaded, for there is something of this name already. Rename or delete that first."
			}
			return &failure{status: failed.status, message: message, err: failed.err}
		}
		if part, err = f.next(); err != nil {
			return err
		}
	}
	return f.end(f.q.path, nil)
}

// end redirects to the changed folder.
func (f *form) end(folder string, err error) error {
	if err != nil {
		return err
	}
	f.q.w.Header().Set("Location", string(appendHref(nil, folder, true, f.q.who)))
	f.q.status(http.StatusSeeOther)
	return nil
}

// sub runs an inner WebDAV request, with pairs of headers, and returns its error.
func (q *request) sub(method, p string, body io.Reader, headers ...string) error {
	u, err := url.Parse(q.escape(p))
	if err != nil {
		return errForm
	}
	r := q.r.Clone(q.ctx())
	r.Method, r.Header, r.URL = method, http.Header{"User-Agent": {q.r.UserAgent()}}, u
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Body, r.ContentLength = http.NoBody, 0
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(body), -1
	}
	answer := &silent{ResponseWriter: q.w, header: http.Header{}}
	s := &request{h: q.h, fs: q.fs, w: answer, r: r, who: q.who, wait: q.wait, submitted: q.submitted}
	if err := s.serve(); err != nil {
		return failureOf(err, making[method])
	}
	if answer.code == http.StatusMultiStatus {
		return fail(http.StatusForbidden, "Something in this folder is locked by another program or user.")
	}
	return nil
}

// silent receives the answer to an inner request, of which only the status counts.
type silent struct {
	http.ResponseWriter
	header http.Header
	code   int
}

// Header implements http.ResponseWriter.
func (s *silent) Header() http.Header { return s.header }

// WriteHeader implements http.ResponseWriter.
func (s *silent) WriteHeader(code int) { s.code = code }

// Write implements http.ResponseWriter.
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }

// Unwrap gives http.ResponseController the underlying writer.
func (s *silent) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// nameable returns an error for a typed name that is invalid.
func nameable(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fail(http.StatusBadRequest, "A name is needed. Go back and type one.")
	case name == ".", name == "..", strings.ContainsAny(name, "/\x00"):
		return fail(http.StatusBadRequest, "A name can't be “.” or “..”, and can't contain a slash.")
	}
	return nil
}

// escape returns the URL of a path in the form of this request's client.
func (q *request) escape(p string) string { return string(appendHref(nil, p, false, q.who)) }
