package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"postern/remote"
)

// The bounds of connections. Some providers allow few connections for each client, and many drop one that is idle for a
// minute without a word, so we are earlier.
const (
	maxConnections = 64
	idleFor        = 50 * time.Second
	dialFor        = 10 * time.Second
)

// errStalled is why a request ended that neither sent nor received a byte for remote.Deadlines.Stall.
var errStalled = errors.New("the store has stopped in the middle of a request, or the network has")

// errReconnect is why a request ended whose connection was dropped by Reconnect.
var errReconnect = errors.New("the connection is older than a sleep of this machine or a change of its network")

// wire makes the requests of a store. It bounds their number, ends those that stall, and drops all connections on
// demand.
type wire struct {
	base  http.RoundTripper
	idle  func() // closes idle connections
	gate  *gate
	stall time.Duration // how long a request may go without a byte

	mu      sync.Mutex
	flights map[*flight]struct{} // requests under way, until their bodies are closed
}

// flight is a request under way.
type flight struct {
	w      *wire
	cancel context.CancelCauseFunc
	ctx    context.Context
	timer  *time.Timer
	once   sync.Once
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := w.gate.enter(r.Context()); err != nil {
		return nil, err
	}
	f := &flight{w: w}
	f.ctx, f.cancel = context.WithCancelCause(r.Context())
	f.timer = time.AfterFunc(w.stall, func() { f.cancel(errStalled) })
	w.mu.Lock()
	w.flights[f] = struct{}{}
	w.mu.Unlock()
	r = r.WithContext(f.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &sending{ReadCloser: r.Body, f: f, size: r.ContentLength}
	}
	reply, err := w.base.RoundTrip(r)
	if err != nil {
		f.end()
		return nil, f.why(err)
	}
	w.gate.answered(reply.StatusCode == http.StatusTooManyRequests || reply.StatusCode == http.StatusServiceUnavailable)
	f.moved(0)
	reply.Body = &receiving{reply.Body, f}
	return reply, nil
}

// moved restarts the clock of a request that has moved bytes; unsent may still wait in the system's buffers.
func (f *flight) moved(unsent int64) {
	f.timer.Reset(f.w.stall + time.Duration(unsent)*time.Second/time.Duration(remote.Shipped.Rate))
}

// why returns why a request ended: err, unless we ended it.
func (f *flight) why(err error) error {
	if cause := context.Cause(f.ctx); errors.Is(cause, errStalled) || errors.Is(cause, errReconnect) {
		return cause
	}
	return err
}

// end ends a request.
func (f *flight) end() {
	f.once.Do(func() {
		f.timer.Stop()
		f.w.mu.Lock()
		delete(f.w.flights, f)
		f.w.mu.Unlock()
		f.w.gate.leave()
	})
	f.cancel(nil)
}

// sending is the body of a request under way.
type sending struct {
	io.ReadCloser
	f    *flight
	size int64
	sent int64
}

// systemBuffer is how much of a body may wait in the system's buffers once it was handed over.
const systemBuffer = 4 << 20

// Read implements io.Reader. The bytes of the last call were handed to the system once the next is asked for.
func (b *sending) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sent += int64(n)
	unsent := int64(0)
	if err != nil || b.sent >= b.size {
		unsent = min(b.sent, systemBuffer)
	}
	b.f.moved(unsent)
	return n, err
}

// receiving is the body of a reply.
type receiving struct {
	io.ReadCloser
	f *flight
}

// Read implements io.Reader.
func (b *receiving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		b.f.moved(0)
	} else if !errors.Is(err, io.EOF) {
		err = b.f.why(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *receiving) Close() error {
	err := b.ReadCloser.Close()
	b.f.end()
	return err
}

// reconnect ends all requests under way, and closes all connections.
func (w *wire) reconnect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.flights {
		f.cancel(errReconnect)
	}
	w.idle()
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
