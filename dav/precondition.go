package dav

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"postern/vfs"
)

func errPrecondition(header string) *failure {
	return fail(http.StatusPreconditionFailed,
		"The %s header does not hold: this was changed meanwhile, or is not what the program thought.", header)
}

// preconditions checks the client's conditions: the If header, then those of RFC 9110, 13. now is the state of the
// request's own path in at.
func (q *request) preconditions(ctx context.Context, at vfs.Stater, now state) error {
	if ok, err := q.ifHolds(ctx, at, now); err != nil {
		return err
	} else if !ok {
		return errPrecondition("If")
	}
	return q.conditional(now)
}

// errNotModified means that a GET or HEAD is to be answered with 304.
var errNotModified = errors.New("not modified")

// conditional checks the conditional headers in the order of RFC 9110, 13.2.2.
func (q *request) conditional(now state) error {
	h := q.r.Header
	if match := h.Values("If-Match"); len(match) > 0 {
		if !matches(match, now, true) {
			return errPrecondition("If-Match")
		}
	} else if since, ok := date(h, "If-Unmodified-Since"); ok {
		if now.exists && now.Modified.Truncate(time.Second).After(since) {
			return errPrecondition("If-Unmodified-Since")
		}
	}
	reading := q.r.Method == http.MethodGet || q.r.Method == http.MethodHead
	match := h.Values("If-None-Match")
	switch {
	case len(match) > 0 && matches(match, now, false) && !reading:
		return errPrecondition("If-None-Match")
	case len(match) > 0 && matches(match, now, false), len(match) == 0 && reading && q.unmodified(now.Info):
		return errNotModified
	}
	return nil
}

// matches reports whether a list of entity tags, or "*", contains the state's. strong is for If-Match; If-None-Match
// compares weakly (RFC 9110, 8.8.3.2). Missing quotes are accepted.
func matches(fields []string, now state, strong bool) bool {
	if !now.exists {
		return false
	}
	have := etagOf(now.Info)
	list := strings.TrimSpace(strings.Join(fields, ","))
	if list == "*" {
		return true
	}
	for list != "" {
		list = strings.TrimLeft(list, " \t,")
		etag, rest, ok := cutETag(list)
		if !ok {
			etag, rest, _ = strings.Cut(list, ",")
			etag = `"` + strings.TrimSpace(etag) + `"`
		}
		list = rest
		if !strong {
			etag = strings.TrimPrefix(etag, "W/")
		}
		if have != "" && etag == have {
			return true
		}
	}
	return false
}

// etagOf returns a file's entity tag. A folder has none: its listing has no version, and sync clients treat an
// unchanged tag as an unchanged tree.
func etagOf(info vfs.Info) string {
	if info.Folder {
		return ""
	}
	return info.ETag()
}

// ifHolds evaluates the If header: one list must hold in full.
func (q *request) ifHolds(ctx context.Context, at vfs.Stater, now state) (bool, error) {
	if len(q.ifs) == 0 {
		return true, nil
	}
	for _, l := range q.ifs {
		holds, err := q.listHolds(ctx, at, now, l)
		if holds || err != nil {
			return holds, err
		}
	}
	return false, nil
}

func (q *request) listHolds(ctx context.Context, at vfs.Stater, now state, l ifList) (bool, error) {
	p := q.path
	if l.tag != "" {
		t, err := resolve(l.tag, q.r, q.who)
		if err != nil {
			// The state of a resource of another server is unknown, so the condition is false.
			return false, nil //nolint:nilerr // see above
		}
		if p = t.path; p != q.path {
			if now, err = stateAt(ctx, at, p); err != nil {
				return false, err
			}
		}
	}
	for _, c := range l.conditions {
		if holds, err := q.conditionHolds(ctx, c, p, now); err != nil || holds == c.Not {
			return false, err
		}
	}
	return true, nil
}

func (q *request) conditionHolds(ctx context.Context, c webdav.Condition, p string, now state) (bool, error) {
	if c.Token != "" {
		view, err := q.h.locks.View(ctx, p, false)
		return err == nil && view.Covers(c.Token, p), err
	}
	etag := etagOf(now.Info)
	return now.exists && etag != "" && c.ETag == etag, nil
}

// readIf parses the If header and the tokens that it submits.
func (q *request) readIf() error {
	fields := q.r.Header.Values("If")
	if len(fields) == 0 {
		return nil
	}
	h, ok := parseIf(fields)
	if !ok {
		return fail(http.StatusBadRequest, "The If header is malformed.")
	}
	q.ifs = h
	q.submitted.Tokens = h.tokens()
	return nil
}
