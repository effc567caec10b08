package reach

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxPlain bounds the header of a request that came without TLS, in bytes.
const maxPlain = 64 << 10

// plainAware is a listener that answers clients which speak plain HTTP where TLS is expected. Without it they would see
// a broken connection and no reason.
type plainAware struct{ net.Listener }

// Accept implements net.Listener. The protocol is detected at the first read, so that a silent client holds up no
// other; the server's deadline for handshakes is then in force.
func (l plainAware) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &plainAwareConn{Conn: conn}, nil
}

type plainAwareConn struct {
	net.Conn
	known bool // whether the protocol was detected
}

// Read implements net.Conn. No record of TLS begins with a letter, and every request of HTTP does.
func (c *plainAwareConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.known || n == 0 {
		return n, err
	}
	c.known = true
	if p[0] < 'A' || p[0] > 'Z' {
		return n, err
	}
	head := io.MultiReader(bytes.NewReader(bytes.Clone(p[:n])), io.LimitReader(c.Conn, maxPlain))
	if r, err := http.ReadRequest(bufio.NewReader(head)); err == nil {
		_, _ = io.WriteString(c.Conn, insteadOfPlain(r)) // the connection ends in any case
	}
	return 0, io.EOF
}

// insteadOfPlain is the answer to a request that came without TLS. Browsers are redirected; other clients would not
// follow, or would not send the body again. (No Strict-Transport-Security here or elsewhere: it would bind all ports of
// localhost.)
func insteadOfPlain(r *http.Request) string {
	where := "https://" + r.Host + r.URL.RequestURI()
	text := "This drive is reached by HTTPS: " + where + "\n"
	status := "400 Bad Request"
	head := ""
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Host != "" && !strings.ContainsAny(r.Host, " \t") {
		status, head = "307 Temporary Redirect", "Location: "+where+"\r\n"
	}
	answer := fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n", status, head, len(text))
	if r.Method == http.MethodHead {
		return answer
	}
	return answer + text
}
