package s3_test

import (
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"postern/remote"
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
