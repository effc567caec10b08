// Package locktest is the contract of lock.System as code.
package locktest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/webdav"
	"pgregory.net/rapid"

	"postern/dav/lock"
)

// Drive is a system under test and its clock.
type Drive struct {
	lock.System
	Now     func() time.Time
	Forward func(time.Duration) // moves the clock on
}

// Run checks a system. fresh returns one that has no locks, grants them for an hour at most, and ends with the test.
func Run(t *testing.T, fresh func(t *testing.T) Drive) {
	for name, test := range map[string]func(*testing.T, Drive){
		"expiry": expiry, "takeover": takeover, "hold": hold, "race": race, "owners": owners, "durations": durations,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
	t.Run("model", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) { random(rt, fresh(t)) })
	})
}

func exclusive(root string) lock.Lock {
	return lock.Lock{LockDetails: webdav.LockDetails{Root: root, Duration: time.Minute}}
}

func mustCreate(t *testing.T, d Drive, want lock.Lock) lock.Lock {
	t.Helper()
	l, err := d.Create(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func held(tokens ...string) lock.Submitted { return lock.Submitted{Tokens: tokens} }

// expiry checks that a lock ends with its time, that a refresh renews its time, and that an expired one has no effect.
func expiry(t *testing.T, d Drive) {
	l := mustCreate(t, d, exclusive("/a"))
	d.Forward(59 * time.Second)
	if _, err := d.Refresh(t.Context(), l.Token, "/a", "", time.Minute); err != nil {
		t.Fatal(err)
	}
	d.Forward(59 * time.Second)
	if _, err := d.Confirm(t.Context(), held(), lock.Touch{Path: "/a"}); !errors.Is(err, webdav.ErrLocked) {
		t.Errorf("before its end the lock does not protect: %v", err)
	}
	d.Forward(2 * time.Second)
	if _, err := d.Confirm(t.Context(), held(), lock.Touch{Path: "/a"}); err != nil {
		t.Errorf("after its end the lock protects: %v", err)
	}
	view, err := d.View(t.Context(), "/", true)
	if err != nil || len(view.All()) != 0 {
		t.Errorf("after its end the lock is listed: %+v, %v", view.All(), err)
	}
	if _, err := d.Refresh(t.Context(), l.Token, "/a", "", time.Minute); !errors.Is(err, webdav.ErrNoSuchLock) {
		t.Errorf("refresh after the end: %v", err)
	}
	if err := d.Unlock(t.Context(), l.Token, "/a", ""); !errors.Is(err, webdav.ErrNoSuchLock) {
		t.Errorf("unlock after the end: %v", err)
	}
	if err := d.Break(t.Context(), l.Token); !errors.Is(err, webdav.ErrNoSuchLock) {
		t.Errorf("break after the end: %v", err)
	}
}

// takeover checks that a holder whose lock expired or was broken is not confirmed once there is another holder, and
// that fences grow.
func takeover(t *testing.T, d Drive) {
	for what, end := range map[string]func(lock.Lock){
		"expired": func(lock.Lock) { d.Forward(2 * time.Minute) },
		"broken": func(l lock.Lock) {
			if err := d.Break(t.Context(), l.Token); err != nil {
				t.Fatal(err)
			}
		},
	} {
		first := mustCreate(t, d, exclusive("/a/b"))
		fence, err := d.Confirm(t.Context(), held(first.Token), lock.Touch{Path: "/a/b/c"})
		if err != nil || fence != first.Fence {
			t.Errorf("%s: the holder is confirmed with fence %d, want %d: %v", what, fence, first.Fence, err)
		}
		end(first)
		second := mustCreate(t, d, exclusive("/a"))
		if second.Fence <= first.Fence {
			t.Errorf("%s: fence %d after %d", what, second.Fence, first.Fence)
		}
		for _, touch := range []lock.Touch{{Path: "/a/b/c"}, {Path: "/a/b"}, {Path: "/a", Deep: true},
			{Path: "/", Deep: true}} {
			if _, err := d.Confirm(t.Context(), held(first.Token), touch); !errors.Is(err, webdav.ErrLocked) {
				t.Errorf("%s: the holder before may touch %+v: %v", what, touch, err)
			}
		}
		fence, err = d.Confirm(t.Context(), held(first.Token, second.Token), lock.Touch{Path: "/a/b/c"})
		if err != nil || fence != second.Fence {
			t.Errorf("%s: the next holder is confirmed with fence %d, want %d: %v", what, fence, second.Fence, err)
		}
		if err := d.Unlock(t.Context(), second.Token, "/a", ""); err != nil {
			t.Error(err)
		}
	}
	if fence, err := d.Confirm(t.Context(), held("urn:uuid:none"), lock.Touch{Path: "/a"}); err != nil || fence != 0 {
		t.Errorf("where nothing is locked the fence is %d, %v", fence, err)
	}
}

// hold checks that no lock is granted while a change is being made within its scope, and one is granted afterwards.
func hold(t *testing.T, d Drive) {
	for _, c := range []struct {
		touch lock.Touch
		root  string
		flat  bool
		waits bool
	}{
		{lock.Touch{Path: "/a/b"}, "/a/b", true, true},
		{lock.Touch{Path: "/a/b"}, "/a", false, true},
		{lock.Touch{Path: "/a/b"}, "/a", true, false},
		{lock.Touch{Path: "/a/b"}, "/a/b/c", false, false},
		{lock.Touch{Path: "/a/b", Deep: true}, "/a/b/c", true, true},
		{lock.Touch{Path: "/a/b"}, "/a/bc", false, false},
	} {
		release, err := d.Hold(t.Context(), c.touch)
		if err != nil {
			t.Fatal(err)
		}
		want := exclusive(c.root)
		want.ZeroDepth = c.flat
		ended, cancel := context.WithCancel(t.Context())
		granted := make(chan error, 1)
		if c.waits {
			cancel() // it must not be granted, however long it waits
			if l, err := d.Create(ended, want); err == nil {
				t.Errorf("%+v is held, and %q was granted", c.touch, l.Root)
			}
		}
		cancel()
		go func() {
			l, err := d.Create(t.Context(), want)
			if err == nil {
				err = d.Unlock(t.Context(), l.Token, l.Root, "")
			}
			granted <- err
		}()
		if c.waits {
			release()
		}
		if err := <-granted; err != nil {
			t.Errorf("%+v was held, and %q: %v", c.touch, c.root, err)
		}
		release()
		release() // a second call does nothing
	}
}

// race lets many clients lock one place at once, and checks that exactly one succeeds.
func race(t *testing.T, d Drive) {
	fence := lock.Fence(0)
	for range 5 {
		var mu sync.Mutex
		var won []lock.Lock
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := d.Create(t.Context(), exclusive("/a"))
				switch {
				case err == nil:
					mu.Lock()
					won = append(won, l)
					mu.Unlock()
				case !errors.Is(err, webdav.ErrLocked):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 || won[0].Fence <= fence {
			t.Fatalf("after fence %d these were granted: %+v", fence, won)
		}
		fence = won[0].Fence
		if err := d.Unlock(t.Context(), won[0].Token, "/a", ""); err != nil {
			t.Fatal(err)
		}
	}
}

// owners checks that a token works only for the user who took the lock.
func owners(t *testing.T, d Drive) {
	want := exclusive("/a")
	want.Principal, want.OwnerXML = "alice", "<x>Alice &amp; her laptop</x>"
	l := mustCreate(t, d, want)
	if l.OwnerXML != want.OwnerXML || l.Root != "/a" || l.Shared || l.ZeroDepth || l.Principal != "alice" {
		t.Errorf("granted was %+v", l)
	}
	touch := lock.Touch{Path: "/a"}
	bob := lock.Submitted{Tokens: []string{l.Token}, Principal: "bob"}
	if _, err := d.Confirm(t.Context(), bob, touch); !errors.Is(err, webdav.ErrLocked) {
		t.Errorf("bob shows alice's token: %v", err)
	}
	if _, err := d.Refresh(t.Context(), l.Token, "/a", "bob", time.Minute); !errors.Is(err, webdav.ErrForbidden) {
		t.Errorf("bob refreshes alice's lock: %v", err)
	}
	if err := d.Unlock(t.Context(), l.Token, "/a", "bob"); !errors.Is(err, webdav.ErrForbidden) {
		t.Errorf("bob ends alice's lock: %v", err)
	}
	if _, err := d.Confirm(t.Context(), lock.Submitted{Tokens: []string{l.Token}, Principal: "alice"}, touch); err != nil {
		t.Error(err)
	}
}

// durations checks the time that is granted to a request for none, too much or too little.
func durations(t *testing.T, d Drive) {
	for asked, got := range map[time.Duration]time.Duration{
		0: time.Hour, -1: time.Hour, 100 * time.Hour: time.Hour, time.Millisecond: time.Second, time.Minute: time.Minute,
	} {
		want := exclusive("/a")
		want.Duration = asked
		l := mustCreate(t, d, want)
		if l.Duration != got || l.Left(d.Now()) > got || l.Left(d.Now()) < got-time.Second {
			t.Errorf("of %v asked %v is granted, %v are left", asked, l.Duration, l.Left(d.Now()))
		}
		if err := d.Unlock(t.Context(), l.Token, "/a", ""); err != nil {
			t.Fatal(err)
		}
	}
}
