package mount

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/mount"
	"postern/cmd/postern/reach"
	"postern/cmd/postern/say"
	"postern/cmd/postern/system"
)

// script is a system.Runner that records its steps, and returns the answers of a test.
type script struct {
	ran     []string
	in      []string
	answers map[string]string // by the beginning of the line
	fails   string            // the beginning of the line that fails
}

func (s *script) Run(_ context.Context, step system.Step) (string, error) {
	line := strings.Join(step.Args, " ")
	s.ran, s.in = append(s.ran, line), append(s.in, step.In)
	if s.fails != "" && strings.HasPrefix(line, s.fails) {
		return "", errors.New("it does not want to")
	}
	for begin, answer := range s.answers {
		if strings.HasPrefix(line, begin) {
			return answer, nil
		}
	}
	return "", nil
}

func machine(goos string, admin bool, there ...string) system.Facts {
	has := func(s string) bool { return slices.Contains(there, s) }
	return system.Facts{OS: goos, Admin: admin, Has: has,
		Getenv: func(name string) string {
			return say.IfElse(name == "DBUS_SESSION_BUS_ADDRESS" && has("bus"), "unix:x", "")
		},
		Glob: func(path string) []string {
			return slices.DeleteFunc([]string{path}, func(p string) bool { return !has(p) })
		},
	}
}

