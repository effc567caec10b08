package s3test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"postern/remote/s3"
)

// patience is how long a store may take to start: much longer than it does.
const patience = time.Minute

// Server is a store that runs as a program of its own. It ends with its test.
type Server struct {
	URL     string
	Folder  string // holds a folder for each bucket, and in it a file for each object
	Process *os.Process
}

// Place returns a fresh place in the server's bucket.
func (s *Server) Place() s3.Place { return place(s.URL) }

// Objects returns the folder that holds the files of a place's objects.
func (s *Server) Objects(p s3.Place) string { return filepath.Join(s.Folder, p.Bucket, p.Prefix) }

// Versity starts a versitygw on a folder, which ends with the test, and returns a function that returns a fresh place.
// Where that program is not installed, it skips the test, or fails if POSTERN_E2E_ALL is set.
func Versity(t testing.TB) func() s3.Place { return StartVersity(t).Place }

// StartVersity is Versity for tests that need more than places.
func StartVersity(t testing.TB) *Server {
	t.Helper()
	return startVersity(t, newFolder(t))
}

// Racy starts two versitygw on one folder, which don't know of each other and take turns with the requests. So each
// conditional write by itself is right, and two writers at the same moment may both win.
func Racy(t testing.TB) func() s3.Place {
	t.Helper()
	folder := newFolder(t)
	var proxies []*httputil.ReverseProxy
	for range 2 {
		to, err := url.Parse(startVersity(t, folder, "--disable-object-lock-file").URL)
		if err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.Host = r.In.Host // which is signed
		}})
	}
	var turn atomic.Uint64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxies[turn.Add(1)%2].ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return func() s3.Place { return place(front.URL) }
}

// Rclone starts rclone as a store, which ignores the conditions of writes. See Versity.
func Rclone(t testing.TB) func() s3.Place {
	t.Helper()
	folder := newFolder(t)
	return start(t, folder, "rclone", func(addr string) []string {
		return []string{"serve", "s3", "--config", os.DevNull, "--addr", addr, "--auth-key", AccessKey + "," + SecretKey,
			folder}
	}).Place
}

// newFolder makes the folder of a store, with the bucket.
func newFolder(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// startVersity starts a versitygw on a folder.
func startVersity(t testing.TB, folder string, args ...string) *Server {
	t.Helper()
	return start(t, folder, "versitygw", func(addr string) []string {
		return append(append([]string{"--port", addr, "posix"}, args...), folder)
	})
}

// start starts a program as a store, with the arguments that args returns for a free address.
func start(t testing.TB, folder, name string, args func(addr string) []string) *Server {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatalf("%s is not installed: make tools", name)
		}
		t.Skipf("skipped: %s, a store with buckets, is not installed (make tools)", name)
	}
	keys(t)
	addr := freeAddress(t)
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	store := exec.Command(program, args(addr)...)
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
		t.Fatalf("%s does not answer; it said:\n%s", name, said)
	}
	return &Server{URL: "http://" + addr, Folder: folder, Process: store.Process}
}

// freeAddress returns an address of this machine on which nothing listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
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
