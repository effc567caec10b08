package s3

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// at reports whether the place is at a provider, by the end of its server's name.
func (p Place) at(domains ...string) bool {
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return false
	}
	for _, domain := range domains {
		if host := u.Hostname(); host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// quirks returns what requests to some providers need.
func (p Place) quirks() (all []func(*middleware.Stack) error) {
	if p.at("tigris.dev", "storage.dev") { // Tigris answers from the nearest copy unless it is told not to
		all = append(all, smithyhttp.SetHeaderValue("X-Tigris-Consistent", "true"))
	}
	if p.at("storage.googleapis.com") { // Google changes this header on the way, and then finds the signature wrong
		all = append(all, func(stack *middleware.Stack) error {
			_, err := stack.Finalize.Remove("DisableAcceptEncodingGzip") //nolint:misspell // the name is the SDK's
			return err
		})
	}
	return all
}

// The values of Store.signing.
const (
	signUnknown int32 = iota // no blob was written yet
	signNever                // the store takes unsigned bodies
	signAlways               // it does not
)

// plain reports whether the place is reached without TLS.
func (p Place) plain() bool { return strings.HasPrefix(p.Endpoint, "http://") }

// payload leaves the bytes of a body out of the signature, where TLS protects them and the store allows it: a blob is
// checked against its name by everybody who reads it.
func (s *Store) payload(o *s3.Options) {
	if !s.place.plain() && s.signing.Load() != signAlways {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}

// writeBlob stores an object without a signature of its bytes, and with one if the store wants it.
func (s *Store) writeBlob(ctx context.Context, key string, b []byte) error {
	_, err := s.write(ctx, key, b, nil, s.payload)
	if err == nil {
		s.signing.CompareAndSwap(signUnknown, signNever)
		return nil
	}
	_, status := codeOf(err)
	refused := status == http.StatusBadRequest || status == http.StatusForbidden || status == http.StatusNotImplemented
	if !refused || s.place.plain() || s.signing.Load() != signUnknown {
		return err
	}
	if _, signed := s.write(ctx, key, b, nil); signed != nil {
		return err
	}
	s.signing.Store(signAlways)
	return nil
}
