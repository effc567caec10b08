package s3

import (
	"io"
	"net/http"
	"net/http/httptrace"

	"postern/remote"
)

// counted is an HTTP transport that reports each request that is sent, and the bytes of bodies as they move. It stands
// right above the network, so that it counts what a store bills.
type counted struct {
	http.RoundTripper
	used func(remote.Usage)
}

// RoundTrip implements http.RoundTripper. A request that the transport sends again over another connection counts
// again; one that finds no connection does not count.
func (t counted) RoundTrip(r *http.Request) (*http.Response, error) {
	class := classOf(r)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { t.used(class) },
	}))
	aroundBody(r, func(body io.ReadCloser) io.ReadCloser { return countedBody{body, t.sent} })
	reply, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	reply.Body = countedBody{reply.Body, t.received}
	return reply, nil
}

// aroundBody puts a wrapper around the body of a request, which has one or not, each time it is sent.
func aroundBody(r *http.Request, wrap func(io.ReadCloser) io.ReadCloser) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	r.Body = wrap(r.Body)
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return wrap(body), nil
		}
	}
}

// classOf returns one request of the class by which stores bill r. Listings are as dear as writes; the request that
// deletes many objects is a POST, and free like other deletions.
func classOf(r *http.Request) remote.Usage {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodDelete, r.Method == http.MethodPost && query.Has("delete"):
		return remote.Usage{Deletions: 1}
	case r.Method == http.MethodHead, r.Method == http.MethodGet && !query.Has("list-type"):
		return remote.Usage{Reads: 1}
	}
	return remote.Usage{Writes: 1}
}

func (t counted) sent(n int)     { t.used(remote.Usage{Sent: int64(n)}) }
func (t counted) received(n int) { t.used(remote.Usage{Received: int64(n)}) }

// countedBody is a body whose bytes are reported.
type countedBody struct {
	io.ReadCloser
	moved func(n int)
}

// Read implements io.Reader.
func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.moved(n)
	}
	return n, err
}
