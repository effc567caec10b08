//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLitmus runs every suite of the WebDAV conformance test; a warning fails too.
func TestLitmus(t *testing.T) {
	litmus := need(t, "litmus")
	g := serve(t)
	dir := t.TempDir()
	cmd := exec.Command(litmus, "-k", g.url("/files/"), "postern", g.password)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || strings.Contains(string(out), "WARNING") || strings.Contains(string(out), "FAIL") || strings.Count(string(out), "<- summary for") != 5 {
		debug, _ := os.ReadFile(filepath.Join(dir, "debug.log"))
		t.Fatalf("litmus: %v\n%.20000s", err, debug)
	}
}

// TestCadaver puts, locks, moves, copies and gets with an interactive client.
func TestCadaver(t *testing.T) {
	cadaver := need(t, "cadaver")
	g := serve(t)
	dir := t.TempDir()
	netrc := fmt.Sprintf("default login postern password %s\n", g.password)
	if err := os.WriteFile(filepath.Join(dir, ".netrc"), []byte(netrc), 0o600); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("cadaver\n"), 100_000)
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cadaver, g.url("/files/"))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	cmd.Stdin = strings.NewReader("mkcol papers\ncd papers\nput in.txt\nlock in.txt\nput in.txt\nunlock in.txt\nmove in.txt moved.txt\ncopy moved.txt copied.txt\nls\nget copied.txt out.txt\ndelete moved.txt\nquit\n")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "failed") {
		t.Fatalf("cadaver: %v\n%s", err, out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "out.txt")); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes came back of %d: %v\n%s", len(got), len(body), err, out)
	}
	if code, _, _ := g.do(http.MethodHead, "/files/papers/moved.txt", nil); code != http.StatusNotFound {
		t.Fatalf("the deleted file answers %d", code)
	}
}

// TestCurl authenticates with Digest and with Basic.
func TestCurl(t *testing.T) {
	curl := need(t, "curl")
	g := serve(t)
	secrets := filepath.Join(t.TempDir(), "curlrc")
	if err := os.WriteFile(secrets, []byte(fmt.Sprintf("user = \"postern:%s\"\n", g.password)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"--digest", "--basic"} {
		in := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(in, []byte("by curl "+scheme), 0o600); err != nil {
			t.Fatal(err)
		}
		runs(t, "", curl, "-sSf", "-K", secrets, scheme, "-T", in, g.url("/files/curl.txt"))
		if got := runs(t, "", curl, "-sSf", "-K", secrets, scheme, g.url("/files/curl.txt")); got != "by curl "+scheme {
			t.Fatalf("%s: got %q", scheme, got)
		}
	}
}
