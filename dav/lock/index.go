package lock

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// index looks up locks by token and by place. The zero value is empty.
type index struct {
	byToken map[string]Lock
	byRoot  map[string][]string // tokens by the key of their root
}

func (x *index) add(l Lock) {
	if x.byToken == nil {
		x.byToken, x.byRoot = map[string]Lock{}, map[string][]string{}
	}
	key := Key(l.Root)
	x.byToken[l.Token] = l
	x.byRoot[key] = append(x.byRoot[key], l.Token)
}

func (x *index) remove(l Lock) {
	key := Key(l.Root)
	delete(x.byToken, l.Token)
	left := slices.DeleteFunc(x.byRoot[key], func(token string) bool { return token == l.Token })
	if len(left) == 0 {
		delete(x.byRoot, key)
		return
	}
	x.byRoot[key] = left
}

// covering searches only up and down the path: a listing calls it for each of a million files.
func (x *index) covering(key string) []Lock {
	if len(x.byToken) == 0 {
		return nil
	}
	found := x.appendAt(nil, "/", key)
	for i := 1; i < len(key); i++ {
		if key[i] == '/' {
			found = x.appendAt(found, key[:i], key)
		}
	}
	if key == "/" {
		return found
	}
	return x.appendAt(found, key, key)
}

func (x *index) appendAt(found []Lock, root, key string) []Lock {
	for _, token := range x.byRoot[root] {
		if l := x.byToken[token]; root == key || !l.ZeroDepth {
			found = append(found, l)
		}
	}
	return found
}

// below returns the locks rooted under a key. It searches all locks: they are few, and it is called only for folders
// that are locked whole, moved or removed.
func (x *index) below(key string) []Lock {
	var found []Lock
	for root, tokens := range x.byRoot {
		if !beneath(root, key) {
			continue
		}
		for _, token := range tokens {
			found = append(found, x.byToken[token])
		}
	}
	slices.SortFunc(found, byRoot)
	return found
}

func byRoot(a, b Lock) int {
	return cmp.Or(strings.Compare(a.Root, b.Root), strings.Compare(a.Token, b.Token))
}

// crowded reports whether a new lock would exceed maxCovering for some place.
func (m *Manager) crowded(want Lock) bool {
	key := Key(want.Root)
	if len(m.covering(key)) >= maxCovering {
		return true
	}
	return !want.ZeroDepth && slices.ContainsFunc(m.below(key), func(l Lock) bool {
		return len(m.covering(Key(l.Root))) >= maxCovering
	})
}

// size returns the approximate size of a lock in memory and in the store.
func (l Lock) size() int { return 2*len(l.Root) + len(l.OwnerXML) + len(l.Principal) }

// enter adds a lock.
func (m *Manager) enter(l Lock) {
	m.bytes += l.size()
	m.fence = max(m.fence, l.Fence)
	m.add(l)
	m.next = time.Time{}
}

func (m *Manager) save(l Lock) error {
	record, err := encode(l)
	if err != nil {
		return err
	}
	if err := m.o.Store.Save(l.Token, record); err != nil {
		return fmt.Errorf("store the lock of %s: %w", l.Root, err)
	}
	return nil
}

// end forgets a lock.
func (m *Manager) end(l Lock) error {
	m.bytes -= l.size()
	m.remove(l)
	if err := m.o.Store.Delete(l.Token); err != nil {
		return fmt.Errorf("remove the lock of %s: %w", l.Root, err)
	}
	return nil
}

// sweep removes expired locks and returns the time. Most calls only compare two times.
func (m *Manager) sweep() time.Time {
	now := m.o.Clock()
	if len(m.byToken) == 0 || !m.next.IsZero() && now.Before(m.next) {
		return now
	}
	m.next = time.Time{}
	for _, l := range m.byToken {
		if !now.Before(l.Expires) {
			// A record that stays in the store is swept again after the next start.
			_ = m.end(l)
			continue
		}
		if m.next.IsZero() || l.Expires.Before(m.next) {
			m.next = l.Expires
		}
	}
	return now
}
