//go:build e2e

package e2e

import (
	"embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/npm
var npmFiles embed.FS

// TestNpmWebdav runs the npm package "webdav" against the drive, by Digest and by Basic; testdata/npm/webdav.mjs has
// the expectations.
func TestNpmWebdav(t *testing.T) {
	node, npm := need(t, "node"), need(t, "npm")
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "webdav.mjs"} {
		data, err := npmFiles.ReadFile("testdata/npm/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The registry may be slow or fail for a moment.
	install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
		"--fetch-retries=5")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("skipped: the package cannot be downloaded: %v\n%s", err, out)
	}
	g := serve(t)
	for _, scheme := range []string{"digest", "password"} {
		cmd := exec.Command(node, "webdav.mjs", g.url(""), scheme)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "POSTERN_DAV_PASSWORD="+g.password)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", scheme, err, out)
		}
	}
}
