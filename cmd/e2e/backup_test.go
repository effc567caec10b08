//go:build e2e

package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// backup is a tree to back up, its expected contents, and a folder for the backup program's own files.
type backup struct {
	t           *testing.T
	g           *gateway
	source, own string
	env         []string
	want        map[string]string
}

func newBackup(t *testing.T) *backup {
	t.Helper()
	b := &backup{t: t, g: serve(t), source: filepath.Join(t.TempDir(), "source"), own: t.TempDir()}
	oddTree(t, b.source)
	b.want = treeOf(t, b.source, true)
	b.g.must("MKCOL", "/files/backup/", nil)
	b.env = append(os.Environ(), "HOME="+b.own)
	return b
}

// run runs a program, fails the test if the program fails, and returns its standard output.
func (b *backup) run(program string, args ...string) string {
	b.t.Helper()
	var errs strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = b.own, b.env, &errs
	out, err := cmd.Output()
	if err != nil {
		said := string(out) + errs.String()
		b.t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, said[max(0, len(said)-8000):])
	}
	return string(out)
}

// restored compares a restored tree with the source.
func (b *backup) restored(dir string) {
	b.t.Helper()
	if got := treeOf(b.t, dir, true); !maps.Equal(got, b.want) {
		b.t.Fatalf("the trees differ:\n%s", difference(b.want, got))
	}
}

