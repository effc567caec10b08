//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// mount is a folder of this machine that shows the drive to ordinary programs.
type mount struct {
	g       *gateway
	at      string
	drain   func() // returns once everything written and closed has reached the gateway
	unmount func()
}

// needFUSE skips the test where nothing can be mounted.
func needFUSE(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("skipped: no FUSE here: %v", err)
	}
}

// mountDavfs2 mounts with davfs2 and locks, as the README describes.
func mountDavfs2(t *testing.T, g *gateway) *mount {
	t.Helper()
	program := need(t, "mount.davfs")
	needFUSE(t)
	//nolint:usetesting // davfs2's user cannot reach a cache below t.TempDir
	dir, err := os.MkdirTemp("", "postern-davfs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cache := filepath.Join(dir, "cache")
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(cache, 0o777), os.Chmod(cache, 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets, conf := filepath.Join(dir, "secrets"), filepath.Join(dir, "davfs2.conf")
	if err := os.WriteFile(secrets, fmt.Appendf(nil, "%s postern %s\n", g.url("/"), g.password), 0o600); err != nil {
		t.Fatal(err)
	}
	// buf_size: kernels from 6.16 on refuse listings of the smaller default.
	settings := fmt.Sprintf("use_locks 1\nask_auth 0\nbuf_size 64\ndelay_upload 0\nsecrets %s\ncache_dir %s\n", secrets,
		cache)
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &mount{g: g, at: t.TempDir(), drain: func() {}}
	runs(t, "", program, "-o", "rw,conf="+conf, g.url("/"), m.at)
	m.unmount = once(t, func() { runs(t, "", "umount", m.at) }) // waits for pending uploads
	return m
}

// mountRclone mounts with rclone's FUSE program, which uploads a while after a file is closed.
func mountRclone(t *testing.T, g *gateway) *mount {
	t.Helper()
	need(t, "rclone")
	fusermount := need(t, "fusermount3")
	needFUSE(t)
	m := &mount{g: g, at: t.TempDir()}
	// A unix socket's path is short (108 bytes), so it does not lie below t.TempDir.
	control, err := os.MkdirTemp("", "postern-rc-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(control) })
	socket := filepath.Join(control, "rc")
	cmd := g.rcloneCommand("owncloud", "mount", "drive:", m.at, "--vfs-cache-mode", "writes", "--vfs-write-back", "1s",
		"--cache-dir", t.TempDir(), "--rc", "--rc-addr", "unix://"+socket, "--rc-no-auth")
	said := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !within(patience, func() bool { return exec.Command("mountpoint", "-q", m.at).Run() == nil }) {
		t.Fatalf("rclone does not mount; it said:\n%s", said)
	}
	m.drain = func() {
		t.Helper()
		var stats struct {
			DiskCache struct{ ErroredFiles, UploadsInProgress, UploadsQueued int }
		}
		settled := within(patience, func() bool {
			out, err := exec.Command("rclone", "rc", "--unix-socket", socket, "vfs/stats").Output()
			return err == nil && json.Unmarshal(out, &stats) == nil &&
				stats.DiskCache.UploadsInProgress+stats.DiskCache.UploadsQueued == 0
		})
		if !settled || stats.DiskCache.ErroredFiles > 0 {
			t.Fatalf("rclone has not uploaded everything: %+v; it said:\n%s", stats, said)
		}
	}
	m.unmount = once(t, func() {
		runs(t, "", fusermount, "-u", m.at)
		if err := cmd.Wait(); err != nil {
			t.Errorf("rclone mount ended with %v; it said:\n%s", err, said)
		}
	})
	return m
}

// once returns a function that runs do once: at its first call, or else at the end of the test.
func once(t *testing.T, do func()) func() {
	done := false
	f := func() {
		if !done {
			done = true
			do()
		}
	}
	t.Cleanup(f)
	return f
}

// mountGvfs mounts with gvfs and returns the FUSE mount that gvfs offers to ordinary programs.
func mountGvfs(t *testing.T, g *gateway) *mount {
	t.Helper()
	needFUSE(t)
	d := newDesktop(t, g)
	var found []string
	if !within(patience, func() bool {
		found, _ = filepath.Glob(filepath.Join(d.dir, "gvfs", "dav:*"))
		return len(found) == 1
	}) {
		t.Fatalf("gvfs shows no folder below %s", d.dir)
	}
	return &mount{g: g, at: found[0], drain: func() {}, unmount: once(t, func() { d.must("", "mount", "-u", d.root+"/") })}
}
