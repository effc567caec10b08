package gateway

import (
	"net"
	"sync"
)

// maxConnections bounds the connections of the drive at one time. Each takes a descriptor and some 10 to 100 KiB, also
// before anybody has shown a password; programs open ten at most, and browsers six.
const maxConnections = 512

// What connections(n) reckons with: where few files may be open, there are fewer connections instead of requests that
// fail.
const (
	filesOfOne     = 4   // open files for one connection: its own, and those of what it reads or writes
	filesOfAll     = 256 // for everything else: the journal, the store's open blobs, connections to the storage
	minConnections = 16
)

// connections returns how many connections there may be where so many files may be open.
func connections(files uint64) int {
	return int(min(max((max(files, filesOfAll)-filesOfAll)/filesOfOne, minConnections), maxConnections))
}

// manyFiles is where a system allows so many open files that some more blobs may stay open.
const (
	manyFiles = 4096
	manyBlobs = 512 // those of 2.5 GiB, of each member of a mirror
)

// blobsOpen returns how many blobs a remote keeps open for reading where so many files may be open; 0: its default. To
// open a blob takes a tenth of the time of a small read.
func blobsOpen(files uint64) int {
	if files < manyFiles {
		return 0
	}
	return manyBlobs
}

// limitListener accepts at most n connections at one time. Further ones wait in the system's queue until one of those
// closes; idle ones, and those that send no header, are closed by the server's own timeouts.
func limitListener(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	free   chan struct{} // holds one for each connection that is open
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: conn, done: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// CloseWrite keeps half-closing, and with it the lingering close of net/http.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
