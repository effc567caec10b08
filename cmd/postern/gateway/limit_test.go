package gateway

import (
	"errors"
	"math"
	"net"
	"testing"
)

// TestConnectionsAreBounded: beyond the limit, each closed connection makes room for one more.
func TestConnectionsAreBounded(t *testing.T) {
	inner := &scripted{asked: make(chan struct{}, 10)}
	l := limitListener(inner, 2)
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	<-inner.asked
	<-inner.asked
	accepted := make(chan error)
	accept := func() { _, err := l.Accept(); accepted <- err }
	go accept()
	select {
	case <-inner.asked:
		t.Fatal("a third connection is accepted")
	default:
	}
	first.Close()
	first.Close()
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	<-inner.asked
	go accept()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("after the end: %v", err)
	}
	if len(inner.asked) > 0 {
		t.Error("a connection that was closed twice makes room for two")
	}
}

// scripted accepts connections without a client.
type scripted struct{ asked chan struct{} }

func (s *scripted) Accept() (net.Conn, error) {
	s.asked <- struct{}{}
	conn, _ := net.Pipe()
	return conn, nil
}

func (s *scripted) Close() error   { return nil }
func (s *scripted) Addr() net.Addr { return &net.TCPAddr{} }

// TestConnectionsLeaveFiles: where the system allows few open files, there are fewer connections.
func TestConnectionsLeaveFiles(t *testing.T) {
	for files, want := range map[uint64]int{0: 16, 256: 16, 320: 16, 1024: 192, 2304: 512, 1 << 20: 512,
		math.MaxUint64: 512} {
		if got := connections(files); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
	if n := openFiles(); n < 64 {
		t.Errorf("the system allows %d open files", n)
	}
}
