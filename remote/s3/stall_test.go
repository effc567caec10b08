package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// stall is short, so that the tests are, and longer than a busy machine takes for a request.
const stall = 2 * time.Second

// TestStall: a store that stops in the middle of a body, in either direction, ends the call with a sentence, and the
// next call does not use that connection.
func TestStall(t *testing.T) {
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{Stall: stall})
	data := make([]byte, crypto.MaxBlobSize)
	name := crypto.NameOf(data)
	put := func(ctx context.Context) error { return s.Put(ctx, name, remote.BytesBody(data)) }
	if err := put(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func(context.Context) error{
		"get": func(ctx context.Context) error { _, err := s.Get(ctx, name); return err },
		"put": put,
	} {
		var mu sync.Mutex
		var stopped string // the connection that stopped
		over := make(chan struct{})
		front.Set(func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if stopped != "" {
				if r.RemoteAddr == stopped {
					t.Errorf("%s: the connection that has stopped is used again", what)
				}
				return false
			}
			stopped = r.RemoteAddr
			if r.Method == http.MethodGet {
				reply := httptest.NewRecorder()
				front.Forward(reply, r)
				for name, values := range reply.Header() {
					w.Header()[name] = values
				}
				_, _ = w.Write(reply.Body.Bytes()[:reply.Body.Len()/2])
				w.(http.Flusher).Flush()
			}
			mu.Unlock()
			<-over // no byte of a body is read
			mu.Lock()
			return true
		})
		err := do(t.Context())
		close(over)
		if remote.KindOf(err) != remote.ErrUnavailable || !strings.Contains(err.Error(), "stopped in the middle") {
			t.Errorf("%s: %v", what, err)
		}
		if err := do(t.Context()); err != nil {
			t.Errorf("%s, the second time: %v", what, err)
		}
	}
}

// stop stops a process, and returns once it has.
func stop(t *testing.T, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
		if err != nil {
			t.Skipf("skipped: the state of a process can't be read here: %v", err)
		}
		if strings.Contains(string(state), ") T ") {
			return
		}
		runtime.Gosched()
	}
}

// TestStoppedStore: calls to a store that was stopped end, and go on once it does.
func TestStoppedStore(t *testing.T) {
	store := s3test.StartVersity(t)
	s, err := s3.Open(t.Context(), store.Place(), s3.Options{Stall: stall})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := calls(t, s)
	for _, call := range []string{"get", "put", "load"} {
		do := all[call]
		stop(t, store.Process)
		err := do(t.Context())
		if remote.KindOf(err) != remote.ErrUnavailable || !strings.Contains(err.Error(), "stopped in the middle") {
			t.Errorf("%s: %v", call, err)
		}
		if err := store.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Letters(t.Context(), crypto.InboxID{}); err != nil {
			t.Errorf("after %s: %v", call, err)
		}
	}
}

// TestReconnect: requests under way end, and the next ones come on fresh connections.
func TestReconnect(t *testing.T) {
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{})
	first := true
	front.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if !first {
			return false
		}
		first = false
		s.Reconnect()
		<-r.Context().Done()
		return true
	})
	if _, err := s.Stat(t.Context(), crypto.BlobName{}); remote.KindOf(err) != remote.ErrUnavailable ||
		!strings.Contains(err.Error(), "connection") {
		t.Error(err)
	}
	if _, err := s.Stat(t.Context(), crypto.BlobName{}); remote.KindOf(err) != remote.ErrNotFound {
		t.Error(err)
	}
}
