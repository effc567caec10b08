package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/webdav"
)

// clock is a clock that the test sets.
type clock struct{ now time.Time }

func (c *clock) time() time.Time         { return c.now }
func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

func newManager(t *testing.T, o Options) (*Manager, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	if o.Clock == nil {
		o.Clock = c.time
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

func exclusive(root string) Lock { return Lock{LockDetails: webdav.LockDetails{Root: root}} }
func depth0(root string) Lock {
	return Lock{LockDetails: webdav.LockDetails{Root: root, ZeroDepth: true}}
}
func shared(root string) Lock { return Lock{LockDetails: webdav.LockDetails{Root: root}, Shared: true} }

func (m *Manager) must(t *testing.T, want Lock) Lock {
	t.Helper()
	l, err := m.Create(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConflicts(t *testing.T) {
	tests := []struct {
		name        string
		have, want  Lock
		ok, beneath bool
	}{
		{"same", exclusive("/a"), exclusive("/a"), false, false},
		{"same, normalised", exclusive("/u\u0308"), exclusive("/\u00fc"), false, false},
		{"sibling", exclusive("/a"), exclusive("/ab"), true, false},
		{"member of deep", exclusive("/a"), exclusive("/a/b/c"), false, false},
		{"member of depth 0", depth0("/a"), exclusive("/a/b"), true, false},
		{"deep over member", exclusive("/a/b"), exclusive("/a"), false, true},
		{"depth 0 over member", exclusive("/a/b"), depth0("/a"), true, false},
		{"all", exclusive("/"), exclusive("/a"), false, false},
		{"over all", exclusive("/a/b"), exclusive("/"), false, true},
		{"depth 0 root", depth0("/"), exclusive("/a"), true, false},
		{"shared twice", shared("/a"), shared("/a"), true, false},
		{"shared, then exclusive", shared("/a"), exclusive("/a"), false, false},
		{"exclusive, then shared", exclusive("/a"), shared("/a/b"), false, false},
		{"shared beneath shared", shared("/a/b"), shared("/a"), true, false},
		{"exclusive over shared", shared("/a/b"), exclusive("/a"), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := newManager(t, Options{})
			m.must(t, tt.have)
			_, err := m.Create(t.Context(), tt.want)
			if (err == nil) != tt.ok {
				t.Fatal(err)
			}
			var locked *Locked
			if err != nil &&
				(!errors.As(err, &locked) || !errors.Is(err, webdav.ErrLocked) || locked.Beneath != tt.beneath ||
					len(locked.Locks) != 1) {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	m, _ := newManager(t, Options{})
	dir := m.must(t, depth0("/dir"))
	deep := m.must(t, Lock{LockDetails: webdav.LockDetails{Root: "/deep"}, Principal: "alice"})
	s1, s2 := m.must(t, shared("/s/x")), m.must(t, shared("/s/x"))
	tests := []struct {
		name    string
		tokens  []string
		who     string
		touches []Touch
		ok      bool
		beneath bool
	}{
		{"free", nil, "", []Touch{{Path: "/free"}}, true, false},
		{"folder itself", nil, "", []Touch{{Path: "/dir"}}, false, false},
		{"member of depth 0", nil, "", []Touch{{Path: "/dir/a"}}, true, false},
		{"submitted", []string{dir.Token}, "", []Touch{{Path: "/dir"}}, true, false},
		{"deep member", nil, "alice", []Touch{{Path: "/deep/a/b"}}, false, false},
		{"deep member submitted", []string{"urn:x", deep.Token}, "alice", []Touch{{Path: "/deep/a/b"}}, true, false},
		{"by another", []string{deep.Token}, "bob", []Touch{{Path: "/deep/a/b"}}, false, false},
		{"one of shared", []string{s2.Token}, "", []Touch{{Path: "/s/x"}}, true, false},
		{"none of shared", []string{dir.Token}, "", []Touch{{Path: "/s/x"}}, false, false},
		{"above, flat", nil, "", []Touch{{Path: "/s"}}, true, false},
		{"above, deep", nil, "", []Touch{{Path: "/s", Deep: true}}, false, true},
		{"above, deep, submitted", []string{s1.Token}, "", []Touch{{Path: "/s", Deep: true}}, true, false},
		{"two, one missing", []string{s1.Token}, "", []Touch{{Path: "/s", Deep: true}, {Path: "/dir"}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := m.Check(Submitted{Tokens: tt.tokens, Principal: tt.who}, tt.touches...)
			var locked *Locked
			if (err == nil) != tt.ok || err != nil && (!errors.As(err, &locked) || locked.Beneath != tt.beneath) {
				t.Error(err)
			}
		})
	}
}

func TestLifeOfALock(t *testing.T) {
	m, c := newManager(t, Options{Longest: time.Minute})
	l := m.must(t, Lock{LockDetails: webdav.LockDetails{Root: "/a", Duration: time.Hour}, Principal: "alice"})
	if l.Duration != time.Minute || l.Left(c.now) != time.Minute {
		t.Errorf("granted %v, left %v", l.Duration, l.Left(c.now))
	}
	c.forward(50 * time.Second)
	if _, err := m.Refresh(t.Context(), l.Token, "/a", "bob", 0); err != webdav.ErrForbidden {
		t.Error(err)
	}
	if _, err := m.Refresh(t.Context(), l.Token, "/b", "alice", 0); err != webdav.ErrNoSuchLock {
		t.Error(err)
	}
	if l, err := m.Refresh(t.Context(), l.Token, "/a/member", "alice", 30*time.Second); err != nil ||
		l.Left(c.now) != 30*time.Second {
		t.Error(l, err)
	}
	c.forward(29 * time.Second)
	if !m.Covers(l.Token, "/a/b") || len(m.Covering("/a")) != 1 || len(m.All()) != 1 {
		t.Error("the lock has gone too early")
	}
	c.forward(time.Second)
	if m.Covers(l.Token, "/a/b") || len(m.Covering("/a")) != 0 || len(m.All()) != 0 {
		t.Error("the lock has not gone")
	}
	if err := m.Unlock(t.Context(), l.Token, "/a", "alice"); err != webdav.ErrNoSuchLock {
		t.Error(err)
	}
	if _, err := m.Refresh(t.Context(), l.Token, "/a", "alice", 0); err != webdav.ErrNoSuchLock {
		t.Error(err)
	}
	if l.Left(c.now.Add(time.Hour)) != time.Second {
		t.Error("a lock that is seen has at least a second")
	}
}

func TestUnlockAndBreak(t *testing.T) {
	m, _ := newManager(t, Options{})
	l := m.must(t, Lock{LockDetails: webdav.LockDetails{Root: "/a"}, Principal: "alice"})
	if err := m.Unlock(t.Context(), l.Token, "/a", "bob"); err != webdav.ErrForbidden {
		t.Error(err)
	}
	if err := m.Unlock(t.Context(), l.Token, "/b", "alice"); err != webdav.ErrNoSuchLock {
		t.Error(err)
	}
	if err := m.Unlock(t.Context(), l.Token, "/a/b", "alice"); err != nil {
		t.Error(err)
	}
	l = m.must(t, Lock{LockDetails: webdav.LockDetails{Root: "/a"}, Principal: "alice"})
	if err := errors.Join(m.Break(t.Context(), l.Token), m.Check(Submitted{}, Touch{Path: "/a"})); err != nil {
		t.Error(err)
	}
	if err := m.Break(t.Context(), l.Token); err != webdav.ErrNoSuchLock {
		t.Error(err)
	}
}

func TestDrop(t *testing.T) {
	roots := func(m *Manager) (found []string) {
		for _, l := range m.All() {
			found = append(found, l.Root)
		}
		return found
	}
	m, _ := newManager(t, Options{})
	for _, root := range []string{"/a", "/ab", "/a/b", "/a/b/c"} {
		m.must(t, depth0(root))
	}
	if err := m.Drop(t.Context(), "/a", true); err != nil || !reflect.DeepEqual(roots(m), []string{"/a", "/ab"}) {
		t.Error(err, roots(m))
	}
	if err := m.Drop(t.Context(), "/a", false); err != nil || !reflect.DeepEqual(roots(m), []string{"/ab"}) {
		t.Error(err, roots(m))
	}
}

func TestLimits(t *testing.T) {
	m, c := newManager(t, Options{Limit: 1})
	m.must(t, exclusive("/a"))
	if _, err := m.Create(t.Context(), exclusive("/b")); err != ErrTooMany {
		t.Error(err)
	}
	c.forward(DefaultLongest)
	m.must(t, exclusive("/b"))
}

func TestTokens(t *testing.T) {
	m, _ := newManager(t, Options{Rand: bytes.NewReader(bytes.Repeat([]byte{0xff}, 16))})
	if l := m.must(t, exclusive("/a")); l.Token != "urn:uuid:ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Error(l.Token)
	}
	if _, err := m.Create(t.Context(), exclusive("/b")); !errors.Is(err, io.EOF) {
		t.Errorf("without randomness: %v", err)
	}
}

func TestHoldsKeepNewLocksAway(t *testing.T) {
	tests := []struct {
		name  string
		want  Lock
		hold  Touch
		waits bool
	}{
		{"same", depth0("/a"), Touch{Path: "/a"}, true},
		{"other", exclusive("/a"), Touch{Path: "/b"}, false},
		{"deep lock over held", exclusive("/a"), Touch{Path: "/a/b"}, true},
		{"depth 0 over held", depth0("/a"), Touch{Path: "/a/b"}, false},
		{"beneath deep hold", depth0("/a/b"), Touch{Path: "/a", Deep: true}, true},
		{"beneath flat hold", depth0("/a/b"), Touch{Path: "/a"}, false},
		{"normalised", depth0("/\u00fc"), Touch{Path: "/u\u0308"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := newManager(t, Options{})
				release := m.hold(tt.hold)
				again := m.hold(tt.hold) // holds don't exclude each other
				granted := false
				go func() {
					m.must(t, tt.want)
					granted = true
				}()
				synctest.Wait()
				if granted == tt.waits {
					t.Errorf("granted at once is %v", granted)
				}
				release()
				release()
				synctest.Wait()
				if granted == tt.waits {
					t.Errorf("granted with one hold left is %v", granted)
				}
				again()
				synctest.Wait()
				if !granted {
					t.Error("not granted after all holds have gone")
				}
			})
		})
	}
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := newManager(t, Options{})
		defer m.hold(Touch{Path: "/a"})()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Create(ctx, exclusive("/a")); err != context.DeadlineExceeded {
			t.Error(err)
		}
		if len(m.All()) != 0 {
			t.Error("a lock was granted to nobody")
		}
	})
}

// memory is a store that can fail.
type memory struct {
	records map[string][]byte
	fail    error
}

func (m *memory) Load() (map[string][]byte, error) { return m.records, m.fail }
func (m *memory) Save(token string, record []byte) error {
	if m.fail == nil {
		m.records[token] = record
	}
	return m.fail
}
func (m *memory) Delete(token string) error {
	if m.fail == nil {
		delete(m.records, token)
	}
	return m.fail
}

func TestLocksOutliveTheManager(t *testing.T) {
	store := &memory{records: map[string][]byte{}}
	m, c := newManager(t, Options{Store: store})
	m.must(t, shared("/s"))
	m.must(t, Lock{
		LockDetails: webdav.LockDetails{Root: "/ü", Duration: time.Minute, OwnerXML: "<a>&amp;</a>", ZeroDepth: true},
		Principal:   "alice",
	})
	again, err := New(Options{Store: store, Clock: c.time})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.All(), again.All()) {
		t.Errorf("%+v\n%+v", m.All(), again.All())
	}
	c.forward(time.Hour)
	if len(again.All()) != 0 || len(store.records) != 0 {
		t.Error("expired locks stay in the store")
	}
}

func TestStoreFaults(t *testing.T) {
	broken := errors.New("disk on fire")
	store := &memory{records: map[string][]byte{}}
	m, _ := newManager(t, Options{Store: store})
	l := m.must(t, exclusive("/a"))
	store.fail = broken
	if _, err := m.Create(t.Context(), exclusive("/b")); !errors.Is(err, broken) || len(m.All()) != 1 {
		t.Errorf("a lock that can't be kept was granted: %v", err)
	}
	if _, err := m.Refresh(t.Context(), l.Token, "/a", "", time.Second); !errors.Is(err, broken) || m.All()[0] != l {
		t.Errorf("a refresh that can't be kept was granted: %v", err)
	}
	if err := m.Drop(t.Context(), "/", false); !errors.Is(err, broken) || len(m.All()) != 0 {
		t.Errorf("what is gone stays locked: %v", err)
	}
	if _, err := New(Options{Store: store}); !errors.Is(err, broken) {
		t.Error(err)
	}
	for _, record := range []string{"", "{", `{"root":""}`, `{"root":"x"}`, `[]`} {
		_, err := New(Options{Store: &memory{records: map[string][]byte{"urn:x": []byte(record)}}})
		if err == nil || !strings.Contains(err.Error(), "urn:x") {
			t.Errorf("%q: %v", record, err)
		}
	}
}

// TestCrowded: a listing repeats the locks of a place for each member, so no place has more than maxCovering.
func TestCrowded(t *testing.T) {
	m, _ := newManager(t, Options{})
	take := func(root string, deep bool) error {
		_, err := m.Create(t.Context(), Lock{LockDetails: webdav.LockDetails{Root: root, ZeroDepth: !deep}, Shared: true})
		return err
	}
	for i := range maxCovering - 1 {
		if err := take([]string{"/a", "/a/b"}[i%2], true); err != nil {
			t.Fatal(err)
		}
	}
	if err := take("/a/b/c", false); err != nil {
		t.Fatalf("lock number %d: %v", maxCovering, err)
	}
	for _, tt := range []struct {
		root string
		deep bool
		want error
	}{{"/a/b/c", false, ErrTooMany}, {"/a", true, ErrTooMany}, {"/", true, ErrTooMany}, {"/a", false, nil},
		{"/d", true, nil}} {
		if err := take(tt.root, tt.deep); err != tt.want {
			t.Errorf("one more lock of %s: %v, want %v", tt.root, err, tt.want)
		}
	}
}

// TestBytes: the locks' roots and owners take a bounded number of bytes, and those of a lock that ended are free again.
func TestBytes(t *testing.T) {
	m, _ := newManager(t, Options{})
	take := func(i int) (Lock, error) {
		return m.Create(t.Context(),
			Lock{LockDetails: webdav.LockDetails{Root: fmt.Sprintf("/%d", i), OwnerXML: strings.Repeat("x", maxBytes/4)}})
	}
	var last Lock
	for i := range 3 {
		l, err := take(i)
		if err != nil {
			t.Fatal(err)
		}
		last = l
	}
	if _, err := take(3); err != ErrTooMany {
		t.Fatalf("beyond the bound: %v", err)
	}
	if err := m.Unlock(t.Context(), last.Token, last.Root, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := take(4); err != nil {
		t.Fatalf("after an unlock: %v", err)
	}
}
