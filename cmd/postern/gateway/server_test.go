package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLocal(t *testing.T) {
	for _, c := range []struct {
		name, peer, host string
		headers          []string
		want             bool
	}{
		{"this machine", "127.0.0.1:4000", "127.0.0.1:8090", nil, true},
		{"by name", "127.0.0.1:4000", "localhost:8090", nil, true},
		{"version 6", "[::1]:4000", "[::1]:8090", nil, true},
		{"version 6 without port", "[::1]:4000", "[::1]", nil, true},
		{"4 in 6", "[::ffff:127.0.0.1]:4000", "127.0.0.1", nil, true},
		{"another machine", "192.0.2.7:4000", "127.0.0.1:8090", nil, false},
		{"another machine by its name", "192.0.2.7:4000", "drive.example", nil, false},
		{"a web page's name led here", "127.0.0.1:4000", "evil.example:8090", nil, false},
		{"a name that begins well", "127.0.0.1:4000", "127.0.0.1.evil.example", nil, false},
		{"this machine by its address in the net", "127.0.0.1:4000", "192.0.2.1:8090", nil, false},
		{"through a proxy", "127.0.0.1:4000", "127.0.0.1:8090", []string{"X-Forwarded-For", "192.0.2.7"}, false},
		{"through a modern proxy", "127.0.0.1:4000", "127.0.0.1:8090", []string{"Forwarded", "for=192.0.2.7"}, false},
		{"through nginx", "127.0.0.1:4000", "127.0.0.1:8090", []string{"X-Real-IP", "192.0.2.7"}, false},
		{"no peer", "@", "127.0.0.1", nil, false},
		{"no host", "127.0.0.1:4000", "", nil, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		if got := local(r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestProbes(t *testing.T) {
	var failing error
	drive := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	h := probes(metrics, func() error { return failing }, drive)
	ask := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:4000", "127.0.0.1:8090"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/healthz", 200}, {"HEAD", "/healthz", 200}, {"GET", "/readyz", 200}, {"GET", "/metrics", 202},
		{"PUT", "/metrics", 418}, {"PROPFIND", "/healthz", 418}, {"GET", "/", 418}, {"GET", "/metrics/", 418},
		{"GET", "/files/metrics", 418},
	} {
		if got := ask(c.method, c.path).Code; got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
	failing = errors.New("staging is full")
	if w := ask("GET", "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "staging is full") {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	if w := ask("GET", "/healthz"); w.Code != 200 {
		t.Errorf("not ready, but alive: %d", w.Code)
	}
}

func TestListenSentences(t *testing.T) {
	taken, err := listen(t.Context(), "127.0.0.1:0", "--addr")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for addr, want := range map[string]string{
		taken.Addr().String():   "the port is in use",
		"203.0.113.7:8090":      "no such address",
		"127.0.0.1:not-a-port":  "--addr",
		"no.such.host.invalid:": "--addr",
	} {
		_, err := listen(t.Context(), addr, "--addr")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// deadlines is a ResponseWriter that records its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.set = append(d.set, t); return nil }

func TestStallGuard(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	guardStalls(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			if _, err := io.WriteString(w, "line\n"); err != nil {
				t.Fatal(err)
			}
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flushing does not get through: %v", err)
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Body.Len() != 5000 {
		t.Errorf("%d bytes came through", w.Body.Len())
	}
	if n := len(w.set); n < 2 || n > 20 {
		t.Errorf("the deadline was moved %d times: at the beginning and the end, and once a second between", n)
	}
	for _, at := range w.set {
		if left := time.Until(at); left < stallTimeout-time.Minute || left > stallTimeout {
			t.Errorf("a deadline in %v", left)
		}
	}
}

// TestDrain: requests under way finish, new ones are rejected.
func TestDrain(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "whole")
	}), slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	type answer struct {
		body string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answers <- answer{err: err}
			return
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answers <- answer{string(body), err}
	}()
	<-entered
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		drain(server, func() { t.Error("the requests were ended") }, slog.New(slog.DiscardHandler))
	}()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving ended with %v", err)
	}
	select {
	case <-drained:
		t.Error("it did not wait for the request")
	default:
	}
	close(leave)
	<-drained
	if a := <-answers; a.body != "whole" || a.err != nil {
		t.Errorf("the request under way: %+v", a)
	}
	if _, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", listener.Addr().String()); err == nil {
		t.Error("a stopped server takes connections")
	}
}
