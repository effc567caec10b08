package dav_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/dav"
	"postern/vfs"
)

// patience is how long the drives of these tests wait for storage.
const patience = 8 * time.Second

// TestStorageIsWaitedFor: a request succeeds if its storage comes back within the patience.
func TestStorageIsWaitedFor(t *testing.T) {
	requests := []struct {
		method, target, body string
		headers              []string
		code                 int
	}{
		{"GET", "/files/f", "", nil, 200},
		{"HEAD", "/files/f", "", nil, 200},
		{"GET", "/files", "", nil, 200},
		{"PROPFIND", "/files", "", []string{"Depth: 1"}, 207},
		{"PROPPATCH", "/files/f", patch("<x:p/>"), nil, 207},
		{"PUT", "/files/f", "new", nil, 204},
		{"MKCOL", "/files/new", "", nil, 201},
		{"COPY", "/files/f", "", []string{"Destination: /files/new"}, 201},
		{"MOVE", "/files/f", "", []string{"Destination: /files/new"}, 201},
		{"DELETE", "/files/f", "", nil, 204},
		{"LOCK", "/files/f", lockBody("shared"), nil, 200},
	}
	for _, r := range requests {
		for _, outage := range []time.Duration{3 * time.Second, time.Hour} {
			t.Run(fmt.Sprint(r.method, r.target, outage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDriveWith(t, dav.Options{Patience: patience}, 0, "/files/f")
					back := time.Now().Add(outage)
					d.fail = func(op, _ string) error {
						if op != "commit" && op != "write" && time.Now().Before(back) {
							return vfs.ErrUnavailable
						}
						return nil
					}
					begun := time.Now()
					a := d.do(r.method, r.target, r.body, r.headers...)
					took := time.Since(begun)
					switch {
					case outage < patience:
						a.want(r.code)
					default:
						a.want(503).with("Retry-After: 10")
					}
					if took > patience {
						t.Errorf("it took %v: Finder has given up", took)
					}
				})
			})
		}
	}
}

// TestLongAway: storage that has been away for long is not waited for.
func TestLongAway(t *testing.T) {
	for away, waits := range map[time.Duration]time.Duration{0: patience, time.Second: patience, time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			var since time.Time
			status := func() dav.Status { return dav.Status{Offline: since} }
			d := newDriveWith(t, dav.Options{Patience: patience, Status: status}, 0, "/files/f")
			since = d.now.Add(-away)
			d.fail = func(string, string) error { return vfs.ErrUnavailable }
			begun := time.Now()
			d.do("GET", "/files/f", "").want(503)
			if took := time.Since(begun); took != waits {
				t.Errorf("away for %v: it took %v", away, took)
			}
		})
	}
}

// TestStalledBody: a body may be slow, but not stand still, whether or not the handler reads it.
func TestStalledBody(t *testing.T) {
	d := newDriveWith(t, dav.Options{IdleTimeout: 50 * time.Millisecond}, 0, "/files/f")
	server := httptest.NewServer(d.h)
	defer server.Close()
	for _, tt := range []struct {
		method, target string
		code           int
	}{
		{"PUT", "/files/f", 408}, {"PROPFIND", "/files/f", 408}, {"LOCK", "/files/f", 408}, {"MKCOL", "/files/new", 415},
		{"PUT", "/files", 405}, {"DELETE", "/files/no", 404},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf", tt.method, tt.target)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s %s: %s, want %d", tt.method, tt.target, resp.Status, tt.code)
		}
	}
	d.holds("/files/f", "/files/f")
}

// TestSlowBody: an upload whose bytes trickle in for much longer than the idle time succeeds.
func TestSlowBody(t *testing.T) {
	const idle = 600 * time.Millisecond
	d := newDriveWith(t, dav.Options{IdleTimeout: idle}, 0)
	server := httptest.NewServer(d.h)
	defer server.Close()
	r, w := io.Pipe()
	go func() {
		tick := time.NewTicker(idle / 6)
		defer tick.Stop()
		for range 12 {
			<-tick.C
			io.WriteString(w, "x")
		}
		w.Close()
	}()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/files/slow", r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("%s, want 201", resp.Status)
	}
	d.holds("/files/slow", strings.Repeat("x", 12))
}
