package dav_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/lock"
)

// distant is a lock system that counts the calls of View, and can be away.
type distant struct {
	lock.System
	views atomic.Int64
	away  atomic.Bool
}

func (d *distant) err() error {
	if d.away.Load() {
		return fmt.Errorf("ask the server of the locks: %w", lock.ErrUnavailable)
	}
	return nil
}

func (d *distant) Create(ctx context.Context, want lock.Lock) (lock.Lock, error) {
	if err := d.err(); err != nil {
		return lock.Lock{}, err
	}
	return d.System.Create(ctx, want)
}

func (d *distant) Refresh(ctx context.Context, token, path, principal string, long time.Duration) (lock.Lock, error) {
	if err := d.err(); err != nil {
		return lock.Lock{}, err
	}
	return d.System.Refresh(ctx, token, path, principal, long)
}

func (d *distant) Unlock(ctx context.Context, token, path, principal string) error {
	if err := d.err(); err != nil {
		return err
	}
	return d.System.Unlock(ctx, token, path, principal)
}

func (d *distant) View(ctx context.Context, path string, deep bool) (lock.View, error) {
	d.views.Add(1)
	if err := d.err(); err != nil {
		return lock.View{}, err
	}
	return d.System.View(ctx, path, deep)
}

func (d *distant) Hold(ctx context.Context, touches ...lock.Touch) (func(), error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	return d.System.Hold(ctx, touches...)
}

func (d *distant) Confirm(ctx context.Context, s lock.Submitted, touches ...lock.Touch) (lock.Fence, error) {
	if err := d.err(); err != nil {
		return 0, err
	}
	return d.System.Confirm(ctx, s, touches...)
}

// discover lists the locks by PROPFIND.
const discover = `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`

func newDistant(t *testing.T, paths ...string) (*drive, *distant) {
	t.Helper()
	var d *drive
	locks, err := lock.New(lock.Options{Clock: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	far := &distant{System: locks}
	d = newDriveWith(t, dav.Options{Patience: -1, System: far}, 0, paths...)
	return d, far
}

// TestListingAsksForLocksOnce checks that a listing gets the locks of all members in one call.
func TestListingAsksForLocksOnce(t *testing.T) {
	var paths []string
	for i := range 300 {
		paths = append(paths, fmt.Sprintf("/files/f%d", i))
	}
	d, far := newDistant(t, paths...)
	token := d.lock("/files/f7")
	for _, target := range []string{"/files", "/files/f7"} {
		far.views.Store(0)
		for range 2 {
			got := d.do("PROPFIND", target, discover, "Depth: 1").want(207)
			if n := strings.Count(got.body, token); n != 1 {
				t.Errorf("%s shows the lock %d times", target, n)
			}
		}
		if n := far.views.Load(); n != 2 {
			t.Errorf("two listings of %s asked for locks %d times", target, n)
		}
	}
}

// TestLocksAway checks that while the locks can't be reached, changes fail, reads succeed, and a listing omits
// the locks instead of showing none.
func TestLocksAway(t *testing.T) {
	d, far := newDistant(t, "/files/f", "/files/g", "/files/dir/")
	token := d.lock("/files/f")
	far.away.Store(true)
	for _, c := range []struct{ method, target, body, header string }{
		{"PUT", "/files/f", "x", "If: (<" + token + ">)"},
		{"PUT", "/files/g", "x", "X-Nothing: x"},
		{"PUT", "/files/new", "x", "X-Nothing: x"},
		{"DELETE", "/files/g", "", "X-Nothing: x"},
		{"MKCOL", "/files/newdir", "", "X-Nothing: x"},
		{"PROPPATCH", "/files/g", patch("<x:p/>"), "X-Nothing: x"},
		{"MOVE", "/files/g", "", "Destination: /files/h"},
		{"COPY", "/files/g", "", "Destination: /files/h"},
		{"LOCK", "/files/g", lockBody("exclusive"), "X-Nothing: x"},
		{"LOCK", "/files/f", "", "If: (<" + token + ">)"},
		{"UNLOCK", "/files/f", "", "Lock-Token: <" + token + ">"},
	} {
		d.do(c.method, c.target, c.body, c.header).want(503, "locks")
	}
	d.do("GET", "/files/f", "").want(200)
	got := d.do("PROPFIND", "/files", discover, "Depth: 1").want(207, "404 Not Found")
	if strings.Contains(got.body, "200 OK") {
		t.Errorf("the locks are away, and a listing knows them: %s", got.body)
	}
	d.holds("/files/f", "/files/f", "/files/g", "/files/g", "/files/h", "-", "/files/new", "-", "/files/newdir", "-")
	far.away.Store(false)
	d.do("PUT", "/files/f", "x", "If: (<"+token+">)").want(204)
}

// TestLockLostDuringUpload checks that a holder whose lock expires while its file is on its way changes nothing,
// whether the next holder still has the lock or is done.
func TestLockLostDuringUpload(t *testing.T) {
	for _, done := range []bool{false, true} {
		d, _ := newDistant(t, "/files/f")
		first := d.lock("/files/f")
		put := func(condition string, code int) {
			body := io.MultiReader(strings.NewReader("the first "), onRead(func() {
				d.now = d.now.Add(2 * time.Hour)
				second := d.lock("/files/f")
				d.do("PUT", "/files/f", "the second's", "If: (<"+second+">)").want(204)
				if done {
					d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+second+">").want(204)
				}
			}))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/files/f", body)
			r.Header.Set("If", condition)
			w := httptest.NewRecorder()
			d.h.ServeHTTP(w, r)
			if w.Code != code {
				t.Errorf("the next holder is done: %v, and the one before gets %d, want %d", done, w.Code, code)
			}
			d.holds("/files/f", "the second's")
		}
		put("(<"+first+">)", 412)
		if !done {
			d.now = d.now.Add(2 * time.Hour)
			put("(<"+d.lock("/files/f")+">) (Not <DAV:no-lock>)", 423)
		}
	}
}

// onRead is a reader that calls a function at its only read, which is its end.
type onRead func()

func (f onRead) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}
