package dav_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postern/dav"
	"postern/dav/auth"
	"postern/vfs/vfstest"
)

// TestLitmus runs litmus, the conformance suite that every WebDAV server is measured by, over HTTP with a password. A
// failure or a warning of litmus fails the test.
func TestLitmus(t *testing.T) {
	litmus, err := exec.LookPath("litmus")
	if err != nil {
		t.Skip("litmus is not installed")
	}
	h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{}), dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	door, err := auth.New(auth.Options{User: "alice", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(door(h))
	defer server.Close()

	cmd := exec.CommandContext(t.Context(), litmus, "-k", server.URL+"/files/", "alice", "secret")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TESTS=basic copymove props locks http")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("litmus: %v", err)
	}
	if bytes.Contains(out, []byte("FAIL")) || bytes.Contains(out, []byte("WARNING")) {
		t.Error("litmus found faults")
		trace, err := os.ReadFile(filepath.Join(cmd.Dir, "debug.log"))
		if err == nil {
			t.Logf("%s", trace)
		}
	}
}
