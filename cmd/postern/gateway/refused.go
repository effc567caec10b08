package gateway

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// The bounds of reading the rest of a refused body.
const (
	maxUnread     = 64 << 20         // bytes of a body after its answer
	unreadTimeout = 10 * time.Second // for all of them
)

// readRefused sends the answer of a request that is refused early at once, and then reads the rest of its body, within
// bounds. Otherwise clients that read only after sending everything (most simple ones) would find the connection reset
// and never see the answer. net/http alone reads 256 KiB.
func readRefused(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex() // the answer does not wait for the body; only writers of tests lack this
		// A copy: net/http inspects its own request's body to see whether a client waits for "100 Continue".
		watched := *r
		body := &watchedBody{ReadCloser: r.Body}
		watched.Body = body
		next.ServeHTTP(w, &watched)
		asks := strings.EqualFold(r.Header.Get("Expect"), "100-continue")
		if body.ended || asks && !body.begun {
			return
		}
		_ = control.Flush()
		_ = control.SetReadDeadline(time.Now().Add(unreadTimeout)) // net/http resets it before the next request
		_, _ = io.CopyN(io.Discard, body, maxUnread)               // a client that has gone needs no answer
	})
}

// watchedBody records how far a body was read.
type watchedBody struct {
	io.ReadCloser
	begun, ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}
