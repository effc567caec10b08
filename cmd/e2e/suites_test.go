//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// long reports whether the suites run in full, as in `make suites`: for an hour rather than minutes.
func long() bool { return os.Getenv("POSTERN_SUITES") != "" }

var (
	suiteFailure = regexp.MustCompile(`(?m)^\s*--- FAIL: .*$`)
	suitePassed  = regexp.MustCompile(`(?m)^\s*--- PASS: `)
)

// TestRcloneSuites runs rclone's own suites, which `make tools` builds as programs, against the drive. least is below
// the number of tests that pass with this version of rclone: a suite that skips all of them proves nothing.
func TestRcloneSuites(t *testing.T) {
	need(t, "rclone")
	vendors := []string{"owncloud"}
	if long() {
		vendors = append(vendors, "rclone", "fastmail", "other")
	}
	suites := []struct {
		name  string
		least int
	}{{"webdav", 100}, {"sync", 100}, {"operations", 150}, {"vfs", 250}}
	for _, vendor := range vendors {
		for _, suite := range suites {
			t.Run(vendor+" "+suite.name, func(t *testing.T) {
				program := need(t, "rclone-test-"+suite.name)
				g := serve(t)
				dir := t.TempDir()
				// The suites look for this folder of rclone's source above the one they run in.
				if err := os.MkdirAll(filepath.Join(dir, "fstest", "testserver", "init.d"), 0o700); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(program, "-remote", "drive:", "-test.v", "-test.timeout", "20m")
				cmd.Dir = dir
				cmd.Env = append(g.rcloneCommand(vendor).Env, "RCLONE_CONFIG_DRIVE_URL="+g.url("/files"))
				out, err := cmd.CombinedOutput()
				passed := len(suitePassed.FindAll(out, -1))
				if err != nil || passed < suite.least {
					report := filepath.Join(os.TempDir(), fmt.Sprintf("postern-%s-%s.log", vendor, suite.name))
					if err := os.WriteFile(report, out, 0o600); err != nil {
						t.Error(err)
					}
					t.Fatalf("%v, %d tests passed, want %d; the whole output is in %s:\n%s", err, passed, suite.least, report,
						strings.Join(suiteFailure.FindAllString(string(out), 40), "\n"))
				}
				t.Logf("%d tests passed", passed)
			})
		}
	}
}
