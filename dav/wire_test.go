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
	"time"

	"postern/dav"
)

// wire is a bare connection to a drive, for requests that no HTTP library would send.
type wire struct {
	t    *testing.T
	conn *net.TCPConn
	in   *bufio.Reader
}

func (d *drive) wire() *wire {
	d.t.Helper()
	server := httptest.NewServer(d.h)
	d.t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	return &wire{d.t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// send sends text with the line ends of HTTP.
func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		w.t.Fatal(err)
	}
}

// want reads the answer to a method and checks it.
func (w *wire) want(method string, code int, body string) {
	w.t.Helper()
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != code || body != "" && string(got) != body {
		w.t.Errorf("%s: %s %q, %v; want %d %q", method, resp.Status, got, err, code, body)
	}
}

// TestPipelining: pipelined requests are answered in their order, each after the one before.
func TestPipelining(t *testing.T) {
	w := newDrive(t, "/files/f").wire()
	w.send("PUT /files/f HTTP/1.1\nHost: localhost\nContent-Length: 3\n\nnewGET /files/f HTTP/1.1\nHost: localhost\n\n" +
		"DELETE /files/f HTTP/1.1\nHost: localhost\n\nGET /files/f HTTP/1.1\nHost: localhost\n\nOPTIONS * HTTP/1.1\n" +
		"Host: localhost\n\n")
	w.want("PUT", 204, "")
	w.want("GET", 200, "new")
	w.want("DELETE", 204, "")
	w.want("GET", 404, "")
	w.want("OPTIONS", 200, "")
}

// TestBodyCutShort: a client that goes away in the middle of a body, with a length or in chunks, has changed
// nothing, locked nothing and made nothing.
func TestBodyCutShort(t *testing.T) {
	for _, head := range []string{
		"PUT /files/f HTTP/1.1\nHost: localhost\nContent-Length: 100\n\nhalf",
		"PUT /files/f HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n4\nhalf\n",
		"PUT /files/f HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n64\nhalf",
		"PUT /files/new HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n4\nhalf\n",
		"PROPPATCH /files/f HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\n<D:propertyupdate xmlns:D=\"DAV:\">",
		"LOCK /files/f HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\n<D:lockinfo xmlns:D=\"DAV:\">",
		"MKCOL /files/new HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\n",
	} {
		d := newDrive(t, "/files/f")
		etag := d.info("/files/f").ETag()
		w := d.wire()
		w.send(head)
		if err := w.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(head, " ")
		w.want(method, 400, "") // after this answer the server does nothing more
		d.holds("/files/f", "/files/f", "/files/new", "-")
		d.do("PUT", "/files/f", "free", "If-Match: "+etag).want(204)
	}
}

// TestExpect: a client that sends Expect: 100-continue gets its answer before it sends the body.
func TestExpect(t *testing.T) {
	d := newDriveWith(t, dav.Options{Patience: -1}, 1000, "/files/f", "/files/dir/")
	token := d.lock("/files/f")
	for _, tt := range []struct {
		target, header string
		length, code   int
	}{
		{"/files/f", "X-No: token", 3, 423},
		{"/files/f", "If: (<" + token + ">)", 2000, 507},
		{"/files/f", `If-Match: "other"`, 3, 412},
		{"/files/dir", "X-No: x", 3, 405},
		{"/files/no/f", "X-No: x", 3, 409},
		{"/files/new", "Content-Range: bytes 0-2/9", 3, 400},
	} {
		w := d.wire()
		w.send(fmt.Sprintf("PUT %s HTTP/1.1\nHost: localhost\n%s\nExpect: 100-continue\nContent-Length: %d\n\n", tt.target,
			tt.header, tt.length))
		w.want("PUT", tt.code, "")
	}
	w := d.wire()
	w.send("PUT /files/f HTTP/1.1\nHost: localhost\nIf: (<" + token + ">)\nExpect: 100-continue\nContent-Length: 3\n\n")
	w.want("PUT", 100, "")
	w.send("new")
	w.want("PUT", 204, "")
	d.holds("/files/f", "new")
}

// TestSlowReader: a client that reads an answer slowly does not prevent changes of the file, and gets the version that
// the answer began with.
func TestSlowReader(t *testing.T) {
	d := newDrive(t)
	const size = 32 << 20 // more than the kernel's buffers hold
	d.write("/files/f", strings.Repeat("o", size))
	w := d.wire()
	w.send("GET /files/f HTTP/1.1\nHost: localhost\n\n")
	if _, err := w.in.Peek(1); err != nil {
		t.Fatal(err)
	}
	d.do("PUT", "/files/f", "new").want(204)
	d.do("DELETE", "/files/f", "").want(204)
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || len(got) != size || strings.Trim(string(got), "o") != "" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestOptionsOnTheWire: OPTIONS for * and for a path list classes and methods, in the spelling that all clients accept.
func TestOptionsOnTheWire(t *testing.T) {
	d := newDrive(t)
	server := httptest.NewUnstartedServer(d.h)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)
	for _, target := range []string{"*", "/", "/files/no"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn,
			"OPTIONS "+target+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"HTTP/1.1 200 OK\r\n", "\r\nDAV: 1, 2, 3\r\n", "\r\nAllow: OPTIONS, GET, "} {
			if !strings.Contains(string(answer), want) {
				t.Errorf("OPTIONS %s has no %q: %s", target, want, answer)
			}
		}
	}
}
