package lock

import (
	"context"
	"sync"
)

// Touch is a place that a request changes.
type Touch struct {
	Path string
	Deep bool // with all beneath it
}

// Submitted are the tokens a request has shown, and by whom.
type Submitted struct {
	Tokens    []string
	Principal string
}

func (s Submitted) holds(l Lock) bool {
	if l.Principal != "" && l.Principal != s.Principal {
		return false
	}
	for _, token := range s.Tokens {
		if token == l.Token {
			return true
		}
	}
	return false
}

// Check reports whether a request that touches these places has submitted the tokens it needs, or which locks are in
// the way (*Locked). Where several locks protect one place they are shared ones, and one of them is enough (RFC 4918,
// 7).
func (m *Manager) Check(s Submitted, touches ...Touch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if len(m.byToken) == 0 {
		return nil
	}
	var direct, members []Lock
	for _, t := range touches {
		key := Key(t.Path)
		direct = append(direct, missing(s, m.covering(key))...)
		if t.Deep {
			members = append(members, missingByRoot(s, m.below(key))...)
		}
	}
	switch {
	case len(direct) > 0:
		return &Locked{Locks: direct}
	case len(members) > 0:
		return &Locked{Locks: members, Beneath: true}
	}
	return nil
}

// missing returns all of the locks of one place when none of them was submitted.
func missing(s Submitted, locks []Lock) []Lock {
	for _, l := range locks {
		if s.holds(l) {
			return nil
		}
	}
	return locks
}

func missingByRoot(s Submitted, locks []Lock) []Lock {
	roots := map[string][]Lock{}
	var order []string
	for _, l := range locks {
		key := Key(l.Root)
		if roots[key] == nil {
			order = append(order, key)
		}
		roots[key] = append(roots[key], l)
	}
	var found []Lock
	for _, key := range order {
		found = append(found, missing(s, roots[key])...)
	}
	return found
}

// hold keeps new locks away from some places while a change is made there.
type hold struct {
	places []Touch // Path is a key
}

// Hold keeps new locks away from these places until release is called. Holds do not exclude each other, and existing
// locks are none of their business: any number of requests change one place at a time, as far as locks go. It is meant
// for the short time of a commit, with Check inside.
func (m *Manager) Hold(touches ...Touch) (release func()) {
	h := &hold{places: make([]Touch, len(touches))}
	for i, t := range touches {
		h.places[i] = Touch{Path: Key(t.Path), Deep: t.Deep}
	}
	m.mu.Lock()
	m.holds[h] = true
	m.mu.Unlock()
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.holds, h)
		close(m.eased)
		m.eased = make(chan struct{})
	})
}

func (m *Manager) held(key string, deep bool) bool {
	for h := range m.holds {
		for _, t := range h.places {
			if overlap(key, deep, t.Path, t.Deep) {
				return true
			}
		}
	}
	return false
}

// wait lets go of the manager until a hold ends or ctx does.
func (m *Manager) wait(ctx context.Context) error {
	eased := m.eased
	m.mu.Unlock()
	defer m.mu.Lock()
	select {
	case <-eased:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
