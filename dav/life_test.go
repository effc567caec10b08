package dav_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/vfs"
)

// leaving serves a drive that handles a request only after net/http has seen the end of its client's stream and has
// cancelled the request's context. done receives once for each request that has ended.
func (d *drive) leaving() (address string, done chan struct{}) {
	d.t.Helper()
	done = make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { done <- struct{}{} }()
		if r.Body == http.NoBody {
			<-r.Context().Done()
		} else {
			body := *r
			body.Body = &untilGone{r.Body, r.Context().Done()}
			r = &body
		}
		d.h.ServeHTTP(w, r)
	}))
	d.t.Cleanup(server.Close)
	return server.Listener.Addr().String(), done
}

// untilGone is a body that ends only once its client has closed the connection.
type untilGone struct {
	io.ReadCloser
	gone <-chan struct{}
}

func (b *untilGone) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		<-b.gone
	}
	return n, err
}

// TestClientThatClosesAfterSending: a request that has arrived whole is carried out, whether its client closes the
// connection without reading the answer (ffmpeg's PUT) or only its own side of it; then the answer is sent whole. No
// warning is logged for a client that has gone.
func TestClientThatClosesAfterSending(t *testing.T) {
	large := strings.Repeat("large ", 1<<18)
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\n\n%s", len(body), body) }
	chunked := func(body string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\n\n%x\n%s\n0\n\n", len(body), body)
	}
	for _, tt := range []struct {
		name, request string
		code          int
		answer        string   // part of the body
		after         []string // files, as arguments of holds
		property      bool     // x:p is set
	}{
		{"PUT with length", "PUT /files/new HTTP/1.1\n" + length("body"), 201, "", []string{"/files/new", "body"}, false},
		{"PUT in chunks", "PUT /files/new HTTP/1.1\n" + chunked("body"), 201, "", []string{"/files/new", "body"}, false},
		{"PUT of nothing", "PUT /files/new HTTP/1.1\nContent-Length: 0\n\n", 201, "", []string{"/files/new", ""}, false},
		{"PUT over a file", "PUT /files/f HTTP/1.1\n" + length("body"), 204, "", []string{"/files/f", "body"}, false},
		{"MKCOL", "MKCOL /files/new HTTP/1.1\n\n", 201, "", []string{"/files/new", "/"}, false},
		{"MOVE", "MOVE /files/dir HTTP/1.1\nDestination: /files/to\n\n", 201, "",
			[]string{"/files/dir", "-", "/files/to/in", "/files/dir/in"}, false},
		{"COPY", "COPY /files/dir HTTP/1.1\nDestination: /files/to\n\n", 201, "",
			[]string{"/files/dir", "/", "/files/to/in", "/files/dir/in"}, false},
		{"DELETE", "DELETE /files/dir HTTP/1.1\n\n", 204, "", []string{"/files/dir", "-"}, false},
		{"LOCK of a new name", "LOCK /files/new HTTP/1.1\n" + length(lockBody("exclusive")), 201, "<D:locktoken>",
			[]string{"/files/new", ""}, false},
		{"PROPPATCH", "PROPPATCH /files/f HTTP/1.1\n" + length(patch("<x:p>1</x:p>")), 207, "HTTP/1.1 200 OK", nil, true},
		{"PROPPATCH in chunks", "PROPPATCH /files/f HTTP/1.1\n" + chunked(patch("<x:p>1</x:p>")), 207, "HTTP/1.1 200 OK", nil,
			true},
		{"PROPFIND", "PROPFIND /files/dir HTTP/1.1\nDepth: 1\n\n", 207, "/files/dir/in</D:href>", nil, false},
		{"PROPFIND with a body", "PROPFIND /files/dir HTTP/1.1\nDepth: 1\n" + length(prop("D:getetag")), 207,
			"/files/dir/in</D:href>", nil, false},
		{"GET", "GET /files/large HTTP/1.1\n\n", 200, large, nil, false},
		{"GET of a range", "GET /files/f HTTP/1.1\nRange: bytes=1-5\n\n", 206, "files", nil, false},
		{"GET of a page", "GET /files/dir HTTP/1.1\n\n", 200, "</html>", nil, false},
		{"GET of an archive", "GET /files/dir?zip HTTP/1.1\n\n", 200, "PK", nil, false},
		{"HEAD", "HEAD /files/f HTTP/1.1\n\n", 200, "", nil, false},
		{"OPTIONS", "OPTIONS /files/f HTTP/1.1\n\n", 200, "", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for try := range 20 {
				var log bytes.Buffer
				d := newDriveWith(t,
					dav.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))},
					0, "/files/f", "/files/dir/", "/files/dir/in")
				d.write("/files/large", large)
				address, done := d.leaving()
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				w := &wire{t, conn.(*net.TCPConn), nil}
				method, rest, _ := strings.Cut(tt.request, "\n")
				w.send(method + "\nHost: localhost\n" + rest)
				if try%2 == 0 { // only its own side
					if err := w.conn.CloseWrite(); err != nil {
						t.Fatal(err)
					}
					w.whole(strings.Fields(method)[0], tt.code, tt.answer)
				} else {
					conn.Close()
				}
				<-done
				d.holds(tt.after...)
				if tt.property && len(d.info("/files/f").Properties) != 1 {
					t.Error("the property was not set")
				}
				if log.Len() > 0 {
					t.Errorf("logged: %s", &log)
				}
			}
		})
	}
}

// whole reads an answer to its end, and checks its status and a part of its body.
func (w *wire) whole(method string, code int, part string) {
	w.t.Helper()
	raw, err := io.ReadAll(w.conn)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s: %v: %q", method, err, raw)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != code || !strings.Contains(string(body), part) {
		w.t.Errorf("%s: %s, %d bytes, %v; want %d with %.50q", method, resp.Status, len(body), err, code, part)
	}
}

// TestStop: Stop ends the requests that still wait for storage when the server's own patience is over. A client that
// closes its connection does not end them.
func TestStop(t *testing.T) {
	d := newDriveWith(t, dav.Options{Patience: time.Hour}, 0, "/files/f")
	asked := make(chan struct{}, 1)
	d.fail = func(op, _ string) error {
		if op == "open" {
			select {
			case asked <- struct{}{}:
			default:
			}
			return vfs.ErrUnavailable
		}
		return nil
	}
	answered := make(chan *answer)
	go func() { answered <- d.do("GET", "/files/f", "") }()
	<-asked
	d.h.(*dav.Handler).Stop()
	(<-answered).want(503)
}
