// Package s3test starts stores with buckets, for tests.
package s3test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

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

// patience is how long a store may take to start: much longer than it does.
const patience = time.Minute

// Versity starts a versitygw on a folder, which ends with the test, and returns a function that returns a fresh place.
// Where that program is not installed, it skips the test, or fails if POSTERN_E2E_ALL is set.
func Versity(t testing.TB) func() s3.Place {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatal("versitygw is not installed: make tools")
		}
		t.Skip("skipped: versitygw, a store with buckets, is not installed (make tools)")
	}
	keys(t)
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	store := exec.Command(program, "--port", addr, "posix", folder)
	store.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	store.Stdout, store.Stderr = out, out
	if err := store.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = store.Process.Kill()
		_ = store.Wait() // it says that it was killed
	})
	if !answers("http://" + addr) {
		said, _ := os.ReadFile(log)
		t.Fatalf("versitygw does not answer; it said:\n%s", said)
	}
	return func() s3.Place { return place("http://" + addr) }
}

// answers waits until a server answers, and reports whether it did.
func answers(url string) bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	end := time.NewTimer(patience)
	defer end.Stop()
	each := time.NewTicker(20 * time.Millisecond)
	defer each.Stop()
	for {
		resp, err := client.Get(url)
		if err == nil {
			return resp.Body.Close() == nil
		}
		select {
		case <-each.C:
		case <-end.C:
			return false
		}
	}
}