// change adds one file to the source and removes another, for a second backup.
func (b *backup) change() {
	b.t.Helper()
	for name, what := range b.want {
		if what != "folder" {
			if err := os.Remove(b.source + name); err != nil {
				b.t.Fatal(err)
			}
			break
		}
	}
	if err := os.WriteFile(filepath.Join(b.source, "new.bin"), make([]byte, 3<<20), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.want = treeOf(b.t, b.source, true)
}

// TestKopia backs up to the drive. Kopia's WebDAV library panics when the server offers two authentication schemes.
func TestKopia(t *testing.T) {
	kopia := need(t, "kopia")
	b := newBackup(t)
	b.env = append(b.env, "KOPIA_PASSWORD=correct horse", "KOPIA_WEBDAV_USERNAME=postern",
		"KOPIA_WEBDAV_PASSWORD="+b.g.password,
		"KOPIA_CONFIG_PATH="+filepath.Join(b.own, "kopia.config"), "KOPIA_CHECK_FOR_UPDATES=false",
		"KOPIA_CACHE_DIRECTORY="+filepath.Join(b.own, "cache"), "KOPIA_LOG_DIR="+filepath.Join(b.own, "log"))
	b.run(kopia, "repository", "create", "webdav", "--url="+b.g.url("/files/backup"))
	b.run(kopia, "snapshot", "create", b.source)
	b.change()
	b.run(kopia, "snapshot", "create", b.source)
	b.run(kopia, "snapshot", "verify", "--verify-files-percent=100")
	if long() {
		b.run(kopia, "repository", "validate-provider")
		b.run(kopia, "maintenance", "run", "--full")
		b.run(kopia, "snapshot", "verify", "--verify-files-percent=100")
	}
	var snapshots []struct{ ID string }
	if err := json.Unmarshal([]byte(b.run(kopia, "snapshot", "list", "--json", b.source)), &snapshots); err != nil ||
		len(snapshots) != 2 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	back := filepath.Join(b.own, "back")
	b.run(kopia, "snapshot", "restore", snapshots[1].ID, back)
	b.restored(back)
}

// TestRestic backs up through rclone.
func TestRestic(t *testing.T) {
	restic, _ := need(t, "restic"), need(t, "rclone")
	b := newBackup(t)
	b.env = append(b.g.rcloneCommand("owncloud").Env, "HOME="+b.own, "RESTIC_PASSWORD=correct horse",
		"RESTIC_REPOSITORY=rclone:drive:files/backup")
	b.run(restic, "init")
	b.run(restic, "backup", b.source)
	b.change()
	b.run(restic, "backup", b.source)
	b.run(restic, "check", "--read-data")
	b.run(restic, "forget", "--keep-last", "1", "--prune")
	b.run(restic, "check")
	back := filepath.Join(b.own, "back")
	b.run(restic, "restore", "latest:"+b.source, "--target", back)
	b.restored(back)
}

// TestDuplicity backs up with duplicity, which recognises Digest only by the scheme's name.
func TestDuplicity(t *testing.T) {
	duplicity := need(t, "duplicity")
	b := newBackup(t)
	b.env = append(b.env, "FTP_PASSWORD="+b.g.password)
	url := "webdav://postern@" + b.g.addr + "/files/backup"
	with := func(args ...string) []string {
		return append(args, "--no-encryption", "--archive-dir", filepath.Join(b.own, "archive"), "--volsize", "5")
	}
	b.run(duplicity, with("full", b.source, url)...)
	b.change()
	b.run(duplicity, with("incremental", b.source, url)...)
	b.run(duplicity, with("verify", "--compare-data", url, b.source)...)
	// So that duplicity reads its manifests from the drive.
	if err := os.RemoveAll(filepath.Join(b.own, "archive")); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(b.own, "back")
	b.run(duplicity, with("restore", url, back)...)
	b.restored(back)
}

// leastOfAnnex is the least number of tests that must pass. testremote runs more in every form, and fewer on a remote
// that it cannot use.
const leastOfAnnex = 60

// TestGitAnnex runs git-annex's own test of a special remote, and moves a file there and back.
func TestGitAnnex(t *testing.T) {
	need(t, "git-annex")
	git := need(t, "git")
	g := serve(t)
	b := &backup{t: t, g: g, own: t.TempDir(),
		env: append(os.Environ(), "WEBDAV_USERNAME=postern", "WEBDAV_PASSWORD="+g.password)}
	b.env = append(b.env, "HOME="+b.own, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@b")
	b.run(git, "init", "-q")
	b.run(git, "annex", "init")
	b.run(git, "config", "annex.security.allowed-ip-addresses", "all")
	b.run(git, "annex", "initremote", "drive", "type=webdav", "url="+g.url("/files/annex"), "encryption=none",
		"exporttree=yes", "chunk=0")
	b.run(git, "annex", "initremote", "chunks", "type=webdav", "url="+g.url("/files/chunks"), "encryption=none",
		"chunk=100KiB")
	for _, remote := range []string{"drive", "chunks"} {
		args := []string{"annex", "testremote", remote, "--fast"}
		if long() {
			args = args[:3]
		}
		// git-annex expects success from DELETE of a missing folder; RFC 4918 and litmus expect 404.
		const wrong = "remove export directory that is already removed:"
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Env = b.own, b.env
		out, err := cmd.CombinedOutput()
		ran, failed := strings.Count(string(out), " OK"), 0
		for line := range strings.Lines(string(out)) {
			if strings.HasSuffix(strings.TrimSpace(line), "FAIL") && !strings.Contains(line, wrong) {
				failed++
			}
		}
		expected := strings.Contains(string(out), wrong+" FAIL")
		if failed > 0 || ran < leastOfAnnex || err != nil && !expected {
			t.Fatalf("testremote %s: %v, %d tests passed, %d failed:\n%s", remote, err, ran, failed, out)
		}
		t.Logf("testremote %s: %d tests passed", remote, ran)
	}
	const content = "an annexed file"
	if err := os.WriteFile(filepath.Join(b.own, "file é.txt"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(git, "annex", "add", "file é.txt")
	b.run(git, "commit", "-q", "-m", "a file")
	b.run(git, "annex", "move", "--to", "chunks")
	b.run(git, "annex", "fsck", "--from", "chunks")
	b.run(git, "annex", "get", ".")
	b.run(git, "annex", "export", "HEAD", "--to", "drive")
	if got := string(g.must(http.MethodGet, "/files/annex/file%20%C3%A9.txt", nil)); got != content {
		t.Errorf("the exported file holds %q", got)
	}
}

// TestFfmpeg records to the drive: ffmpeg sends a whole PUT and closes the connection without reading the response.
func TestFfmpeg(t *testing.T) {
	ffmpeg := need(t, "ffmpeg")
	g := serve(t)
	local := filepath.Join(t.TempDir(), "sound.wav")
	sound := []string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=5", "-bitexact", "-f", "wav"}
	runs(t, "", ffmpeg, append(sound, "-y", "-flags", "bitexact", local)...)
	info, err := os.Stat(local)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://postern:" + g.password + "@" + g.addr + "/files/sound.wav"
	for i := range 10 {
		g.must(http.MethodPut, "/files/sound.wav", strings.NewReader("before"))
		runs(t, "", ffmpeg, append(sound, "-flags", "bitexact", "-method", "PUT", url)...)
		there := within(patience, func() bool {
			return int64(len(g.must(http.MethodGet, "/files/sound.wav", nil))) == info.Size()
		})
		if !there {
			t.Fatalf("recording %d did not arrive; the gateway said:\n%s", i, g.stderr)
		}
	}
}
