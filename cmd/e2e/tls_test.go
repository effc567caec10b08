//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrust: programs refuse the drive's certificate before postern trust, accept it afterwards, and refuse it again
// after --remove. It changes this machine's certificate stores, restores them, and so runs only as root, as CI does.
func TestTrust(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: the system's store needs root")
	}
	need(t, "update-ca-certificates")
	need(t, "certutil")
	need(t, "gio")
	session := need(t, "dbus-run-session")
	curl, rclone, browser := need(t, "curl"), need(t, "rclone"), browserProgram(t)
	user := t.TempDir() // a home of its own: browsers keep their stores there
	t.Setenv("HOME", user)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(user, ".config"))
	g := serve(t, "--tls")
	config := filepath.Join(user, "rclone.conf")
	runs(t, "", rclone, "--config", config, "config", "create", "drive", "webdav", "url="+g.url("/"), "vendor=owncloud",
		"user=postern", "pass="+g.password, "--obscure")
	clients := []struct {
		name string
		args []string
		sees string // when it trusts
	}{
		{"curl", []string{curl, "-sS", "-X", "OPTIONS", "-o", os.DevNull, "-w", "%{http_code}", g.url("/")}, "200"},
		{"rclone", []string{rclone, "--config", config, "--retries", "1", "--low-level-retries", "1", "lsf", "drive:"},
			"files/"},
		{"Chromium",
			[]string{browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(user, "profile"),
				"--dump-dom",
				strings.Replace(g.url("/"), "https://", "https://postern:"+g.password+"@", 1)}, "<title>Postern"},
		{"gvfs", []string{session, "--", postern, "mount", "--home", g.home}, "The drive is at "},
	}
	look := func(when string, trusts bool) {
		t.Helper()
		for _, c := range clients {
			out, err := exec.Command(c.args[0], c.args[1:]...).CombinedOutput()
			if got := strings.Contains(string(out), c.sees); got != trusts {
				t.Errorf("%s: %s trusts: %t (%v)\n%.2000s", when, c.name, got, err, out)
			}
		}
	}
	before := stores(t)
	look("before", false)
	if out, err := g.postern("trust"); err != nil {
		t.Fatalf("trust: %v\n%s", err, out)
	}
	defer func() {
		if out, err := g.postern("trust", "--remove"); err != nil {
			t.Errorf("trust --remove: %v\n%s", err, out)
		}
		look("after", false)
		if after := stores(t); after != before {
			t.Errorf("the system's store is not as it was:\n%s\nwas\n%s", after, before)
		}
	}()
	look("trusted", true)
}

// stores describes the contents of the system's certificate store.
func stores(t *testing.T) string {
	t.Helper()
	return runs(t, "", "sh", "-c",
		"ls /usr/local/share/ca-certificates; cksum /etc/ssl/certs/ca-certificates.crt; ls /etc/ssl/certs | wc -l")
}

// TestMountCommand mounts with davfs2 over both protocols, without a certificate that the system trusts, and unmounts.
func TestMountCommand(t *testing.T) {
	need(t, "mount.davfs")
	if os.Getuid() != 0 {
		t.Skip("skipped: mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("skipped: no FUSE here: %v", err)
	}
	for name, args := range map[string][]string{"http": nil, "https": {"--tls"}} {
		t.Run(name, func(t *testing.T) {
			g := serve(t, args...)
			at := filepath.Join(t.TempDir(), "a drive")
			if out, err := g.postern("mount", at); err != nil || !strings.Contains(out, "The drive is at "+at) ||
				strings.Contains(out, g.password) {
				t.Fatalf("mount: %v\n%s", err, out)
			}
			mounted := true
			defer func() {
				if mounted {
					runs(t, "", "umount", at)
				}
			}()
			if out, err := g.postern("mount", at); err != nil || !strings.Contains(out, "already") {
				t.Errorf("a second time: %v\n%s", err, out)
			}
			if err := os.WriteFile(filepath.Join(at, "files", "note.txt"), []byte("by mount"), 0o644); err != nil {
				t.Fatal(err)
			}
			runs(t, at, "sync")
			if got := string(g.must(http.MethodGet, "/files/note.txt", nil)); got != "by mount" {
				t.Errorf("the drive has %q", got)
			}
			if seen := runs(t, "", "ps", "axww", "-o", "args"); strings.Contains(seen, g.password) {
				t.Error("the password is an argument of a process")
			}
			if out, err := g.postern("mount", "--remove"); err != nil {
				t.Fatalf("unmount: %v\n%s", err, out)
			}
			mounted = false
			if _, err := os.Stat(filepath.Join(at, "files")); err == nil {
				t.Error("it is still mounted")
			}
			if out, err := g.postern("mount", "--remove"); err == nil || !strings.Contains(out, "is mounted nowhere here") {
				t.Errorf("a second unmount: %v\n%s", err, out)
			}
		})
	}
}

// TestMountOnDesktop mounts with gio in a session of its own. Over TLS gio asks whether to accept an untrusted
// certificate, and gets no answer.
func TestMountOnDesktop(t *testing.T) {
	session, _ := need(t, "dbus-run-session"), need(t, "gio")
	if _, err := os.Stat("/usr/libexec/gvfsd-dav"); err != nil && os.Getenv("POSTERN_E2E_ALL") == "" {
		t.Skip("skipped: gvfs-backends is not installed")
	}
	user := t.TempDir()
	t.Setenv("HOME", user)
	g := serve(t)
	script := fmt.Sprintf("set -e; %[1]s mount --home %[2]s; gio copy %[3]s dav://postern@%[4]s/files/; gio list "+
		"dav://postern@%[4]s/files/; %[1]s mount --home %[2]s; %[1]s mount --home %[2]s --remove",
		postern, g.home, filepath.Join(user, "note.txt"), g.addr)
	if err := os.WriteFile(filepath.Join(user, "note.txt"), []byte("by gio"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := runs(t, "", session, "--", "sh", "-c", script)
	for _, want := range []string{"The drive is at ", "note.txt", "already", "unmounts it from the desktop"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if got := string(g.must(http.MethodGet, "/files/note.txt", nil)); got != "by gio" {
		t.Errorf("the drive has %q", got)
	}
	secure := serve(t, "--tls")
	refused, err := exec.Command(session, "--", postern, "mount", "--home", secure.home).CombinedOutput()
	if want := "run postern --home " + secure.home + " trust first"; err == nil ||
		!strings.Contains(string(refused), want) {
		t.Errorf("an untrusted certificate: %v\n%s", err, refused)
	}
}
