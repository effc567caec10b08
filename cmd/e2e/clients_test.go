//go:build e2e

package e2e

import (
	"fmt"
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
	if err != nil || strings.Contains(string(out), "WARNING") || strings.Contains(string(out), "FAIL") ||
		strings.Count(string(out), "<- summary for") != 5 {
		debug, _ := os.ReadFile(filepath.Join(dir, "debug.log"))
		t.Fatalf("litmus: %v\n%.20000s", err, debug)
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
