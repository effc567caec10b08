package s3_test

import (
	"context"
	crand "crypto/rand"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/remotetest"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		os.Exit(childMain(url))
	}
	goleak.VerifyTestMain(m)
}

// TestContract runs the contract of remotes in a fresh prefix for each check.
func TestContract(t *testing.T) {
	for name, start := range map[string]func(testing.TB) func() s3.Place{
		"gofakes3": s3test.Fake, "versitygw": s3test.Versity,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
				p := fresh()
				if err := s3test.Found(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				return func() (remote.Store, error) {
					return s3.Open(t.Context(), p, s3.Options{Existing: true, Letters: 8})
				}
			})
		})
	}
}

// TestEnds checks that a range may end with its blob.
func TestEnds(t *testing.T) {
	place := s3test.Fake(t)()
	s := opened(t, place, s3.Options{})
	if err := remotetest.Ends(t.Context(), s, crand.Reader); err != nil {
		t.Error(err)
	}
}

// TestContractThroughFaults: with the retries of a line, the contract holds on a connection that loses requests and
// replies, breaks off in the middle of a body, and throttles.
func TestContractThroughFaults(t *testing.T) {
	for name, start := range map[string]func(testing.TB) func() s3.Place{
		"gofakes3": s3test.Fake, "versitygw": s3test.Versity,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			var seeds uint64
			remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
				seeds++
				return throughStorm(t, fresh(), seeds)
			})
		})
	}
}

// TestLinearizable: for all writers at once who lose requests and replies, an order of their loads and swaps explains
// what they saw.
func TestLinearizable(t *testing.T) {
	for name, start := range map[string]func(testing.TB) func() s3.Place{
		"gofakes3": s3test.Fake, "versitygw": s3test.Versity,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			for seed := range uint64(3) {
				open := throughStorm(t, fresh(), 100+seed)
				var writers []remote.Store
				for range 8 {
					s, err := open()
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					writers = append(writers, s)
				}
				err := remotetest.Linearizable(t.Context(), writers, crypto.NewWriterKey([crypto.KeySize]byte{byte(seed)}))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// throughStorm makes a remote and returns a function that opens a line to it on a bad connection.
func throughStorm(t *testing.T, p s3.Place, seed uint64) func() (remote.Store, error) {
	t.Helper()
	front, p := s3test.Before(t, p)
	if err := s3test.Found(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	front.Set(storm(front, seed))
	atOnce := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return func() (remote.Store, error) {
		open := func(ctx context.Context) (s remote.Store, err error) {
			for range 50 {
				s, err = s3.Open(ctx, p, s3.Options{Existing: true, Letters: 8, Sleep: atOnce})
				if remote.KindOf(err) != remote.ErrUnavailable {
					return s, err
				}
			}
			return s, err
		}
		return line.New(t.Context(), open, remote.Deadlines{Attempts: 50}, line.Options{Sleep: atOnce})
	}
}

// storm spoils one request in eight. What happens to a request depends on a seed and on the order of requests.
func storm(front *s3test.Front, seed uint64) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		luck := random.IntN(32)
		mu.Unlock()
		switch luck {
		case 0: // the request is lost
			panic(http.ErrAbortHandler)
		case 1: // its reply is
			front.Forward(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case 2: // the reply breaks off
			reply := httptest.NewRecorder()
			front.Forward(reply, r)
			for name, values := range reply.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(reply.Code)
			_, _ = w.Write(reply.Body.Bytes()[:reply.Body.Len()/2])
			panic(http.ErrAbortHandler)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
			return true
		}
		return false
	}
}
