package gateway

import (
	"net"
	"sync"
)

// maxConnections bounds the connections of the drive at one time. Each takes a descriptor and some 10 to 100 KiB, even
// before a login; programs open ten at most, and browsers six.
const maxConnections = 512

// The figures of connections(n): where few files may be open, there are fewer connections instead of failing requests.
const (
	filesOfOne     = 4   // open files for one connection: its own, and those that its requests read or write
	filesOfAll     = 256 // for everything else: the journal, the store's open blobs, connections to the storage
	minConnections = 16
)

// connections returns how many connections to allow if so many files may be open.
func connections(files uint64) int {
	return int(min(max((max(files, filesOfAll)-filesOfAll)/filesOfOne, minConnections), maxConnections))
}

// manyFiles is the limit of open files from which on more blobs stay open.
const (
	manyFiles = 4096
	manyBlobs = 512 // 2.5 GiB of blobs, for each member of a mirror
)

// blobsOpen returns how many blobs a remote keeps open for reading if so many files may be open; 0: its default.
// Opening a blob takes a tenth of the time of a small read.
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

// limitedConn frees its place when it is closed.
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
