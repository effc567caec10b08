package locktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/webdav"
	"pgregory.net/rapid"

	"postern/dav/lock"
)

// model follows the words of the RFC: it searches a list of locks from the beginning to the end.
type model struct {
	now   func() time.Time
	locks []lock.Lock
	fence lock.Fence // of the newest lock
}

func under(path, root string) bool {
	return path != root && strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}

func covers(l lock.Lock, path string) bool {
	return l.Root == path || !l.ZeroDepth && under(path, l.Root)
}

// expire drops the locks whose time is over.
func (m *model) expire() {
	m.locks = slices.DeleteFunc(m.locks, func(l lock.Lock) bool { return !m.now().Before(l.Expires) })
}

// conflict reports whether a lock can't be granted.
func (m *model) conflict(want lock.Lock) bool {
	return slices.ContainsFunc(m.locks, func(l lock.Lock) bool {
		return (!want.Shared || !l.Shared) && (covers(l, want.Root) || covers(want, l.Root))
	})
}

func holds(s lock.Submitted, l lock.Lock) bool {
	return slices.Contains(s.Tokens, l.Token) && (l.Principal == "" || l.Principal == s.Principal)
}

// confirm returns the fence under which a change may be made, or that it may not.
func (m *model) confirm(s lock.Submitted, touch lock.Touch) (fence lock.Fence, ok bool) {
	places := []string{touch.Path}
	for _, l := range m.locks {
		if touch.Deep && under(l.Root, touch.Path) {
			places = append(places, l.Root)
		}
	}
	for i, place := range places {
		protected, opened := false, false
		for _, l := range m.locks {
			if i == 0 && covers(l, place) || i > 0 && l.Root == place {
				protected = true
				if holds(s, l) {
					opened = true
					fence = max(fence, l.Fence)
				}
			}
		}
		if protected && !opened {
			return 0, false
		}
	}
	return fence, true
}

// find returns the index of the lock with that token if it covers path, or the error that a user gets.
func (m *model) find(token, path, principal string) (int, error) {
	i := slices.IndexFunc(m.locks, func(l lock.Lock) bool { return l.Token == token && covers(l, path) })
	switch {
	case i < 0:
		return 0, webdav.ErrNoSuchLock
	case m.locks[i].Principal != "" && m.locks[i].Principal != principal:
		return 0, webdav.ErrForbidden
	}
	return i, nil
}

var (
	paths = rapid.SampledFrom([]string{"/", "/a", "/ab", "/a/b", "/a/c", "/a/b/c", "/a/b/c/d", "/x/y"})
	users = rapid.SampledFrom([]string{"", "alice", "bob"})
)

