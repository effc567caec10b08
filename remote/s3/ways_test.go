package s3_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// childVariable is the environment variable with the URL of a remote that makes the test binary use that remote and
// end. A process of its own is needed since Go reads the settings of a proxy once.
const childVariable = "POSTERN_S3_TEST_CHILD"

// childMain makes a remote and uses it.
func childMain(url string) int {
	place, err := s3.ParsePlace(strings.TrimPrefix(url, "s3:"))
	if err == nil {
		err = use(place)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// use stores a blob twice and reads it.
func use(place s3.Place) error {
	ctx := context.Background()
	s, err := s3.Open(ctx, place, s3.Options{})
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte("sealed"), 1000)
	for range 2 {
		if err := s.Put(ctx, crypto.NameOf(data), remote.BytesBody(data)); err != nil {
			return err
		}
	}
	if _, err := s.Get(ctx, crypto.NameOf(data)); err != nil {
		return err
	}
	return s.Close()
}

// world is a proxy that leads to a store under whatever name, with TLS and without.
type world struct {
	*httptest.Server
	ca string // file with the authority of the store's certificate

	mu       sync.Mutex
	requests []*http.Request
}

// newWorld starts a store and the proxy. refuse may answer instead of the store.
func newWorld(t *testing.T, refuse func(w http.ResponseWriter, r *http.Request) bool) *world {
	t.Helper()
	front, _ := s3test.Before(t, s3test.Fake(t)())
	w := &world{ca: filepath.Join(t.TempDir(), "ca.pem")}
	store := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r.Clone(context.WithoutCancel(r.Context())))
		w.mu.Unlock()
		if bucket, _, found := strings.Cut(r.Host, "."); found && bucket == s3test.Bucket {
			r.URL.Path = "/" + bucket + r.URL.Path
		}
		if refuse == nil || !refuse(out, r) {
			front.Forward(out, r)
		}
	})
	secure := httptest.NewTLSServer(store)
	t.Cleanup(secure.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(w.ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			store(out, r)
			return
		}
		in, buffered, err := out.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer in.Close()
		on, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			return
		}
		defer on.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(on, buffered); _ = on.Close() }()
		_, _ = io.Copy(in, on)
	}))
	t.Cleanup(w.Close)
	return w
}

// child uses a remote in a process of its own, through the proxy, and returns the requests that the store has seen.
func (w *world) child(t *testing.T, place s3.Place, env ...string) []*http.Request {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVariable+"="+place.String(), "HTTP_PROXY="+w.URL, "HTTPS_PROXY="+w.URL,
		"AWS_ACCESS_KEY_ID="+s3test.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3test.SecretKey)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", place, err, out)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) == 0 {
		t.Fatalf("%s: the store saw no request", place)
	}
	return w.requests
}

// TestWays: stores are reached through a proxy with an authority of one's own, by either form of address, with the keys
// of a profile and of a session, and with what single providers need.
func TestWays(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "credentials")
	err := os.WriteFile(profiles, []byte("[work]\naws_access_key_id = WORK\naws_secret_access_key = s\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		endpoint, style, profile string
		env                      []string
		want                     func(r *http.Request) bool
	}{
		"an authority and a proxy": {endpoint: "https://example.com", want: func(r *http.Request) bool {
			return r.TLS != nil && strings.HasPrefix(r.URL.Path, "/"+s3test.Bucket)
		}},
		"the bucket as host": {endpoint: "http://store.example", style: "host", want: func(r *http.Request) bool {
			return r.Host == s3test.Bucket+".store.example" && !strings.HasPrefix(r.URL.Path, "/"+s3test.Bucket)
		}},
		"a session": {endpoint: "http://store.example", env: []string{"AWS_SESSION_TOKEN=token"},
			want: func(r *http.Request) bool { return r.Header.Get("X-Amz-Security-Token") == "token" }},
		"a profile": {endpoint: "http://store.example", profile: "work", env: []string{"AWS_ACCESS_KEY_ID=",
			"AWS_SECRET_ACCESS_KEY=", "AWS_SHARED_CREDENTIALS_FILE=" + profiles},
			want: func(r *http.Request) bool { return strings.Contains(r.Header.Get("Authorization"), "WORK/") }},
		"Tigris": {endpoint: "http://fly.storage.tigris.dev", want: func(r *http.Request) bool {
			return r.Header.Get("X-Tigris-Consistent") == "true" &&
				strings.Contains(r.Header.Get("Authorization"), "x-tigris-consistent")
		}},
		"Google": {endpoint: "http://storage.googleapis.com", want: func(r *http.Request) bool {
			return !strings.Contains(r.Header.Get("Authorization"), "accept-encoding")
		}},
		"any other": {endpoint: "http://store.example", want: func(r *http.Request) bool {
			return r.Header.Get("X-Tigris-Consistent") == ""
		}},
	} {
		w := newWorld(t, nil)
		place := s3.Place{Bucket: s3test.Bucket, Endpoint: c.endpoint, Style: c.style, Profile: c.profile}
		if strings.HasPrefix(c.endpoint, "https:") {
			place.CA = w.ca
		}
		for _, r := range w.child(t, place, c.env...) {
			if !c.want(r) {
				t.Errorf("%s: %s %s %s, with %v", what, r.Method, r.Host, r.URL, r.Header)
			}
		}
	}
}

// TestSignedBodies: the bytes of objects are not signed where TLS protects them, unless the store wants it, which is
// tried once.
func TestSignedBodies(t *testing.T) {
	const unsigned = "UNSIGNED-PAYLOAD"
	for what, c := range map[string]struct {
		strict   bool
		unsigned func(n int) bool
	}{
		"a store that takes them":       {false, func(n int) bool { return n > 10 }},
		"a store that wants all signed": {true, func(n int) bool { return n == 1 }},
	} {
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if !c.strict || r.Header.Get("X-Amz-Content-Sha256") != unsigned {
				return false
			}
			out.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(out, "<Error><Code>InvalidRequest</Code></Error>")
			return true
		})
		saw := 0
		for _, r := range w.child(t, s3.Place{Bucket: s3test.Bucket, Endpoint: "https://example.com", CA: w.ca}) {
			if r.Header.Get("X-Amz-Content-Sha256") == unsigned {
				saw++
			}
		}
		if !c.unsigned(saw) {
			t.Errorf("%s: %d objects were sent without a signature of their bytes", what, saw)
		}
	}
}

// TestUnknownAuthority: a certificate of an unknown authority is refused.
func TestUnknownAuthority(t *testing.T) {
	front, place := fakeBehind(t)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(front.Forward))
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer secure.Close()
	place.Endpoint = secure.URL
	_, err := s3.Open(t.Context(), place, s3.Options{})
	if remote.KindOf(err) != remote.ErrUnavailable || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}
