//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rclone runs rclone with a remote "drive:" of the given vendor and returns its output.
func (g *gateway) rclone(vendor string, args ...string) (string, error) {
	out, err := g.rcloneCommand(vendor, args...).CombinedOutput()
	return string(out), err
}

func (g *gateway) rcloneCommand(vendor string, args ...string) *exec.Cmd {
	g.t.Helper()
	secret, err := exec.Command("rclone", "obscure", g.password).Output()
	if err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command("rclone", args...)
	cmd.Env = append(os.Environ(), "RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_DRIVE_TYPE=webdav",
		"RCLONE_CONFIG_DRIVE_URL="+g.url("/"),
		"RCLONE_CONFIG_DRIVE_VENDOR="+vendor, "RCLONE_CONFIG_DRIVE_PACER_MIN_SLEEP=1ms", "RCLONE_CONFIG_DRIVE_USER=postern",
		"RCLONE_CONFIG_DRIVE_PASS="+strings.TrimSpace(string(secret)))
	return cmd
}

// oddNames are unusual file names that people and programs use.
var oddNames = []string{
	"#hash", "100%", "%41", "a+b", "two  spaces", " leading", "ü composed", "u\u0308 decomposed", "🚀 emoji 👩‍👩‍👧",
	"semi;colon", "amp&ersand",
	"quote\"s", "apostrophe's", "<angle>", "back\\slash", "question?", "star*", "pipe|", "colon:", "tilde~", "brackets[1]",
	"braces{2}", "$dollar", "`tick`",
	"日本語", "العربية", "dot.", "..twodots", strings.Repeat("x", 200), "new.tar.gz", "=equals", "@at", "^caret", "comma,",
	"!bang",
}

