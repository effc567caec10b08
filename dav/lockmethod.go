package dav

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"postern/dav/lock"
	"postern/vfs"
)

// lock creates a lock, or refreshes one if there is no body (RFC 4918, 9.10).
func (q *request) lock() error {
	root, err := q.readXML()
	if err != nil {
		return err
	}
	if root == nil {
		return q.refresh()
	}
	want, err := parseLockInfo(root)
	if err != nil {
		return err
	}
	d, err := q.depth()
	if err != nil {
		return err
	}
	if d == depth1 {
		return fail(http.StatusBadRequest, "A lock is of Depth 0 or infinity.")
	}
	want.Root = q.path
	want.ZeroDepth = d == depth0
	want.Duration = parseTimeout(q.r.Header.Get("Timeout"))
	want.Principal = q.submitted.Principal
	holds, err := q.holds(want)
	switch {
	case err != nil:
		return err
	case holds:
		return q.refresh()
	}
	return q.take(want)
}

// holds reports whether the client submits the token of exactly the exclusive lock that it requests. A refusal because
// of that lock would make a program that refreshes with a body believe that another program has the file.
func (q *request) holds(want lock.Lock) (bool, error) {
	if want.Shared || len(q.submitted.Tokens) == 0 {
		return false, nil
	}
	view, err := q.h.locks.View(q.ctx(), want.Root, false)
	return slices.ContainsFunc(view.Covering(want.Root), func(l lock.Lock) bool {
		return !l.Shared && l.ZeroDepth == want.ZeroDepth && lock.Key(l.Root) == lock.Key(want.Root) &&
			slices.Contains(q.submitted.Tokens, l.Token)
	}), err
}

// take grants the lock, and creates an empty file for a lock on a free path.
func (q *request) take(want lock.Lock) error {
	var now state
	err := q.patiently(func() (err error) {
		now, err = stateAt(q.ctx(), q.fs, q.path)
		return err
	})
	if err != nil {
		return err
	}
	if now.ReadOnly {
		return vfs.ErrReadOnly
	}
	var touches []lock.Touch
	if !now.exists {
		touches = []lock.Touch{{Path: path.Dir(q.path)}}
	}
	if err := q.allowed(q.ctx(), q.fs, now, touches...); err != nil {
		return err
	}
	l, err := q.h.locks.Create(q.ctx(), want)
	if err != nil {
		return q.conflict(err)
	}
	status := http.StatusOK
	if !now.exists {
		info, err := q.createEmpty(func(ctx context.Context, at vfs.Stater) error {
			now, err := stateAt(ctx, at, q.path)
			if err != nil {
				return err
			}
			if now.exists {
				return errRaced
			}
			return q.unlocked(ctx, touches...)
		})
		switch {
		case err == nil:
			status = http.StatusCreated
			q.describe(info)
		case !errors.Is(err, errRaced):
			if err := q.h.locks.Unlock(q.ctx(), l.Token, l.Root, l.Principal); err != nil {
				q.h.o.Log.WarnContext(q.ctx(), "lock not removed", "path", q.path, "error", err)
			}
			return err
		}
	}
	q.w.Header().Set("Lock-Token", "<"+l.Token+">")
	return q.granted(l, status)
}

// conflict answers a conflict of locks: 423 for a locked resource, a multi-status for a folder with a locked member.
func (q *request) conflict(err error) error {
	var locked *lock.Locked
	if !errors.As(err, &locked) {
		return err
	}
	f := lockedFailure(locked, "no-conflicting-lock")
	if !locked.Beneath {
		return f
	}
	return q.members(f, locked, func(m *multistatus) error {
		return m.response(q.path, webdav.StatusFailedDependency, "", nil)
	})
}

// refresh extends a lock. The token is in an If header of any form; some clients put it into Lock-Token.
func (q *request) refresh() error {
	tokens := q.submitted.Tokens
	if header := lockToken(q.r); header != "" {
		tokens = append(tokens, header)
	}
	if len(tokens) == 0 {
		return fail(http.StatusBadRequest, "A LOCK needs a body, or an If header with the lock to refresh.")
	}
	now, err := stateAt(q.ctx(), q.fs, q.path)
	if err != nil {
		return err
	}
	if err := q.preconditions(q.ctx(), q.fs, now); err != nil {
		return err
	}
	timeout := parseTimeout(q.r.Header.Get("Timeout"))
	for _, token := range tokens {
		l, err := q.h.locks.Refresh(q.ctx(), token, q.path, q.submitted.Principal, timeout)
		switch {
		case err == nil:
			return q.granted(l, http.StatusOK)
		case errors.Is(err, webdav.ErrForbidden):
			return fail(http.StatusForbidden, "This lock is another user's.")
		case !errors.Is(err, webdav.ErrNoSuchLock):
			return err
		}
	}
	return &failure{status: http.StatusPreconditionFailed, condition: "lock-token-matches-request-uri",
		message: "There is no such lock here; it may have expired."}
}

