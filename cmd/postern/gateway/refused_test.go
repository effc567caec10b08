package gateway

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRefusedEarly: a client that reads only after sending megabytes sees why they were refused, whatever refuses them
// and at whatever point; the connection then serves its next request.
func TestRefusedEarly(t *testing.T) {
	const size = 16 << 20 // more than the kernel's buffers hold
	address := serveRefusing(t)
	for _, method := range []string{"PUT", "PROPFIND"} {
		for _, read := range []int{0, 1, 1 << 20} {
			for _, chunked := range []bool{false, true} {
				conn, in := dial(t, address)
				head := fmt.Sprintf("%s /f HTTP/1.1\r\nHost: localhost\r\nRead: %d\r\n", method, read)
				if chunked {
					send(t, conn, head+"Transfer-Encoding: chunked\r\n\r\n")
					chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat("x", 1<<20))
					for range size >> 20 {
						send(t, conn, chunk)
					}
					send(t, conn, "0\r\n\r\n")
				} else {
					send(t, conn, head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size))
					send(t, conn, strings.Repeat("x", size))
				}
				wantStatus(t, in, method, 423)
				send(t, conn, "GET /f HTTP/1.1\r\nHost: localhost\r\n\r\n")
				wantStatus(t, in, "GET", 423)
			}
		}
	}
}

// TestRefusedBeforeItIsSent: the answer comes at once, to a client that asks first and to one that reads while it
// sends; an endless body is not read for ever.
func TestRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel() // it waits until unreadTimeout
	address := serveRefusing(t)
	conn, in := dial(t, address)
	send(t, conn, "PUT /f HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n")
	wantStatus(t, in, "PUT", 423)
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("a body that nobody sends is waited for: %v", err)
	}

	conn, in = dial(t, address)
	send(t, conn, "PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000000\r\n\r\n")
	wantStatus(t, in, "PUT", 423) // before any of it
	part := []byte(strings.Repeat("x", 1<<20))
	for sent := 0; ; sent += len(part) {
		if _, err := conn.Write(part); err != nil {
			break
		}
		if sent > 4*maxUnread {
			t.Fatal("it is read without end")
		}
	}
}

func serveRefusing(t *testing.T) string {
	t.Helper()
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int64
		_, _ = fmt.Sscan(r.Header.Get("Read"), &n)
		_, _ = io.CopyN(io.Discard, r.Body, n)
		http.Error(w, "locked", http.StatusLocked)
	}), slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return listener.Addr().String()
}

func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("the connection was closed while the request was sent: %v", err)
	}
}

func wantStatus(t *testing.T, in *bufio.Reader, method string, code int) {
	t.Helper()
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: no answer: %v", method, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != code {
		t.Errorf("%s: %s, %v", method, resp.Status, err)
	}
}
