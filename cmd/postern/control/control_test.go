package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/say"
	"postern/remote"
)

// fake is a gateway with the answers of a test.
type fake struct {
	Gateway // methods that the test does not call
	status  Status
	flushed chan struct{} // closed when a flush has begun
	err     error
}

func (f *fake) Status(context.Context) (Status, error) { return f.status, f.err }

func (f *fake) Flush(ctx context.Context) error {
	if f.flushed != nil {
		close(f.flushed)
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

func (f *fake) Inspect(_ context.Context, what string) ([]Fact, error) {
	return []Fact{{"what", what}}, f.err
}

// serving answers for g on a socket in a folder.
func serving(t *testing.T, folder string, g Gateway) string {
	t.Helper()
	path := filepath.Join(folder, "control.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: Handler(g, http.NotFoundHandler()), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return path
}

func TestRoundTrip(t *testing.T) {
	want := Status{Running: true, Home: "/h", User: "alice", Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Pending: Pending{Changes: 3, Bytes: 4, Oldest: 1.5}, Commit: Commit{Landed: 7, LastError: "why"},
		Cache: Cache{Hits: 1}}
	client := NewClient(serving(t, t.TempDir(), &fake{status: want}))
	got, err := client.Status(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("status: %+v, %v", got, err)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Errorf("flush: %v", err)
	}
	what := "/files/ä b&c=d?#.txt"
	facts, err := client.Inspect(t.Context(), what)
	if err != nil || !reflect.DeepEqual(facts, []Fact{{"what", what}}) {
		t.Errorf("inspect: %v, %v", facts, err)
	}
}

func TestErrorsTravel(t *testing.T) {
	client := NewClient(serving(t, t.TempDir(), &fake{err: errors.New("the remote is away")}))
	for name, err := range map[string]error{
		"flush":   client.Flush(t.Context()),
		"status":  func() error { _, err := client.Status(t.Context()); return err }(),
		"inspect": func() error { _, err := client.Inspect(t.Context(), "/"); return err }(),
	} {
		if err == nil || err.Error() != "the remote is away" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAllCausesTravel: the client can print both the one sentence of a failure and all its causes.
func TestAllCausesTravel(t *testing.T) {
	id := strings.Repeat("0123abcd", 8)
	failed := fmt.Errorf("commit: %w", &remote.Error{Op: "put", On: "blob " + id, Kind: remote.ErrUnavailable,
		Err: errors.New("dial: refused")})
	asked := NewClient(serving(t, t.TempDir(), &fake{err: failed})).Flush(t.Context())
	_, worked := NewClient(serving(t, t.TempDir(), &worker{fail: failed})).Collect(t.Context(), CollectOrder{}, Quiet)
	for what, err := range map[string]error{"a question": asked, "a task": worked} {
		if say.Sentence(err) != say.Sentence(failed) || strings.Contains(say.Sentence(err), id) {
			t.Errorf("%s: %s", what, say.Sentence(err))
		}
		if say.Whole(err) != say.Whole(failed) || !strings.Contains(say.Whole(err), id) {
			t.Errorf("%s, in whole: %s", what, say.Whole(err))
		}
	}
}

func TestNotRunning(t *testing.T) {
	folder := t.TempDir()
	if _, err := NewClient(filepath.Join(folder, "control.sock")).Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	// A killed gateway leaves a socket file without a listener.
	path := filepath.Join(folder, "control.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(path).Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead socket: %v", err)
	}
	if _, err := NewClient(serving(t, folder, &fake{})).Status(t.Context()); err != nil {
		t.Errorf("a dead socket is in the way: %v", err)
	}
}

func TestSocketIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such bits")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "control.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLongPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can name a folder by an open file")
	}
	folder := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(serving(t, folder, &fake{})).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFlushEndsWithItsAsker(t *testing.T) {
	g := &fake{flushed: make(chan struct{})}
	client := NewClient(serving(t, t.TempDir(), g))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-g.flushed; cancel() }()
	if err := client.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted flush: %v", err)
	}
}

func TestForeignAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	answers := []string{"", "no JSON", `{"error":1}`}
	codes := []int{http.StatusTeapot, http.StatusOK, http.StatusInternalServerError}
	at := 0
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(
		w http.ResponseWriter, _ *http.Request,
	) {
		w.WriteHeader(codes[at])
		_, _ = w.Write([]byte(answers[at]))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	defer func() { _ = server.Close(); <-done }()
	for at = range answers {
		if _, err := NewClient(path).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "another version") {
			t.Errorf("%q: %v", answers[at], err)
		}
	}
}

func TestProfilesAndMetrics(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	folder := t.TempDir()
	path := filepath.Join(folder, "control.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: Handler(&fake{}, metrics), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	defer func() { _ = server.Close(); <-done }()
	client := NewClient(path).http
	for url, want := range map[string]int{
		"/metrics": http.StatusAccepted, "/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK,
		"/nothing": http.StatusNotFound,
	} {
		resp, err := client.Get("http://postern" + url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
}
