package s3test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"postern/remote/s3"
)

// Piped starts a store in this process that is reached without sockets, so that time stands still for nothing in a test
// of testing/synctest. around gets each request and passes it on to store. The test must not run in parallel: until it
// ends, http.DefaultTransport reaches this store alone.
func Piped(t testing.TB, around func(store http.Handler, w http.ResponseWriter, r *http.Request)) func() s3.Place {
	t.Helper()
	keys(t)
	backend := s3mem.New()
	if err := backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	store := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	handle := func(w http.ResponseWriter, r *http.Request) { around(store, w, r) }
	server := &http.Server{Handler: http.HandlerFunc(handle)}
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(pipes) }() // it says that it was closed
	was := http.DefaultTransport
	http.DefaultTransport = &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		http.DefaultTransport = was
		_ = server.Close()
		<-served
	})
	return func() s3.Place { return place("http://store.invalid") }
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { close(p.closed); return nil }

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
