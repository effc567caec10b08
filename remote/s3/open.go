package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	lru "github.com/hashicorp/golang-lru/v2"

	"postern/remote"
)

// The bounds of connections. Some providers allow few connections for each client, and many drop one that is idle for a
// minute without a word, so we are earlier.
const (
	maxConnections = 64
	idleFor        = 50 * time.Second
	dialFor        = 10 * time.Second
)

// opOpen is the operation in errors of Open.
const opOpen = "open"

// Open opens the remote of a place. Where there is none it makes one, if the store's conditional writes hold, unless
// Options.Existing is set. Credentials are those that the AWS tools use: the environment, or a profile. Errors:
// ErrNoStore and everything that a user must mend are ErrRefused; ErrForeign for a prefix that holds something else or
// a store of a newer format; ErrUnavailable.
func Open(ctx context.Context, place Place, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Letters <= 0 || o.Letters > remote.MaxLetters {
		o.Letters = remote.MaxLetters
	}
	if o.Used == nil {
		o.Used = func(remote.Usage) {}
	}
	known, err := lru.New[pointerID, state](knownStates)
	if err != nil {
		return nil, err
	}
	s := &Store{place: place, log: o.Log, rand: o.Rand, used: o.Used, most: o.Letters, known: known}
	s.life, s.end = context.WithCancel(context.Background())
	if s.changes, err = newChanges(o.Rand); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if err := s.attach(ctx, !o.Existing); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the client. It sends nothing to the store.
func (s *Store) connect(ctx context.Context) error {
	refuse := func(err error) error { return remote.Fail(opOpen, s, remote.ErrRefused, err) }
	c, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(s.place.Profile),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
		// Asking a machine of AWS for its role takes seconds everywhere else.
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return refuse(fmt.Errorf("the AWS configuration can't be read: %w", err))
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		if ended := remote.Alive(ctx, opOpen, s); ended != nil {
			return ended
		}
		return refuse(errors.New("there are no keys for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or " +
			"name a profile of ~/.aws/credentials with ?profile="))
	}
	transport, err := s.place.transport(c.HTTPClient)
	if err != nil {
		return refuse(err)
	}
	s.idle = transport.CloseIdleConnections
	c.HTTPClient = &http.Client{Transport: counted{transport, s.used}, CheckRedirect: noRedirect}
	c.Region = cmp.Or(s.place.Region, c.Region, "us-east-1")
	s.client = s3.NewFromConfig(c, func(o *s3.Options) {
		if s.place.Endpoint != "" {
			o.BaseEndpoint = &s.place.Endpoint
		}
		o.UsePathStyle = s.place.pathStyle()
		o.ContinueHeaderThresholdBytes = -1 // it costs a round trip, and refusals are rare
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return nil
}

// noRedirect returns redirections to the caller: no store sends one, and a followed one could lead anywhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport returns the HTTP transport of the place. It trusts the authorities of AWS_CA_BUNDLE, too, which the SDK has
// put into its own client. It speaks HTTP/1.1 only: with HTTP/2, one stalled connection stops all requests.
func (p Place) transport(sdk aws.HTTPClient) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.MaxIdleConns = maxConnections, maxConnections, maxConnections
	t.IdleConnTimeout, t.TLSHandshakeTimeout = idleFor, dialFor
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.DisableCompression = true
	t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if client, ok := sdk.(*awshttp.BuildableClient); ok && client.GetTransport().TLSClientConfig != nil {
		t.TLSClientConfig.RootCAs = client.GetTransport().TLSClientConfig.RootCAs
	}
	if p.CA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(p.CA)
	if err != nil {
		return nil, fmt.Errorf("the file of authorities can't be read: %w", err)
	}
	pool := t.TLSClientConfig.RootCAs
	if pool == nil {
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the file %s holds no certificate in PEM form", p.CA)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// unsigned leaves the bytes of a body out of the signature, where TLS protects them: a blob is checked against its name
// by everybody who reads it.
func (s *Store) unsigned(o *s3.Options) {
	if !strings.HasPrefix(s.place.Endpoint, "http://") {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}

// otherRegion returns the region that a store names in an error; empty if it names none.
func otherRegion(err error) string {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.Response == nil || response.Response.Response == nil {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}
