package s3

import (
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
	signUnknown int32 = iota // nothing was written yet
	signNever                // the store takes bodies whose bytes are not signed
	signAlways               // it does not
)

// plain reports whether the place is reached without TLS.
func (p Place) plain() bool { return strings.HasPrefix(p.Endpoint, "http://") }

// payload makes the bytes of a body a part of the signature where the store wants that. Else the SDK leaves them out
// where TLS protects them.
func (s *Store) payload(o *s3.Options) {
	if s.signing.Load() == signAlways {
		signed(o)
	}
}

// signed makes the bytes of a body a part of the signature.
func signed(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		hash := &v4.ComputePayloadSHA256{}
		_, err := stack.Finalize.Swap(hash.ID(), hash) //nolint:misspell // the name is the SDK's
		return err
	})
}

// refusesUnsigned reports whether a write without a signature of its bytes may have been refused for that.
func (s *Store) refusesUnsigned(err error) bool {
	refused := badForm(err)
	if !refused {
		s.signing.CompareAndSwap(signUnknown, signNever)
	}
	return refused && !s.place.plain() && s.signing.Load() == signUnknown
}

// badForm reports whether a store refused a request as it is.
func badForm(err error) bool {
	_, status := codeOf(err)
	return status == http.StatusBadRequest || status == http.StatusForbidden || status == http.StatusNotImplemented
}
