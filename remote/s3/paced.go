package s3

import (
	"io"
	"net/http"

	"postern/remote/pace"
)

// paced is an HTTP transport that moves bodies within the limits of the bandwidth. It stands below the signing of
// requests, which reads a body, too.
type paced struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t paced) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	r = r.WithContext(ctx) // a copy, since a transport must not change its caller's
	aroundBody(r, func(body io.ReadCloser) io.ReadCloser {
		return pacedBody{pace.Upload(ctx, r.ContentLength, body), body}
	})
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = pacedBody{pace.Download(ctx, resp.ContentLength, resp.Body), resp.Body}
	return resp, nil
}

// pacedBody is a body that is read within limits.
type pacedBody struct {
	io.Reader
	io.Closer
}
