//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// desktop is a session of GNOME's virtual filesystem, without a desktop.
type desktop struct {
	t    *testing.T
	dir  string
	root string // the drive's address in it
	env  []string
}

// newDesktop starts a session bus, on which gvfs starts by itself, and mounts the drive with a typed password.
func newDesktop(t *testing.T, g *gateway) *desktop {
	t.Helper()
	gio, bus := need(t, "gio"), need(t, "dbus-daemon")
	if _, err := os.Stat("/usr/libexec/gvfsd-dav"); err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatal("gvfs-backends is not installed")
		}
		t.Skip("skipped: gvfs-backends is not installed")
	}
	dir, err := os.MkdirTemp("", "postern-gvfs-") //nolint:usetesting // sockets lie in it, whose paths must be short
	if err != nil {
		t.Fatal(err)
	}
	d := &desktop{t: t, dir: dir, root: "dav://postern@" + g.addr}
	d.env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	daemon := exec.Command(bus, "--session", "--nofork", "--print-address=1")
	daemon.Env, daemon.SysProcAttr = d.env, &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // gvfs ends with the bus, and the FUSE mount with gvfs
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
		if !within(patience, func() bool {
			return exec.Command("mountpoint", "-q", filepath.Join(dir, "gvfs")).Run() != nil
		}) {
			t.Errorf("gvfs is still mounted at %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the session bus printed no address: %v", err)
	}
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(address))
	mount := exec.Command(gio, "mount", d.root+"/")
	mount.Env, mount.Stdin = d.env, strings.NewReader(g.password+"\n")
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("gio mount: %v\n%s", err, out)
	}
	return d
}

// gio runs a command with the given standard input. Arguments that begin with /files become addresses in the drive.
func (d *desktop) gio(input string, args ...string) (string, error) {
	for i, a := range args {
		if strings.HasPrefix(a, "/files") {
			args[i] = d.root + a
		}
	}
	cmd := exec.Command("gio", args...)
	var out, said bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = d.env, strings.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("gio %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

func (d *desktop) must(input string, args ...string) string {
	d.t.Helper()
	out, err := d.gio(input, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// mustNot fails the test unless a command is refused with these words.
func (d *desktop) mustNot(words, input string, args ...string) {
	d.t.Helper()
	if _, err := d.gio(input, args...); err == nil || !strings.Contains(err.Error(), words) {
		d.t.Fatalf("gio %q should be refused with %q: %v", args, words, err)
	}
}

// etag returns the ETag that gvfs reports for a file.
func (d *desktop) etag(path string) (string, error) {
	out, err := d.gio("", "info", "-a", "etag::value", path)
	_, rest, _ := strings.Cut(out, "etag::value: ")
	etag, _, _ := strings.Cut(rest, "\n")
	return etag, err
}

// TestGvfs does what Nautilus does, by gio: copy in and out, save, save only over the version that was read, rename,
// move, list, remove.
func TestGvfs(t *testing.T) {
	t.Parallel()
	g := serve(t)
	d := newDesktop(t, g)
	get := func(path string) string { return string(g.must(http.MethodGet, path, nil)) }
	local := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(local, []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	d.must("", "mkdir", "/files/desk")
	d.must("", "copy", local, "/files/desk/report.txt")
	if out := d.must("", "cat", "/files/desk/report.txt"); out != "first\n" {
		t.Errorf("cat says %q", out)
	}
	info := d.must("", "info", "/files/desk/report.txt")
	for _, want := range []string{"standard::size: 6\n", "standard::content-type: text/plain", "time::modified:",
		"etag::value: \""} {
		if !strings.Contains(info, want) {
			t.Errorf("info lacks %q:\n%s", want, info)
		}
	}
	if space := d.must("", "info", "-f", "/files/"); !strings.Contains(space, "filesystem::free: ") ||
		!strings.Contains(space, "filesystem::size: ") {
		t.Errorf("no free space is reported:\n%s", space)
	}

	old, err := d.etag("/files/desk/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	d.must("second\n", "save", "-e", old, "/files/desk/report.txt")
	d.mustNot("externally modified", "lost update\n", "save", "-e", old, "/files/desk/report.txt")
	if got := get("/files/desk/report.txt"); got != "second\n" {
		t.Errorf("after saving an old version the file is %q", got)
	}
	d.must("third\n", "save", "/files/desk/report.txt")

	d.must("", "rename", "/files/desk/report.txt", "renamed #1.txt")
	d.must("", "copy", "/files/desk/renamed%20%231.txt", "/files/desk/copy.txt")
	d.mustNot("exists", "", "rename", "/files/desk/copy.txt", "renamed #1.txt")
	d.must("", "move", "/files/desk/copy.txt", "/files/moved.txt")
	d.must("", "move", "/files/moved.txt", "/files/desk/renamed%20%231.txt")
	if out := d.must("", "list", "/files/desk"); !strings.Contains(out, "renamed #1.txt\n") ||
		strings.Contains(out, "copy.txt") {
		t.Errorf("list says:\n%s", out)
	}
	if got := get("/files/desk/renamed%20%231.txt"); got != "third\n" {
		t.Errorf("the renamed file is %q", got)
	}
	// The drive has no trash; Nautilus asks whether to delete permanently.
	d.mustNot("not supported", "", "trash", "/files/desk/renamed%20%231.txt")
	d.must("", "remove", "/files/desk/renamed%20%231.txt")
	d.must("", "remove", "/files/desk")
	if code, _, _ := g.do(http.MethodHead, "/files/desk", nil); code != http.StatusNotFound {
		t.Errorf("the removed folder answers %d", code)
	}
}
