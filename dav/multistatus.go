package dav

import (
	"bufio"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/webdav"
)

// multistatusBuffer is the size of the buffer of an answer. Until it is first flushed, an error can still have an
// answer of its own.
const multistatusBuffer = 32 << 10

// multistatusBuffers saves each PROPFIND of a single file the allocation of a buffer.
var multistatusBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, multistatusBuffer) }}

// multistatus streams a 207 answer in constant memory.
type multistatus struct {
	q    *request
	w    *bufio.Writer
	buf  []byte // the entry being written
	sent bool
}

// The prefixes are declared once. "D" is a real prefix, not a default namespace, since Windows requires one. "Z" saves
// 45 bytes for each of the properties that Windows sets on every file.
const (
	multistatusHead = xmlHead +
		`<D:multistatus xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:Z="urn:schemas-microsoft-com:">`
	multistatusTail = `</D:multistatus>`
)

func (q *request) multistatus() *multistatus {
	m := &multistatus{q: q}
	m.w = multistatusBuffers.Get().(*bufio.Writer)
	m.w.Reset(m)
	m.w.WriteString(multistatusHead) //nolint:errcheck // errors stick in a bufio.Writer
	return m
}

// Write sends the header before the first bytes.
func (m *multistatus) Write(p []byte) (int, error) {
	if !m.sent {
		m.sent = true
		m.q.w.Header().Set("Content-Type", xmlType)
		m.q.w.Header().Set("Cache-Control", "no-store")
		m.q.w.WriteHeader(webdav.StatusMulti)
	}
	return m.q.w.Write(p)
}

// flush writes out the entry in buf.
func (m *multistatus) flush() error {
	_, err := m.w.Write(m.buf)
	m.buf = m.buf[:0]
	return err
}

// response writes one entry with a status of its own.
func (m *multistatus) response(p string, status int, condition string, conditionPaths []string) error {
	b := append(m.buf, "<D:response><D:href>"...)
	b = appendHref(b, p, false, m.q.who)
	b = append(b, "</D:href>"...)
	b = appendStatus(b, status)
	if condition != "" {
		b = append(b, "<D:error>"...)
		b = appendCondition(b, condition, conditionPaths, m.q.who)
		b = append(b, "</D:error>"...)
	}
	m.buf = append(b, "</D:response>"...)
	return m.flush()
}

// close ends a complete answer. The buffer of an aborted one is left to the garbage collector.
func (m *multistatus) close() error {
	m.w.WriteString(multistatusTail) //nolint:errcheck // as above
	err := m.w.Flush()
	m.w.Reset(nil)
	multistatusBuffers.Put(m.w)
	m.w = nil
	return err
}

// finish closes the answer, or aborts it.
func (m *multistatus) finish() error {
	if err := m.close(); err != nil {
		return m.broken(err)
	}
	return nil
}

// broken ends an answer that cannot be completed: with an error answer if nothing was sent, else by closing the
// connection. A listing that only looks complete would make sync programs delete the missing files.
func (m *multistatus) broken(err error) error {
	if !m.sent {
		return err
	}
	if !m.q.gone() {
		m.q.h.o.Log.WarnContext(m.q.ctx(), "listing not sent whole", "path", m.q.path, "error", err)
	}
	hangUp(m.q.w)
	return nil
}

// hangUp closes the connection, so that the client notices an incomplete answer. Where that is impossible (HTTP/2), the
// missing end of the document must suffice.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close() //nolint:errcheck // abandoned
	}
}

func appendStatus(b []byte, status int) []byte {
	b = append(b, "<D:status>HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, webdav.StatusText(status)...)
	return append(b, "</D:status>"...)
}
