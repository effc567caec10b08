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
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(ctx)
		limited := func(body io.ReadCloser) io.ReadCloser {
			return pacedBody{pace.Upload(ctx, r.ContentLength, body), body}
		}
		r.Body = limited(r.Body)
		if again := r.GetBody; again != nil {
			r.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				if err != nil {
					return nil, err
				}
				return limited(body), nil
			}
		}
	}
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