// oddTree makes 2,000 files in 200 folders with odd names, sizes and times.
func oddTree(t *testing.T, root string) {
	t.Helper()
	random := rand.New(rand.NewPCG(11, 12))
	var folders []string
	for i := range 200 {
		parent := root
		if i > 0 && random.IntN(3) > 0 {
			parent = folders[random.IntN(len(folders))]
		}
		if strings.Count(parent[len(root):], "/") > 5 {
			parent = root
		}
		folder := filepath.Join(parent, fmt.Sprintf("%s %d", oddNames[i%len(oddNames)], i))
		if len(folder) > 3000 {
			folder = filepath.Join(root, fmt.Sprintf("%s %d", oddNames[i%len(oddNames)], i))
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	begin := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	for i := range 2000 {
		name := filepath.Join(folders[i%len(folders)], fmt.Sprintf("%s %d.txt", oddNames[random.IntN(len(oddNames))], i))
		body := make([]byte, []int{0, 1, 100, 5000, 65536, 65537, 300_000}[random.IntN(7)])
		for j := range body {
			body[j] = byte(random.Uint32())
		}
		if err := os.WriteFile(name, body, 0o644); err != nil {
			t.Fatal(err)
		}
		when := begin.Add(time.Duration(random.Int64N(int64(20*365*24*time.Hour/time.Second))) * time.Second)
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
}

// treeOf lists everything below a folder by path: kind, size, hash and, if asked for, time to the second.
func treeOf(t *testing.T, root string, times bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := path[len(root):]
		if d.IsDir() {
			all[name] = "folder"
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[name] = fmt.Sprintf("%d bytes %x", len(body), sha256.Sum256(body))
		if times {
			all[name] += " " + info.ModTime().UTC().Format(time.DateTime)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRcloneChecksWhatOthersSent: rclone compares the hashes of large files that were sent by a client which asks for
// none, right after the answer, and finds the one that differs.
func TestRcloneChecksWhatOthersSent(t *testing.T) {
	need(t, "rclone")
	g := serve(t)
	local := t.TempDir()
	random := rand.NewChaCha8([32]byte{9})
	for i := range 4 {
		body := make([]byte, 48<<20+i)
		_, _ = random.Read(body)
		name := fmt.Sprintf("large-%d.bin", i)
		g.must(http.MethodPut, "/files/"+name, bytes.NewReader(body))
		if i == 3 {
			body[20<<20] ^= 1
		}
		if err := os.WriteFile(filepath.Join(local, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := g.rclone("owncloud", "check", local, "drive:files", "--combined", "-")
	if err == nil || !strings.Contains(out, "1 differences found") || !strings.Contains(out, "* large-3.bin") ||
		strings.Count(out, "= large-") != 3 || strings.Contains(out, "could not be checked") {
		t.Errorf("rclone check: %v\n%s", err, out)
	}
}

// TestRcloneSync syncs an odd tree to the drive and back with the settings of the README.
func TestRcloneSync(t *testing.T) {
	need(t, "rclone")
	g := serve(t)
	here, back := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "back")
	oddTree(t, here)
	want := treeOf(t, here, true)
	must := func(args ...string) string {
		t.Helper()
		out, err := g.rclone("owncloud", args...)
		if err != nil {
			t.Fatalf("rclone %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	must("sync", here, "drive:files/Documents", "--create-empty-src-dirs")
	if out := must("check", here, "drive:files/Documents", "-v"); !strings.Contains(out, "2000 matching files") ||
		strings.Contains(out, "hashes could not be checked") {
		t.Fatalf("rclone check did not compare hashes:\n%s", out)
	}
	if out := must("hashsum", "sha1", "drive:files/Documents"); strings.Count(out, "\n") < 2000 {
		t.Fatalf("SHA-1 is missing:\n%.500s", out)
	}
	// A second sync, and one after a restart, must find nothing to do.
	for _, when := range []string{"at once", "after a restart"} {
		out := must("sync", here, "drive:files/Documents", "--create-empty-src-dirs", "-v", "--stats-one-line", "--stats",
			"0")
		if strings.Contains(out, "Copied (") || strings.Contains(out, "Updated modification time") ||
			strings.Contains(out, "Deleted") {
			t.Fatalf("a second sync %s did something:\n%.2000s", when, out)
		}
		g.stop()
		g.start()
	}
	must("sync", "drive:files/Documents", back, "--create-empty-src-dirs")
	if got := treeOf(t, back, true); !maps.Equal(got, want) {
		t.Fatalf("the trees differ:\n%s", difference(want, got))
	}
	if out := must("about", "drive:"); !strings.Contains(out, "Used:") || !strings.Contains(out, "Free:") {
		t.Fatalf("no quota: %s", out)
	}
	// A changed time alone is set without uploading the file again.
	for name, what := range want {
		if what != "folder" {
			when := time.Date(2022, 7, 8, 9, 10, 11, 0, time.UTC)
			if err := os.Chtimes(here+name, when, when); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if out := must("sync", here, "drive:files/Documents", "-v"); !strings.Contains(out, "Updated modification time") ||
		strings.Contains(out, "Copied (") {
		t.Fatalf("a changed time was not carried over by PROPPATCH:\n%.2000s", out)
	}
	must("check", here, "drive:files/Documents")
}

// TestRcloneVendors checks the plainer vendors.
func TestRcloneVendors(t *testing.T) {
	need(t, "rclone")
	g := serve(t)
	here := t.TempDir()
	for _, name := range oddNames {
		if err := os.WriteFile(filepath.Join(here, name+".txt"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, vendor := range []string{"other", "rclone"} {
		t.Run(vendor, func(t *testing.T) {
			back := t.TempDir()
			for _, args := range [][]string{{"copy", here, "drive:files/" + vendor}, {"copy", "drive:files/" + vendor, back},
				{"check", here, "drive:files/" + vendor, "--download"}} {
				if out, err := g.rclone(vendor, args...); err != nil {
					t.Fatalf("rclone %v: %v\n%s", args, err, out)
				}
			}
			for _, name := range oddNames {
				if got, err := os.ReadFile(filepath.Join(back, name+".txt")); err != nil || string(got) != name {
					t.Errorf("%q came back as %q, %v", name, got, err)
				}
			}
		})
	}
}

// TestRcloneClearsUp: after a failed upload rclone deletes the file, which it takes for incomplete; the old version
// stays. rclone reports why the upload failed.
func TestRcloneClearsUp(t *testing.T) {
	need(t, "rclone")
	t.Setenv("POSTERN_STAGING_LIMIT", "1MiB")
	t.Setenv("POSTERN_STAGING_PATIENCE", "1s")
	g := serve(t)
	g.must(http.MethodPut, "/files/report.txt", strings.NewReader("the good old version"))
	local := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(local, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := g.rclone("owncloud", "copyto", "--retries", "1", "--low-level-retries", "1", local,
		"drive:files/report.txt")
	if err == nil || !strings.Contains(out, "507") {
		t.Fatalf("8 MiB fit into 1: %v\n%s", err, out)
	}
	if last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]; !strings.Contains(last, "507") ||
		strings.Contains(out, "409") {
		t.Errorf("rclone does not end with the reason, or reports that its DELETE was refused:\n%s", out)
	}
	if !strings.Contains(g.stderr.String(), "kept a file that was deleted to clear up") {
		t.Errorf("rclone did not clear up: %s", out)
	}
	if got := g.must(http.MethodGet, "/files/report.txt", nil); string(got) != "the good old version" {
		t.Errorf("the drive holds %.40q", got)
	}
}

// difference returns the first few paths that differ between two trees.
func difference(want, got map[string]string) string {
	var b strings.Builder
	shown := 0
	for name, w := range want {
		if got[name] != w && shown < 10 {
			fmt.Fprintf(&b, "%q: want %s, got %q\n", name, w, got[name])
			shown++
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok && shown < 20 {
			fmt.Fprintf(&b, "%q: not wanted: %s\n", name, g)
			shown++
		}
	}
	return b.String()
}
