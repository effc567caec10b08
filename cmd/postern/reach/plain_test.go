package reach

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/localca"
)

// secureServer serves HTTPS and returns its address and a client that trusts it.
func secureServer(t *testing.T) (string, *http.Client) {
	t.Helper()
	authority, err := localca.New(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(
		w http.ResponseWriter, r *http.Request,
	) {
		_, _ = io.WriteString(w, r.Method+" "+r.Proto)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(secured(listener, authority.Issuer(nil, time.Now).Certificate))
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true}}
	t.Cleanup(func() { client.CloseIdleConnections(); _ = server.Close(); <-done })
	return listener.Addr().String(), client
}

func TestSecured(t *testing.T) {
	addr, client := secureServer(t)
	resp, err := client.Get("https://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != "GET HTTP/1.1" || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%s %v %+v", body, err, resp.TLS)
	}
	if _, err := (&http.Client{Transport: &http.Transport{}}).Get("https://" + addr + "/"); err == nil {
		t.Error("a client that trusts nobody is content")
	}
	obsolete := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	conn, err := tls.Dial("tcp", addr, obsolete)
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestPlainWhereTLSIs: a plain HTTP request to a TLS port gets the right address, whatever the method.
func TestPlainWhereTLSIs(t *testing.T) {
	addr, _ := secureServer(t)
	for _, c := range []struct{ request, status, location, says string }{
		{"GET /files/a%20b?x=y HTTP/1.1\r\nHost: localhost:8090\r\n\r\n", "307", "https://localhost:8090/files/a%20b?x=y",
			"reached by HTTPS"},
		{"HEAD / HTTP/1.1\r\nHost: localhost:8090\r\n\r\n", "307", "https://localhost:8090/", ""},
		{"PROPFIND / HTTP/1.1\r\nHost: localhost:8090\r\nDepth: 1\r\n\r\n", "400", "", "https://localhost:8090/"},
		{"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "400", "", "https://localhost/x"},
		{"GET / HTTP/1.0\r\n\r\n", "400", "", "reached by HTTPS"},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(c.request, " ")
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: %v", c.request, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if !strings.HasPrefix(resp.Status, c.status) || resp.Header.Get("Location") != c.location ||
			!strings.Contains(string(body), c.says) {
			t.Errorf("%q: %s, %q, %q", c.request, resp.Status, resp.Header.Get("Location"), body)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
	for _, garbage := range []string{"GARBAGE\r\n\r\n", "\x00\x00\x00\x00\x00\x00"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, garbage); err != nil {
			t.Fatal(err)
		}
		if answer, _ := io.ReadAll(conn); strings.HasPrefix(string(answer), "HTTP") {
			t.Errorf("%q is answered: %q", garbage, answer)
		}
		_ = conn.Close()
	}
}