// quietProgram is a program whose output a test can read.
func quietProgram(t *testing.T, h home.Home) (*command.Program, func() string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	p := &command.Program{Terminal: command.Terminal{In: os.Stdin, Out: out, Err: out}, Getenv: func(name string) string {
		return say.IfElse(name == "POSTERN_HOME", h.String(), "")
	}}
	return p, func() string {
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// served is a home with a gateway that answers only for its status.
func served(t *testing.T, status control.Status) home.Home {
	t.Helper()
	h := home.Home(t.TempDir())
	if err := os.WriteFile(h.Password(), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status.CA != "" {
		status.CA = filepath.Join(string(h), status.CA)
		if err := os.WriteFile(status.CA, []byte("CA"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := control.Listen(h.Socket())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: control.Handler(told{status: status}, nil), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return h
}

type told struct {
	control.Gateway
	status control.Status
}

func (g told) Status(context.Context) (control.Status, error) { return g.status, nil }

func TestMounting(t *testing.T) {
	status := control.Status{User: "alice", URL: "https://127.0.0.1:8090/", CA: "ca.pem", PasswordIn: "dav-password"}
	h := served(t, status)
	for _, c := range []struct {
		name    string
		facts   system.Facts
		run     script
		folder  string
		ran, in string // of the last step but Where
		says    string
		fails   string
	}{
		{name: "gio", facts: machine("linux", false, "gio", "bus"), run: script{fails: "gio info"},
			ran: "gio mount davs://alice@127.0.0.1:8090/", in: "s3cret\n",
			says: "The drive is at its place in the file manager"},
		{name: "gio, mounted already", facts: machine("linux", false, "gio", "bus"),
			run: script{answers: map[string]string{"gio info": "uri: x\nlocal path: /run/gvfs/dav\n"}},
			ran: "gio info davs://alice@127.0.0.1:8090/", says: "The drive is at /run/gvfs/dav already"},
		{name: "gio refuses", facts: machine("linux", false, "gio", "bus"), run: script{fails: "gio"},
			ran: "gio mount davs://alice@127.0.0.1:8090/", in: "s3cret\n", fails: "it does not want to; if it is the " +
				"certificate that is not trusted, run postern trust first"},
		{name: "no rights", facts: machine("linux", false, "mount.davfs"), folder: "/mnt", fails: "run sudo postern mount " +
			"--home " + string(h) + " /mnt"},
		{name: "no folder", facts: machine("linux", true, "mount.davfs"), fails: "a folder to mount on has to be named: " +
			"postern mount DIR"},
		{name: "nothing to mount with", facts: machine("linux", true), fails: "postern mount --print shows other ways"},
		{name: "mounted on that folder", facts: machine("linux", true, "mount.davfs", "mount"), folder: "/mnt",
			run: script{answers: map[string]string{"mount": "https://127.0.0.1:8090/ on /mnt type fuse (rw)\n"}}, ran: "mount",
			says: "The drive is at /mnt already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, said := quietProgram(t, h)
			m := mounter{p: p, facts: c.facts, run: &c.run}
			err := m.mount(t.Context(), c.folder)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(say.Sentence(err), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if !strings.Contains(said(), c.says) || strings.Contains(said(), "s3cret") {
				t.Errorf("it says %q", said())
			}
			at := slices.Index(c.run.ran, c.ran)
			if c.ran != "" && (at < 0 || c.run.in[at] != c.in) || c.ran == "" && len(c.run.ran) > 0 {
				t.Errorf("it ran %q with %q", c.run.ran, c.run.in)
			}
			for _, line := range c.run.ran {
				if strings.Contains(line, "s3cret") {
					t.Errorf("the password is an argument: %s", line)
				}
			}
		})
	}
}

// TestMountingDavfs: the files for davfs2 exist while it runs, readable to its own user, and are removed afterwards.
func TestMountingDavfs(t *testing.T) {
	h := served(t, control.Status{User: "alice", URL: "https://127.0.0.1:8090/", CA: "ca.pem", PasswordIn: "dav-password"})
	p, _ := quietProgram(t, h)
	var conf string
	look := lookingRunner(func(s system.Step) error {
		if s.Args[0] != "mount.davfs" {
			return nil
		}
		for option := range strings.SplitSeq(s.Args[2], ",") {
			if path, ok := strings.CutPrefix(option, "conf="); ok {
				conf = path
			}
		}
		for _, file := range []string{conf, filepath.Join(filepath.Dir(conf), "ca.pem")} {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o044 != 0o044 {
				t.Errorf("%s: %v %v", file, info, err)
			}
		}
		return nil
	})
	folder := filepath.Join(t.TempDir(), "new", "drive")
	m := mounter{p: p, facts: machine("linux", true, "mount.davfs"), run: look}
	if err := m.mount(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		t.Errorf("the folder to mount on: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(conf)); conf == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%q is left: %v", conf, err)
	}
}

type lookingRunner func(system.Step) error

func (r lookingRunner) Run(_ context.Context, s system.Step) (string, error) { return "", r(s) }

func TestMountingOnWindows(t *testing.T) {
	h := served(t, control.Status{User: "alice", URL: "http://127.0.0.1:8090/", PasswordIn: "dav-password"})
	p, said := quietProgram(t, h)
	run := &script{}
	var connected []string
	connect := func(c mount.Connection, user, password string) error {
		connected = append(connected, c.Letter, c.Remote, user, password)
		return nil
	}
	m := mounter{p: p, facts: machine("windows", false), run: run, connect: connect}
	err := m.mount(t.Context(), "")
	if err != nil || strings.Join(connected, " ") != `P: \\127.0.0.1@8090\DavWWWRoot alice s3cret` || len(run.ran) > 0 {
		t.Errorf("%v %q %q", err, connected, run.ran)
	}
	err = m.lift(t.Context())
	if err == nil || !strings.Contains(err.Error(), "administrator") || len(run.ran) > 0 ||
		!strings.Contains(said(), "/d 4294967295 /f") {
		t.Errorf("without rights: %v %q", err, run.ran)
	}
	m.facts.Admin, run.fails = true, "net stop"
	if err := m.lift(t.Context()); err != nil || len(run.ran) != len(mount.Lift()) {
		t.Errorf("lifted: %v %q", err, run.ran)
	}
	run.fails = "sc config"
	if err := m.lift(t.Context()); err == nil {
		t.Error("a failure is passed over")
	}
	m.facts.OS = "linux"
	var usage *say.UsageError
	if err := m.lift(t.Context()); !errors.As(err, &usage) {
		t.Errorf("elsewhere: %v", err)
	}
}

// TestTrusting: with the rights all is done, without them the rest is printed, and an authority that does not cover a
// name is exchanged.
func TestTrusting(t *testing.T) {
	h := home.Home(filepath.Join(t.TempDir(), "home"))
	const folder = "/usr/local/share/ca-certificates"
	p, said := quietProgram(t, h)
	run := &script{}
	sudo := truster{p: p, home: h, facts: machine("linux", true, folder, "update-ca-certificates"), run: run}
	sudo.facts.Getenv = func(name string) string { return say.IfElse(name == "SUDO_USER", "alice", "") }
	if err := sudo.install(t.Context(), nil, false); err == nil || !strings.Contains(err.Error(), "without sudo") {
		t.Errorf("root makes what its user can't read: %v", err)
	}
	user := truster{p: p, home: h, facts: machine("linux", false, folder, "update-ca-certificates"), run: run}
	err := user.install(t.Context(), nil, false)
	if err == nil || !strings.Contains(err.Error(), "administrator") || len(run.ran) > 0 ||
		!strings.Contains(said(), "sudo install -m 644 "+h.CA()) {
		t.Errorf("without rights: %v %q %s", err, run.ran, said())
	}
	first, err := os.ReadFile(h.CA())
	if err != nil {
		t.Fatal(err)
	}
	root := user
	root.facts = machine("linux", true, folder, "update-ca-certificates")
	// The runner installs nothing, and that is noticed.
	err = root.install(t.Context(), nil, false)
	if err == nil || !strings.Contains(err.Error(), "still this system does not trust") || len(run.ran) != 2 {
		t.Errorf("with rights: %v %q", err, run.ran)
	}
	if err := root.install(t.Context(), []string{"127.0.0.9"}, true); err != nil || len(run.ran) != 2 {
		t.Errorf("only printed: %v %q", err, run.ran)
	}
	if now, err := os.ReadFile(h.CA()); err != nil || string(now) != string(first) {
		t.Errorf("the authority was exchanged without need: %v", err)
	}
	run.ran = nil
	_ = root.install(t.Context(), []string{"drive.example"}, false)
	if now, err := os.ReadFile(h.CA()); err != nil || string(now) == string(first) || len(run.ran) != 4 ||
		!strings.HasPrefix(run.ran[0], "rm -f ") {
		t.Errorf("a name that was not covered: %v %q", err, run.ran)
	}
	run.ran, run.fails = nil, "update-ca"
	if err := root.remove(t.Context(), false); err == nil || !strings.Contains(err.Error(), "it does not want to") {
		t.Errorf("a failure is passed over: %v", err)
	}
	empty := user
	empty.home = home.Home(t.TempDir())
	if err := empty.remove(t.Context(), false); err != nil || !strings.Contains(said(), "nothing to remove") {
		t.Errorf("nothing there: %v", err)
	}
}

// TestHintsAreInTheReadme: one table of ways to mount, for the banner, the command and the README.
func TestHintsAreInTheReadme(t *testing.T) {
	file, err := os.Open("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	readme := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "\\\n", " ")), " ")
	help := reach.HowTo{URL: reach.DriveURL(home.Defaults().Addr, "", false), User: account.DefaultUser,
		Where: "~/.local/share/postern/dav-password"}
	for _, hint := range help.Hints() {
		// The shell resolves a tilde only outside quotes.
		how := strings.ReplaceAll(hint.How, "'"+help.Where+"'", help.Where)
		if first, _, ok := strings.Cut(how, " pass="); ok {
			how = first // and the rest stands on a line of its own
		}
		if !strings.Contains(readme, how) {
			t.Errorf("the README lacks %q, the way of %s", how, hint.Client)
		}
	}
}
