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

// cadaver is a user of the interactive client cadaver, with a folder of their own.
type cadaver struct {
	t   *testing.T
	g   *gateway
	dir string
}

func newCadaver(t *testing.T, g *gateway) *cadaver {
	t.Helper()
	need(t, "cadaver")
	c := &cadaver{t: t, g: g, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(c.dir, ".netrc"),
		fmt.Appendf(nil, "default login postern password %s\n", g.password), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// says runs commands in /files and returns cadaver's output. cadaver exits with 0 even if a command fails.
func (c *cadaver) says(commands ...string) string {
	c.t.Helper()
	cmd := exec.Command("cadaver", c.g.url("/files/"))
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "HOME="+c.dir, "EDITOR="+filepath.Join(c.dir, "editor"))
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\nquit\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Errorf("cadaver: %v\n%s", err, out)
	}
	return string(out)
}

func (c *cadaver) must(commands ...string) string {
	c.t.Helper()
	out := c.says(commands...)
	if strings.Contains(out, "failed") {
		c.t.Fatalf("cadaver: %q\n%s", commands, out)
	}
	return out
}

// refused fails the test unless a command is refused with a status.
func (c *cadaver) refused(status, command string) {
	c.t.Helper()
	if out := c.says(command); !strings.Contains(out, "failed") || !strings.Contains(out, status) {
		c.t.Fatalf("cadaver: %q should be refused with %s:\n%s", command, status, out)
	}
}

func (c *cadaver) write(name string, body []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), body, 0o700); err != nil {
		c.t.Fatal(err)
	}
}

// editor makes the command edit append a text. It also sets the file's time, since cadaver compares times by the
// second.
func (c *cadaver) editor(text string) {
	c.t.Helper()
	c.write("editor", fmt.Appendf(nil, "#!/bin/sh\nprintf '%%s' '%s' >> \"$1\"\ntouch -d 'next year' \"$1\"\n", text))
}

// TestCadaver runs every cadaver command that sends a request, without a lock and against another user's lock.
func TestCadaver(t *testing.T) {
	g := serve(t)
	ann, bob := newCadaver(t, g), newCadaver(t, g)
	body := bytes.Repeat([]byte("cadaver\n"), 100_000)
	ann.write("in.txt", body)
	ann.must("mkcol papers", "cd papers", "put in.txt", "lock in.txt", "put in.txt", "unlock in.txt",
		"move in.txt moved.txt", "copy moved.txt copied.txt", "ls", "get copied.txt out.txt", "delete moved.txt")
	if got, err := os.ReadFile(filepath.Join(ann.dir, "out.txt")); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes came back of %d: %v", len(got), len(body), err)
	}
	if code, _, _ := g.do(http.MethodHead, "/files/papers/moved.txt", nil); code != http.StatusNotFound {
		t.Fatalf("the deleted file answers %d", code)
	}

	ann.must("propset papers/copied.txt colour blue")
	if out := ann.must("propget papers/copied.txt colour"); !strings.Contains(out, "blue") {
		t.Errorf("the property is not there:\n%s", out)
	}
	if out := ann.must("propnames papers/copied.txt"); !strings.Contains(out, "colour") ||
		!strings.Contains(out, "getetag") {
		t.Errorf("its name is not listed:\n%s", out)
	}
	ann.must("propdel papers/copied.txt colour")
	if out := ann.says("propget papers/copied.txt colour"); strings.Contains(out, "blue") {
		t.Errorf("the property is still there:\n%s", out)
	}

	// Ann locks the file and leaves. Bob is refused, looks up the lock, steals it and releases it.
	ann.must("lock papers/copied.txt")
	bob.write("copied.txt", []byte("Bob's"))
	bob.refused("423", "put copied.txt papers/copied.txt")
	bob.refused("423", "delete papers/copied.txt")
	bob.refused("423", "lock papers/copied.txt")
	if code, _, _ := g.do(http.MethodDelete, "/files/papers", nil); code != http.StatusMultiStatus {
		t.Errorf("deleting the folder of a locked file answers %d", code)
	}
	if out := bob.must("discover papers/copied.txt"); !strings.Contains(out, "urn:uuid:") &&
		!strings.Contains(out, "opaquelocktoken:") {
		t.Errorf("the lock is not shown:\n%s", out)
	}
	bob.must("steal papers/copied.txt", "put copied.txt papers/copied.txt", "unlock papers/copied.txt")
	if got := g.must(http.MethodGet, "/files/papers/copied.txt", nil); string(got) != "Bob's" {
		t.Errorf("the file is %.20q", got)
	}
	ann.editor(" and Ann\n")
	ann.must("edit papers/copied.txt")
	if got := g.must(http.MethodGet, "/files/papers/copied.txt", nil); string(got) != "Bob's and Ann\n" {
		t.Errorf("after editing the file is %.40q", got)
	}

	ann.must("copy papers others", "rmcol papers")
	if out := ann.must("ls others"); !strings.Contains(out, "copied.txt") || strings.Contains(ann.says("ls"), "papers") {
		t.Errorf("copying and deleting the folder went wrong:\n%s", out)
	}
}
