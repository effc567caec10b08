package lock

import (
	"context"
	"sync"
)

// Touch is a place that a request changes.
type Touch struct {
	Path string
	Deep bool // with everything beneath it
}

// Submitted are the tokens submitted by a request, and its user.
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

// Confirm implements Guard.
func (m *Manager) Confirm(_ context.Context, s Submitted, touches ...Touch) (Fence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if len(m.byToken) == 0 {
		return 0, nil
	}
	var fence Fence
	var direct, members []Lock
	for _, t := range touches {
		key := Key(t.Path)
		covering := m.covering(key)
		fence = s.fence(fence, covering)
		direct = append(direct, missing(s, covering)...)
		if t.Deep {
			below := m.below(key)
			fence = s.fence(fence, below)
			members = append(members, missingByRoot(s, below)...)
		}
	}
	switch {
	case len(direct) > 0:
		return 0, &Locked{Locks: direct}
	case len(members) > 0:
		return 0, &Locked{Locks: members, Beneath: true}
	}
	return fence, nil
}

// fence returns the greatest fence of the locks that were submitted, at least that before.
func (s Submitted) fence(before Fence, locks []Lock) Fence {
	for _, l := range locks {
		if s.holds(l) {
			before = max(before, l.Fence)
		}
	}
	return before
}

// missing returns all locks of one place if none of them was submitted.
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

// hold blocks new locks on some places while a change is made there.
type hold struct {
	places []Touch // Path is a key
}

// Hold implements Guard.
func (m *Manager) Hold(_ context.Context, touches ...Touch) (release func(), err error) {
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
	}), nil
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

// wait unlocks the manager until a hold ends or ctx does.
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
