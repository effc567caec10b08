// Package s3test starts stores with buckets, for tests.
package s3test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"postern/remote/s3"
)

// The one bucket of each store, and its keys.
const (
	Bucket    = "drives"
	AccessKey = "test"
	SecretKey = "test-secret"
)

// keys makes this process, and those that it starts, use the keys of the stores, and no other settings of AWS.
func keys(t testing.TB) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

var prefixes atomic.Int64

// place returns a fresh prefix of a store's bucket.
func place(url string) s3.Place {
	return s3.Place{Bucket: Bucket, Prefix: fmt.Sprint("drive-", prefixes.Add(1)), Endpoint: url}
}

// Fake starts a store in this process, which ends with the test, and returns a function that returns a fresh place.
func Fake(t testing.TB) func() s3.Place {
	t.Helper()
	keys(t)
	backend := s3mem.New()
	if err := backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return func() s3.Place { return place(server.URL) }
}