// random makes random calls of several users on a system and on the model, and checks that the results agree.
func random(rt *rapid.T, d Drive) {
	ctx := context.Background()
	m := &model{now: d.Now}
	var tokens []string // of all locks ever granted
	token := func(rt *rapid.T) string {
		return rapid.SampledFrom(append([]string{"urn:uuid:none"}, tokens...)).Draw(rt, "token")
	}
	seconds := func(rt *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1, 20).Draw(rt, "seconds")) * time.Second
	}
	same := func(what string, got, want error) {
		if !errors.Is(got, want) {
			rt.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"create": func(rt *rapid.T) {
			want := lock.Lock{
				LockDetails: webdav.LockDetails{
					Root: paths.Draw(rt, "root"), ZeroDepth: rapid.Bool().Draw(rt, "flat"), Duration: seconds(rt),
				},
				Shared: rapid.Bool().Draw(rt, "shared"), Principal: users.Draw(rt, "user"),
			}
			conflict := m.conflict(want)
			l, err := d.Create(ctx, want)
			if errors.Is(err, lock.ErrTooMany) {
				rt.Skip("full")
			}
			if conflict != errors.Is(err, webdav.ErrLocked) || !conflict && err != nil {
				rt.Fatalf("create %+v: %v, want a conflict: %v", want, err, conflict)
			}
			if err != nil {
				return
			}
			if l.Fence <= m.fence || l.Token == "" || slices.Contains(tokens, l.Token) {
				rt.Fatalf("after fence %d these were granted: %+v", m.fence, l)
			}
			m.fence = l.Fence
			m.locks = append(m.locks, l)
			tokens = append(tokens, l.Token)
		},
		"refresh": func(rt *rapid.T) {
			tok, path, user, long := token(rt), paths.Draw(rt, "path"), users.Draw(rt, "user"), seconds(rt)
			i, want := m.find(tok, path, user)
			l, err := d.Refresh(ctx, tok, path, user, long)
			same("refresh", err, want)
			if want == nil {
				if l.Fence != m.locks[i].Fence || l.Duration != long {
					rt.Fatalf("%+v was refreshed to %+v", m.locks[i], l)
				}
				m.locks[i] = l
			}
		},
		"unlock": func(rt *rapid.T) {
			tok, path, user := token(rt), paths.Draw(rt, "path"), users.Draw(rt, "user")
			i, want := m.find(tok, path, user)
			same("unlock", d.Unlock(ctx, tok, path, user), want)
			if want == nil {
				m.locks = slices.Delete(m.locks, i, i+1)
			}
		},
		"break": func(rt *rapid.T) {
			tok := token(rt)
			var want error
			i := slices.IndexFunc(m.locks, func(l lock.Lock) bool { return l.Token == tok })
			if i < 0 {
				want = webdav.ErrNoSuchLock
			}
			same("break", d.Break(ctx, tok), want)
			if i >= 0 {
				m.locks = slices.Delete(m.locks, i, i+1)
			}
		},
		"drop": func(rt *rapid.T) {
			path, keep := paths.Draw(rt, "path"), rapid.Bool().Draw(rt, "keep")
			same("drop", d.Drop(ctx, path, keep), nil)
			m.locks = slices.DeleteFunc(m.locks, func(l lock.Lock) bool {
				return under(l.Root, path) || l.Root == path && !keep
			})
		},
		"confirm": func(rt *rapid.T) {
			s := lock.Submitted{Principal: users.Draw(rt, "user")}
			for range rapid.IntRange(0, 3).Draw(rt, "tokens") {
				s.Tokens = append(s.Tokens, token(rt))
			}
			touch := lock.Touch{Path: paths.Draw(rt, "path"), Deep: rapid.Bool().Draw(rt, "deep")}
			want, ok := m.confirm(s, touch)
			fence, err := d.Confirm(ctx, s, touch)
			if fence != want || ok != (err == nil) || err != nil && !errors.Is(err, webdav.ErrLocked) {
				rt.Fatalf("%+v with %+v: fence %d, %v; want %d, %v", touch, s, fence, err, want, ok)
			}
		},
		"forward": func(rt *rapid.T) {
			d.Forward(time.Duration(rapid.IntRange(0, 5).Draw(rt, "seconds")) * time.Second)
			m.expire()
		},
		"view": func(rt *rapid.T) {
			path, deep := paths.Draw(rt, "path"), rapid.Bool().Draw(rt, "deep")
			view, err := d.View(ctx, path, deep)
			same("view", err, nil)
			for _, p := range []string{"/", "/a", "/ab", "/a/b", "/a/b/c", "/x", "/x/y/z"} {
				if p == path || deep && under(p, path) {
					m.compare(rt, view, p)
				}
			}
		},
	})
}

// compare checks that a view and the model agree about a path.
func (m *model) compare(rt *rapid.T, view lock.View, path string) {
	var want, got []string
	for _, l := range m.locks {
		if covers(l, path) {
			want = append(want, l.Token)
			if !view.Covers(l.Token, path) {
				rt.Fatalf("%s is not covered by %+v", path, l)
			}
		}
	}
	for _, l := range view.Covering(path) {
		got = append(got, l.Token)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		rt.Fatalf("%s is covered by %v, want %v", path, got, want)
	}
}
