package gateway_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/dav"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/localfs/simfs"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// served is a space behind the WebDAV handler, on a disk that fails on request.
type served struct {
	t       *testing.T
	options space.Options
	disk    *simfs.FS
	space   *space.Space
	handler http.Handler
}

// newServed makes an account, and its drive at a remote.
func newServed(t *testing.T, store remote.Store) *served {
	t.Helper()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := &served{t: t, disk: simfs.New()}
	v.options = space.Options{
		Store: store, Keys: base.Own(account), Dir: "/home", FS: v.disk,
		Deadlines: remote.Deadlines{Commit: time.Millisecond},
		Device:    space.Device{ID: object.DeviceID{1}, Name: "laptop"},
	}
	if err := space.Create(t.Context(), store, base.Own(account), v.options.Device, rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	return v
}

// another is another device of the same account, with a disk of its own.
func (v *served) another() *served {
	other := &served{t: v.t, disk: simfs.New(), options: v.options}
	other.options.FS, other.options.Device = other.disk, space.Device{ID: object.DeviceID{2}, Name: "phone"}
	return other
}

func (v *served) start(patience time.Duration) {
	v.t.Helper()
	var err error
	if v.space, err = space.Open(context.Background(), v.options); err != nil {
		v.t.Fatal(err)
	}
	files := namespace.New(namespace.Options{Made: time.Unix(0, 0)}, map[string]vfs.FS{"files": v.space})
	handler, err := dav.New(files, dav.Options{Patience: patience})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(handler.Stop)
	v.handler = handler
}

func (v *served) close() {
	v.t.Helper()
	if err := v.space.Close(); err != nil {
		v.t.Error(err)
	}
}

func (v *served) flush() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 20*time.Second) // then it says why
	defer cancel()
	if err := v.space.Flush(ctx); err != nil {
		v.t.Fatal(err)
	}
}

// must sends a request that must succeed.
func (v *served) must(method, path, body string) {
	v.t.Helper()
	if code := v.do(method, path, body); code >= 300 {
		v.t.Fatalf("%s %s: %d", method, path, code)
	}
}

// get returns a file's contents.
func (v *served) get(path string) string {
	v.t.Helper()
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		v.t.Fatalf("GET %s: %d", path, w.Code)
	}
	return w.Body.String()
}

// do sends a request and returns the status of the answer.
func (v *served) do(method, path, body string, header ...string) int {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w.Code
}

// view returns everything that clients can see, as text.
func (v *served) view() string {
	v.t.Helper()
	var b strings.Builder
	var walk func(dir string)
	walk = func(dir string) {
		for info, err := range v.space.List(v.t.Context(), dir) {
			if err != nil {
				v.t.Fatal(err)
			}
			path := strings.TrimSuffix(dir, "/") + "/" + info.Name
			fmt.Fprintf(&b, "%s %v %d %v\n", path, info.Version, info.Size, info.Properties)
			if info.Folder {
				walk(path)
			} else if got := v.get("/files" + path); int64(len(got)) != info.Size {
				v.t.Fatalf("%s has %d bytes instead of %d", path, len(got), info.Size)
			}
		}
	}
	walk("/")
	return b.String()
}

const patch = `<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>`

// requests are one change of each kind.
var requests = map[string]func(v *served) int{
	"MKCOL":       func(v *served) int { return v.do("MKCOL", "/files/new", "") },
	"PUT small":   func(v *served) int { return v.do("PUT", "/files/small", "new") },
	"PUT large":   func(v *served) int { return v.do("PUT", "/files/large", strings.Repeat("new", 1<<20)) },
	"PUT over":    func(v *served) int { return v.do("PUT", "/files/a", "other") },
	"DELETE file": func(v *served) int { return v.do("DELETE", "/files/a", "") },
	"DELETE":      func(v *served) int { return v.do("DELETE", "/files/d", "") },
	"MOVE":        func(v *served) int { return v.do("MOVE", "/files/d", "", "Destination", "/files/e") },
	"COPY":        func(v *served) int { return v.do("COPY", "/files/d", "", "Destination", "/files/e") },
	"PROPPATCH":   func(v *served) int { return v.do("PROPPATCH", "/files/a", patch) },
	"LOCK":        func(v *served) int { return v.do("LOCK", "/files/locked", lockBody) },
}