// unlock ends a lock (RFC 4918, 9.11).
func (q *request) unlock() error {
	token := lockToken(q.r)
	if token == "" {
		return fail(http.StatusBadRequest, "The Lock-Token header is missing.")
	}
	err := q.h.locks.Unlock(q.ctx(), token, q.path, q.submitted.Principal)
	switch {
	case errors.Is(err, webdav.ErrNoSuchLock):
		return &failure{status: http.StatusConflict, condition: "lock-token-matches-request-uri",
			message: "There is no such lock here; it may have expired."}
	case errors.Is(err, webdav.ErrForbidden):
		return fail(http.StatusForbidden, "This lock is another user's.")
	case err != nil:
		return err
	}
	q.status(http.StatusNoContent)
	return nil
}

// lockToken parses a Lock-Token header; some clients leave the brackets out, some use parentheses as in If.
func lockToken(r *http.Request) string {
	s := strings.TrimSpace(r.Header.Get("Lock-Token"))
	for _, pair := range []string{"()", "<>"} {
		s = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, pair[:1]), pair[1:]))
	}
	return s
}

// maxOwner bounds the bytes that each lock keeps in memory and repeats in listings; real owners have 100.
const maxOwner = 4 << 10

// parseLockInfo parses the body of a LOCK (RFC 4918, 14.11).
func parseLockInfo(root *element) (lock.Lock, error) {
	malformed := fail(http.StatusBadRequest, "The body of the LOCK is not a lockinfo with a scope and the type write.")
	if !root.is("lockinfo") {
		return lock.Lock{}, malformed
	}
	scope, kind := root.child("lockscope"), root.child("locktype")
	if scope == nil || kind == nil || kind.child("write") == nil {
		return lock.Lock{}, malformed
	}
	exclusive, shared := scope.child("exclusive") != nil, scope.child("shared") != nil
	if exclusive == shared {
		return lock.Lock{}, malformed
	}
	l := lock.Lock{Shared: shared}
	if owner := root.child("owner"); owner != nil {
		inner, ok := owner.inner(maxOwner)
		l.OwnerXML = strings.TrimSpace(inner)
		if !ok {
			return lock.Lock{}, fail(http.StatusRequestEntityTooLarge, "The owner of a lock may have at most %d bytes.",
				maxOwner)
		}
	}
	return l, nil
}

// granted answers with the lock first: clients use the first token that they find.
func (q *request) granted(l lock.Lock, status int) error {
	now := q.h.o.Clock()
	b := []byte(xmlHead + `<D:prop xmlns:D="DAV:"><D:lockdiscovery>`)
	b = appendActiveLock(b, l, now, q.who)
	// The lock is granted. That the others can't be read now is no reason to fail.
	others, _ := q.h.locks.View(q.ctx(), q.path, false)
	for _, other := range others.Covering(q.path) {
		if other.Token != l.Token {
			b = appendActiveLock(b, other, now, q.who)
		}
	}
	b = append(b, "</D:lockdiscovery></D:prop>"...)
	h := q.w.Header()
	h.Set("Content-Type", xmlType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(status)
	q.w.Write(b) //nolint:errcheck // nobody is left to tell
	return nil
}

func appendActiveLock(b []byte, l lock.Lock, now time.Time, who profile) []byte {
	scope, depth := "exclusive", "infinity"
	if l.Shared {
		scope = "shared"
	}
	if l.ZeroDepth {
		depth = "0"
	}
	b = append(b,
		"<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:"+scope+"/></D:lockscope><D:depth>"+depth+
			"</D:depth>"...)
	if l.OwnerXML != "" {
		b = append(append(append(b, "<D:owner>"...), l.OwnerXML...), "</D:owner>"...)
	}
	b = append(b, "<D:timeout>Second-"...)
	b = strconv.AppendInt(b, int64((l.Left(now)+time.Second/2)/time.Second), 10)
	b = append(b, "</D:timeout><D:locktoken><D:href>"...)
	b = appendText(b, l.Token)
	b = append(b, "</D:href></D:locktoken><D:lockroot><D:href>"...)
	b = appendHref(b, l.Root, false, who)
	return append(b, "</D:href></D:lockroot></D:activelock>"...)
}
