//go:build unix

package system

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestRun(t *testing.T) {
	said, err := Commands{}.Run(t.Context(), Step{Args: []string{"cat"}, In: "secret\n"})
	if err != nil || said != "secret\n" {
		t.Errorf("%q, %v", said, err)
	}
	// Some programs read theirs from the beginning again.
	said, err = Commands{}.Run(t.Context(), Step{Args: []string{"sh", "-c", "cat; ls -l /proc/self/fd/0"}, In: "secret\n"})
	if runtime.GOOS == "linux" && (err != nil || !strings.Contains(said, "(deleted)")) {
		t.Errorf("what is read has a name: %q, %v", said, err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"sh", "-c", "echo prompt:; echo first >&2; echo the reason >&2; exit 3"}, "sh: exit status 3 (the reason)"},
		{[]string{"sh", "-c", "echo said; exit 1"}, "sh: exit status 1 (said)"},
		{[]string{"sh", "-c", "exit 1"}, "sh: exit status 1"},
		{[]string{"no-such-program"}, "no-such-program is not installed"},
	} {
		if _, err := (Commands{}).Run(t.Context(), Step{Args: c.args}); err == nil || err.Error() != c.says {
			t.Errorf("%v: %v, want %s", c.args, err, c.says)
		}
	}
	// A daemon that keeps the pipes is not waited for: it lives on.
	said, err = Commands{}.Run(t.Context(), Step{Args: []string{"sh", "-c", "sleep 20 & echo $!"}})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(said))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon was waited for: %v", err)
	}
}

func TestHere(t *testing.T) {
	f := Here(os.Getenv)
	folder := t.TempDir()
	if !f.Exists(folder) || f.Exists(filepath.Join(folder, "nothing")) || f.Has("no-such-program") ||
		f.OS != runtime.GOOS || f.Admin != (os.Geteuid() == 0) {
		t.Errorf("%+v", f)
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		goos string
		step Step
		want string
	}{
		{"linux", Step{Args: []string{"a", "-d", "sql:/x", "b c", "it's", "", "*"}}, `a -d sql:/x 'b c' 'it'\''s' '' '*'`},
		{"darwin", Step{Args: []string{"a"}, Admin: true}, "sudo a"},
		{"windows", Step{Args: []string{`C:\a b\c.exe`, "/v", "*", `say "x"`, "start="}, Admin: true},
			`"C:\a b\c.exe" /v * "say ""x""" start=`},
	} {
		if got := c.step.Line(c.goos); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
