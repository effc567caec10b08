package lock

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// covering looks up and down the path only: a listing asks it for each of a million files.
func (m *Manager) covering(key string) []Lock {
	if len(m.byToken) == 0 {
		return nil
	}
	found := m.appendAt(nil, "/", key)
	for i := 1; i < len(key); i++ {
		if key[i] == '/' {
			found = m.appendAt(found, key[:i], key)
		}
	}
	if key == "/" {
		return found
	}
	return m.appendAt(found, key, key)
}

func (m *Manager) appendAt(found []Lock, root, key string) []Lock {
	for _, token := range m.byRoot[root] {
		if l := m.byToken[token]; root == key || !l.ZeroDepth {
			found = append(found, l)
		}
	}
	return found
}

// below returns the locks rooted under a key. It looks at all locks: they are few, and only a folder that is locked
// whole, moved or removed asks.
func (m *Manager) below(key string) []Lock {
	var found []Lock
	for root, tokens := range m.byRoot {
		if !beneath(root, key) {
			continue
		}
		for _, token := range tokens {
			found = append(found, m.byToken[token])
		}
	}
	slices.SortFunc(found, byRoot)
	return found
}

func byRoot(a, b Lock) int {
	return cmp.Or(strings.Compare(a.Root, b.Root), strings.Compare(a.Token, b.Token))
}

// crowded reports whether a new lock would be one more than maxCovering for some place.
func (m *Manager) crowded(want Lock) bool {
	key := Key(want.Root)
	if len(m.covering(key)) >= maxCovering {
		return true
	}
	return !want.ZeroDepth && slices.ContainsFunc(m.below(key), func(l Lock) bool {
		return len(m.covering(Key(l.Root))) >= maxCovering
	})
}

// size is what the lock takes in memory and in the store, about.
func (l Lock) size() int { return 2*len(l.Root) + len(l.OwnerXML) + len(l.Principal) }

func (m *Manager) add(l Lock) {
	key := Key(l.Root)
	m.bytes += l.size()
	m.byToken[l.Token] = l
	m.byRoot[key] = append(m.byRoot[key], l.Token)
	m.next = time.Time{}
}

func (m *Manager) forget(l Lock) {
	key := Key(l.Root)
	m.bytes -= l.size()
	delete(m.byToken, l.Token)
	left := slices.DeleteFunc(m.byRoot[key], func(token string) bool { return token == l.Token })
	if len(left) == 0 {
		delete(m.byRoot, key)
		return
	}
	m.byRoot[key] = left
}

func (m *Manager) save(l Lock) error {
	record, err := encode(l)
	if err != nil {
		return err
	}
	if err := m.o.Store.Save(l.Token, record); err != nil {
		return fmt.Errorf("keep the lock of %s: %w", l.Root, err)
	}
	return nil
}

func (m *Manager) remove(l Lock) error {
	m.forget(l)
	if err := m.o.Store.Delete(l.Token); err != nil {
		return fmt.Errorf("forget the lock of %s: %w", l.Root, err)
	}
	return nil
}

// sweep forgets what has expired and returns the time. Most calls only compare two times.
func (m *Manager) sweep() time.Time {
	now := m.o.Clock()
	if len(m.byToken) == 0 || !m.next.IsZero() && now.Before(m.next) {
		return now
	}
	m.next = time.Time{}
	for _, l := range m.byToken {
		if !now.Before(l.Expires) {
			// A record that stays in the store is swept again after the next start.
			_ = m.remove(l)
			continue
		}
		if m.next.IsZero() || l.Expires.Before(m.next) {
			m.next = l.Expires
		}
	}
	return now
}
