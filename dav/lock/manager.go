package lock

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/net/webdav"
)

// The defaults of Options.
const (
	DefaultLongest = time.Hour // a client that dies unnoticed blocks others no longer than this
	DefaultLimit   = 10000     // many more than programs open at once; bounds memory
)

// Further bounds. A listing repeats the locks that cover a member for each member, and roots and owners can be long.
const (
	maxCovering = 32       // shared locks that protect one place
	maxBytes    = 16 << 20 // of the roots and owners of all locks
)

// Options are the choices of a Manager. The zero value works.
type Options struct {
	Store Store            // nil: locks live in memory only
	Clock func() time.Time // nil: time.Now
	Rand  io.Reader        // for tokens; nil: crypto/rand
	// Longest is the longest, and the default, time of a lock; 0: DefaultLongest.
	Longest time.Duration
	Limit   int // locks at one time; 0: DefaultLimit
}

// Manager holds the locks of one drive in one process. It implements System, and answers at once whatever its contexts,
// but for Create.
type Manager struct {
	o Options

	mu sync.Mutex
	index
	bytes int       // total size of the locks, see size
	fence Fence     // of the newest lock
	next  time.Time // nothing expires before; zero: unknown
	holds map[*hold]bool
	eased chan struct{} // closed and replaced when a hold ends
}

var _ System = (*Manager)(nil)

// New returns a manager with the stored locks.
func New(o Options) (*Manager, error) {
	if o.Store == nil {
		o.Store = volatile{}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Longest <= 0 {
		o.Longest = DefaultLongest
	}
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	m := &Manager{o: o, holds: map[*hold]bool{}, eased: make(chan struct{})}
	records, err := o.Store.Load()
	if err != nil {
		return nil, fmt.Errorf("load locks: %w", err)
	}
	for token, record := range records {
		l, err := decode(token, record)
		if err != nil {
			return nil, fmt.Errorf("load locks: %w", err)
		}
		m.enter(l)
	}
	return m, nil
}

// Create implements System. In addition to the errors of the contract it returns those of its store.
func (m *Manager) Create(ctx context.Context, want Lock) (Lock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		now := m.sweep()
		if err := m.conflict(want); err != nil {
			return Lock{}, err
		}
		if !m.held(Key(want.Root), !want.ZeroDepth) {
			return m.grant(want, now)
		}
		if err := m.wait(ctx); err != nil {
			return Lock{}, err
		}
	}
}

// grant adds a lock that has no conflict.
func (m *Manager) grant(want Lock, now time.Time) (Lock, error) {
	if len(m.byToken) >= m.o.Limit || m.bytes+want.size() > maxBytes || m.crowded(want) {
		return Lock{}, ErrTooMany
	}
	token, err := newToken(m.o.Rand)
	if err != nil {
		return Lock{}, err
	}
	want.Token = token
	want.Fence = m.fence + 1
	want.Duration = m.bounded(want.Duration)
	want.Expires = now.Add(want.Duration)
	if err := m.save(want); err != nil {
		return Lock{}, err
	}
	m.enter(want)
	return want, nil
}

// conflict returns the locks that conflict with a new one.
func (m *Manager) conflict(want Lock) error {
	key := Key(want.Root)
	var in []Lock
	for _, l := range m.covering(key) {
		if !want.Shared || !l.Shared {
			in = append(in, l)
		}
	}
	if len(in) > 0 {
		return &Locked{Locks: in}
	}
	if want.ZeroDepth {
		return nil
	}
	for _, l := range m.below(key) {
		if !want.Shared || !l.Shared {
			in = append(in, l)
		}
	}
	if len(in) > 0 {
		return &Locked{Locks: in, Beneath: true}
	}
	return nil
}

// Refresh implements System.
func (m *Manager) Refresh(_ context.Context, token, path, principal string, d time.Duration) (Lock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.sweep()
	l, err := m.owned(token, path, principal)
	if err != nil {
		return Lock{}, err
	}
	l.Duration = m.bounded(d)
	l.Expires = now.Add(l.Duration)
	if err := m.save(l); err != nil {
		return Lock{}, err
	}
	m.byToken[token] = l
	m.next = time.Time{}
	return l, nil
}

// Unlock implements System.
func (m *Manager) Unlock(_ context.Context, token, path, principal string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	l, err := m.owned(token, path, principal)
	if err != nil {
		return err
	}
	return m.end(l)
}

// Break implements Ender.
func (m *Manager) Break(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	l, ok := m.byToken[token]
	if !ok {
		return webdav.ErrNoSuchLock
	}
	return m.end(l)
}

// Drop implements Ender. A record that the store cannot delete expires.
func (m *Manager) Drop(_ context.Context, path string, keep bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := Key(path)
	var first error
	for _, l := range m.byToken {
		if root := Key(l.Root); beneath(root, key) || root == key && !keep {
			if err := m.end(l); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

// View implements System.
func (m *Manager) View(_ context.Context, path string, deep bool) (View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if len(m.byToken) == 0 {
		return View{}, nil
	}
	key := Key(path)
	locks := m.covering(key)
	if deep {
		locks = append(locks, m.below(key)...)
	}
	return NewView(locks...), nil
}

func (m *Manager) owned(token, path, principal string) (Lock, error) {
	l, ok := m.byToken[token]
	switch {
	case !ok || !l.covers(Key(path)):
		return Lock{}, webdav.ErrNoSuchLock
	case l.Principal != "" && l.Principal != principal:
		return Lock{}, webdav.ErrForbidden
	}
	return l, nil
}

func (m *Manager) bounded(d time.Duration) time.Duration {
	if d <= 0 || d > m.o.Longest {
		return m.o.Longest
	}
	return max(d, time.Second)
}
