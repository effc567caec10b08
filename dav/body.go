package dav

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// body is a request's body, whose reads time out when nothing arrives, however long the whole takes.
type body struct {
	r     io.Reader
	rc    *http.ResponseController
	wait  *wait
	idle  time.Duration
	armed time.Time
	n     int64
	err   error // the error of a read other than io.EOF
}

func (q *request) body() *body {
	return &body{r: q.r.Body, rc: http.NewResponseController(q.w), wait: q.wait, idle: q.h.o.IdleTimeout}
}

// Read reads from the body and extends the connection's deadline. The kernel keeps the deadline, so the real clock
// counts here.
func (b *body) Read(p []byte) (int, error) {
	b.wait.pause()
	if b.idle > 0 {
		if now := time.Now(); now.Sub(b.armed) > b.idle/8 {
			b.armed = now
			b.rc.SetReadDeadline(now.Add(b.idle)) //nolint:errcheck // not every ResponseWriter has deadlines
		}
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// end removes the deadline: it would end the handler's wait for storage, and the next request. After a failed read it
// stays, or net/http would wait without one for the rest of the body.
func (b *body) end() {
	b.wait.resume()
	if b.idle > 0 && b.err == nil {
		b.rc.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	}
}

// leave bounds the time that net/http waits for the unread rest of the body. net/http removes the deadline before the
// next request.
func (q *request) leave() {
	if q.r.ContentLength != 0 && q.h.o.IdleTimeout > 0 {
		http.NewResponseController(q.w).SetReadDeadline(time.Now().Add(q.h.o.IdleTimeout)) //nolint:errcheck // as above
	}
}

// empty reports whether the request has no body, not even an empty chunked one.
func (b *body) empty() bool {
	var one [1]byte
	n, _ := io.ReadFull(b, one[:])
	return n == 0
}
