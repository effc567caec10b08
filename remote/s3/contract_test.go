package s3_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"postern/remote"
	"postern/remote/line"
	"postern/remote/remotetest"
	"postern/remote/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake starts a store in this process, and returns the place of a bucket.
func fake(t *testing.T) s3.Place {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	backend := s3mem.New()
	if err := backend.CreateBucket("drives"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return s3.Place{Bucket: "drives", Prefix: "alice", Endpoint: server.URL}
}

func TestContract(t *testing.T) {
	place := fake(t)
	var prefixes atomic.Int64
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		p := place
		p.Prefix = fmt.Sprint("drive-", prefixes.Add(1))
		return func() (remote.Store, error) {
			return s3.Open(t.Context(), p, s3.Options{Letters: 8})
		}
	})
}

// TestContractThroughFaults: with the retries of a line, the contract holds on a connection that loses requests and
// replies, breaks off in the middle of a body, and throttles.
func TestContractThroughFaults(t *testing.T) {
	front, place := fakeBehind(t)
	store := front.store
	var prefixes atomic.Int64
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		p := place
		n := prefixes.Add(1)
		p.Prefix = fmt.Sprint("drive-", n)
		front.set(nil)
		if s, err := s3.Open(t.Context(), p, s3.Options{}); err != nil {
			t.Fatal(err)
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		front.set(storm(store, uint64(n)))
		return func() (remote.Store, error) {
			open := func(ctx context.Context) (s remote.Store, err error) {
				for range 50 {
					s, err = s3.Open(ctx, p, s3.Options{Existing: true, Letters: 8})
					if remote.KindOf(err) != remote.ErrUnavailable {
						return s, err
					}
				}
				return s, err
			}
			l, err := line.New(t.Context(), open, remote.Deadlines{Attempts: 50}, line.Options{
				Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			})
			if err != nil {
				return nil, err
			}
			return l, nil
		}
	})
	front.set(nil)
}

// storm spoils one request in eight. What happens to a request depends on a seed and on the order of requests.
func storm(store string, seed uint64) func(http.ResponseWriter, *http.Request) bool {
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
			forward(httptest.NewRecorder(), r, store)
			panic(http.ErrAbortHandler)
		case 2: // the reply breaks off
			reply := httptest.NewRecorder()
			forward(reply, r, store)
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
