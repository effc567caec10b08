//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/remote/s3/s3test"
)

// patience is how long a test waits for anything that must come. It is long, since it passes in full only when a test
// fails: a busy machine of two cores must not look like a fault of ours.
const patience = 2 * time.Minute

// postern is the gateway's program, built once for all tests.
var postern string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "postern-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		postern = filepath.Join(dir, "postern")
		build := exec.Command("go", "build", "-o", postern, "postern/cmd/postern")
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build:", err)
			return 1
		}
		return m.Run()
	}())
}

// gateway is one running postern process and its home, which outlives it.
type gateway struct {
	t        *testing.T
	home     string
	addr     string
	password string
	args     []string
	env      []string     // in addition to the test's own
	secure   bool         // served with --tls
	trusting *http.Client // trusts the drive's own authority; nil until that exists
	cmd      *exec.Cmd
	stderr   *safeBuffer
}

// safeBuffer holds the output of a process and can be read while the process runs.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// serve starts a gateway on a fresh home.
func serve(t *testing.T, args ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, home: filepath.Join(t.TempDir(), "home"), args: args, secure: slices.Contains(args, "--tls")}
	g.start()
	t.Cleanup(g.stop)
	return g
}

// serveInBucket starts a gateway on a fresh home with its drive in a bucket, and returns the folder with the objects of
// the drive.
func serveInBucket(t *testing.T) (g *gateway, objects string) {
	t.Helper()
	store := s3test.StartVersity(t)
	place := store.Place()
	return serve(t, "--log", "error", "--remote", place.String(), "--create"), store.Objects(place)
}

// start runs the gateway on its home and returns when it is ready.
func (g *gateway) start() {
	g.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.addr = listener.Addr().String()
	_ = listener.Close()
	g.stderr = &safeBuffer{}
	g.cmd = exec.Command(postern, append([]string{"serve", "--home", g.home, "--addr", g.addr}, g.args...)...)
	g.cmd.Env = append(os.Environ(), g.env...)
	g.cmd.Stdout, g.cmd.Stderr = g.stderr, g.stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.await()
	password, err := os.ReadFile(filepath.Join(g.home, "dav-password"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.password = strings.TrimSpace(string(password))
}

func (g *gateway) await() {
	g.t.Helper()
	answers := within(patience, func() bool {
		_, _, err := g.do(http.MethodOptions, "/", nil)
		return err == nil
	})
	if !answers {
		g.t.Fatalf("the gateway does not answer; it said:\n%s", g.stderr)
	}
}

// within calls a condition until it returns true, and reports whether it did so in time.
func within(limit time.Duration, condition func() bool) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-end.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

// stop ends the gateway by SIGTERM and waits for it.
func (g *gateway) stop() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	err := g.cmd.Wait()
	g.cmd = nil
	if err != nil {
		g.t.Errorf("the gateway ended with %v; it said:\n%s", err, g.stderr)
	}
}

// kill ends the gateway by SIGKILL.
func (g *gateway) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	g.cmd = nil
}

// url is the address of a path of the drive, given escaped.
func (g *gateway) url(path string) string {
	if g.secure {
		return "https://" + g.addr + path
	}
	return "http://" + g.addr + path
}

// client returns a client that trusts the drive's authority, if the drive has one yet.
func (g *gateway) client() *http.Client {
	if g.secure && g.trusting == nil {
		if ca, err := os.ReadFile(filepath.Join(g.home, "tls", "ca.pem")); err == nil {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(ca)
			g.trusting = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		}
	}
	return cmp.Or(g.trusting, http.DefaultClient)
}

// do sends one request and returns code and body.
func (g *gateway) do(method, path string, body io.Reader, headers ...string) (int, []byte, error) {
	req, err := http.NewRequest(method, g.url(path), body)
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth("postern", g.password)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := g.client().Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// must sends one request, fails the test unless the answer is 2xx, and returns the body.
func (g *gateway) must(method, path string, body io.Reader, headers ...string) []byte {
	g.t.Helper()
	code, data, err := g.do(method, path, body, headers...)
	if err != nil || code/100 != 2 {
		g.t.Fatalf("%s %s: %d %v %s", method, path, code, err, data)
	}
	return data
}

// command returns a command on the gateway's home.
func (g *gateway) command(args ...string) *exec.Cmd {
	cmd := exec.Command(postern, append(args, "--home", g.home)...)
	cmd.Env = append(os.Environ(), g.env...)
	return cmd
}

// postern runs a command on the gateway's home.
func (g *gateway) postern(args ...string) (string, error) {
	out, err := g.command(args...).CombinedOutput()
	return string(out), err
}

// begin starts a command on the gateway's home, and returns what kills the process that does the work: the gateway
// itself if it is serving, else the command.
func (g *gateway) begin(serving bool, args ...string) (cmd *exec.Cmd, kill func()) {
	g.t.Helper()
	cmd = g.command(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	if serving {
		return cmd, g.kill
	}
	return cmd, func() { _ = cmd.Process.Kill() }
}

// need finds a program or skips the test. In CI, which installs every program, a missing one fails the test.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("skipped: %s is not installed", program)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runs runs a program, fails the test if the program fails, and returns its output.
func runs(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}