const lockBody = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`

// TestFailedSyncChangesNothing: an error means that nothing has changed, now and after a restart, whichever sync
// failed.
func TestFailedSyncChangesNothing(t *testing.T) {
	fails := errors.New("the disk is ill")
	for where, match := range map[string]string{"journal": "/home/journal", "staging": "/home/staging",
		"everywhere": "/home"} {
		for what, change := range requests {
			t.Run(where+"/"+what, func(t *testing.T) {
				v := newServed(t, mem.New())
				v.start(-1)
				v.must("PUT", "/files/a", "a")
				v.must("MKCOL", "/files/d", "")
				v.must("MKCOL", "/files/d/sub", "")
				v.must("PUT", "/files/d/x", strings.Repeat("x", 1<<20))
				before := v.view()
				v.disk.FailSyncsOf(func(path string) error {
					if strings.HasPrefix(path, match) {
						return fails
					}
					return nil
				})
				code := change(v)
				broken := v.space.Status().Broken // else the failed file was staged, and only this change needed it
				if where == "journal" && !strings.Contains(broken, "ill") {
					t.Errorf("the status says %q", broken)
				}
				switch now := v.view(); {
				case code < 400 && where != "staging":
					t.Fatalf("it was answered %d", code)
				case code < 400:
					before = now
				case now != before:
					t.Fatalf("answered %d, it is\n%swas\n%s", code, now, before)
				}
				if again := change(v); code >= 400 && again != code {
					t.Errorf("answered %d, and %d when asked again", code, again)
				}
				v.disk.FailSyncsOf(nil)
				if again := change(v); broken != "" && again < 500 {
					t.Errorf("a journal that failed took a change: %d", again)
				}
				if broken == "" {
					before = v.view()
				}
				_ = v.space.Close() // a failed journal reports its error once more
				v.start(-1)
				defer v.close()
				if now := v.view(); now != before {
					t.Fatalf("answered %d, after a restart it is\n%swas\n%s", code, now, before)
				}
				if broken == "" {
					return
				}
				if code := change(v); code >= 400 {
					t.Errorf("after a restart it was answered %d", code)
				}
			})
		}
	}
}

// TestChangeIsSeenWhenItIsDurable: no client sees a change while it is being synced, and no later change that builds on
// it outlives it.
func TestChangeIsSeenWhenItIsDurable(t *testing.T) {
	v := newServed(t, mem.New())
	v.start(-1)
	v.must("PUT", "/files/a", "a") // the journal's file is there
	v.flush()
	before := v.view()
	entered, leave := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(entered); <-leave })
	v.disk.OnSync(once)
	var codes [3]int
	var wg sync.WaitGroup
	wg.Go(func() { codes[0] = v.do("MKCOL", "/files/new", "") })
	<-entered
	if now := v.view(); now != before {
		t.Errorf("it is seen before it is durable:\n%s", now)
	}
	// The folder is recorded, so a change within it is accepted, and succeeds or fails with it.
	wg.Go(func() { codes[1] = v.do("MKCOL", "/files/new/sub", "") })
	wg.Go(func() { codes[2] = v.do("DELETE", "/files/a", "") })
	v.disk.FailSyncs(errors.New("the disk is ill"))
	close(leave)
	wg.Wait()
	for i, code := range codes {
		if code < 400 {
			t.Errorf("request %d was answered %d", i, code)
		}
	}
	if now := v.view(); now != before {
		t.Errorf("after the sync failed it is\n%swas\n%s", now, before)
	}
	v.disk.FailSyncs(nil)
	v.disk.OnSync(nil)
	_ = v.space.Close()
	v.start(-1)
	defer v.close()
	if now := v.view(); now != before {
		t.Errorf("after a restart it is\n%swas\n%s", now, before)
	}
}

// TestBrokenJournalKeepsWhatWasAnswered: changes answered before the journal failed can be read, and are committed.
func TestBrokenJournalKeepsWhatWasAnswered(t *testing.T) {
	v := newServed(t, mem.New())
	v.start(-1)
	v.must("PUT", "/files/kept", "kept")
	v.disk.FailSyncs(io.ErrUnexpectedEOF)
	err := v.space.Mkdir(t.Context(), "/d", nil)
	if !errors.Is(err, vfs.ErrBroken) {
		t.Fatalf("%v is not ErrBroken", err)
	}
	v.disk.FailSyncs(nil)
	v.flush()
	_ = v.space.Close()
	other := v.another()
	other.start(-1)
	defer other.close()
	if got := other.get("/files/kept"); got != "kept" {
		t.Errorf("the other device reads %q", got)
	}
}

// TestThroughIsAnsweredTruly: a write that waits too long for the remote is answered 202, stays, and arrives later.
func TestThroughIsAnsweredTruly(t *testing.T) {
	line := faulty.New(mem.New(), nil, faulty.Options{})
	v := newServed(t, line)
	v.options.SyncThrough = true
	v.start(50 * time.Millisecond)
	if code := v.do("MKCOL", "/files/first", ""); code != http.StatusCreated {
		t.Fatalf("with the remote there: %d", code)
	}
	line.SetPlan(faulty.Always(faulty.Hang))
	for what, change := range map[string]func() int{
		"MKCOL": func() int { return v.do("MKCOL", "/files/d", "") },
		"PUT":   func() int { return v.do("PUT", "/files/a", "a") },
		"MOVE":  func() int { return v.do("MOVE", "/files/first", "", "Destination", "/files/second") },
	} {
		if code := change(); code != http.StatusAccepted {
			t.Errorf("%s: %d", what, code)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := v.space.Mkdir(gone, "/never", nil); err == nil {
		t.Error("a request that had ended was carried out")
	}
	if code := v.do("MKCOL", "/files/d", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("what was accepted is not there: %d", code)
	}
	line.SetPlan(nil)
	v.space.Retry()
	v.close() // ends the call that hangs
	v.start(10 * time.Second)
	defer v.close()
	v.flush()
	other := v.another()
	other.start(-1)
	defer other.close()
	if got := other.get("/files/a"); got != "a" {
		t.Errorf("the other device reads %q", got)
	}
}

// TestThroughRefusesWhileAway: a write that would wait for a remote that is known to be away is refused, and changes
// nothing.
func TestThroughRefusesWhileAway(t *testing.T) {
	t.Parallel() // it waits for a deadline
	line := faulty.New(mem.New(), nil, faulty.Options{})
	v := newServed(t, line)
	v.options.SyncThrough = true
	v.start(-1)
	defer v.close()
	line.SetPlan(faulty.Always(faulty.Fail))
	ended, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		for v.space.Status().OfflineSince.IsZero() && ended.Err() == nil {
			v.space.Retry()
		}
	}()
	if err := v.space.Mkdir(ended, "/waits", nil); err != nil && !errors.Is(err, vfs.ErrPending) &&
		!errors.Is(err, vfs.ErrUnavailable) {
		t.Fatal(err)
	}
	<-failed
	before := v.view()
	for what, change := range requests {
		if code := change(v); code != http.StatusServiceUnavailable && code != http.StatusNotFound {
			t.Errorf("%s: %d", what, code)
		}
	}
	if now := v.view(); now != before {
		t.Errorf("it is\n%swas\n%s", now, before)
	}
}
