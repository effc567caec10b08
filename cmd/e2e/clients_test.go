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

// TestDavfs2 mounts the drive in the kernel and works on it with ordinary programs.
func TestDavfs2(t *testing.T) {
	mount := need(t, "mount.davfs")
	if os.Getuid() != 0 {
		t.Skip("skipped: mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("skipped: no FUSE here: %v", err)
	}
	g := serve(t)
	dir, err := os.MkdirTemp("", "postern-davfs-") //nolint:usetesting // davfs2's own user must reach its cache, which it could not below t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at := t.TempDir()
	secrets, conf := filepath.Join(dir, "secrets"), filepath.Join(dir, "davfs2.conf")
	if err := os.WriteFile(secrets, []byte(fmt.Sprintf("%s postern %s\n", g.url("/"), g.password)), 0o600); err != nil {
		t.Fatal(err)
	}
	// buf_size: kernels from 6.16 on refuse listings of the smaller default.
	settings := fmt.Sprintf("use_locks 1\nask_auth 0\nbuf_size 64\ndelay_upload 0\nsecrets %s\ncache_dir %s\n", secrets, filepath.Join(dir, "cache"))
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "cache"), 0o777), os.Chmod(filepath.Join(dir, "cache"), 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	runs(t, "", mount, "-o", "rw,conf="+conf, g.url("/"), at)
	defer runs(t, "", "umount", at)
	files := filepath.Join(at, "files")
	body := bytes.Repeat([]byte("davfs2 "), 700_000)
	if err := os.WriteFile(filepath.Join(files, "large file"), body, 0o644); err != nil {
		t.Fatal(err)
	}
	// How office programs save: a temporary file, renamed over the document.
	for version := range 3 {
		tmp := filepath.Join(files, "doc.tmp")
		if err := os.WriteFile(tmp, fmt.Appendf(nil, "version %d", version), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(files, "doc.odt")); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, files, "mkdir", "-p", "a/b")
	runs(t, files, "cp", "large file", "a/b/copy")
	runs(t, files, "cmp", "large file", "a/b/copy")
	runs(t, files, "sync")
	if got := string(g.must(http.MethodGet, "/files/doc.odt", nil)); got != "version 2" {
		t.Fatalf("the document is %q", got)
	}
	if got := g.must(http.MethodGet, "/files/a/b/copy", nil); !bytes.Equal(got, body) {
		t.Fatalf("%d bytes arrived of %d", len(got), len(body))
	}
}
