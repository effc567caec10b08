//go:build e2e

package e2e

import (
	"archive/zip"
	"bufio"
	"bytes"
	_ "embed"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed testdata/libreoffice.py
var libreOfficeScript []byte

// office is a running LibreOffice without a window, and the script that uses it.
type office struct {
	t       *testing.T
	in      io.Writer
	answers *bufio.Scanner
	said    *safeBuffer
	kill    func()
}

// libreOffice starts LibreOffice with a profile of its own. Its user knows the gateway's password.
func libreOffice(t *testing.T, g *gateway) *office {
	t.Helper()
	soffice := need(t, "soffice")
	const python = "/usr/bin/python3" // the system's, which python3-uno belongs to
	if err := exec.Command(python, "-c", "import uno").Run(); err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatalf("python3-uno is not installed: %v", err)
		}
		t.Skipf("skipped: python3-uno is not installed: %v", err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "libreoffice.py")
	if err := os.WriteFile(script, libreOfficeScript, 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, said: &safeBuffer{}}
	pipe := "postern" + strings.ReplaceAll(g.addr, ":", "_")
	program := exec.Command(soffice, "--headless", "--norestore", "--nologo", "--nodefault",
		"-env:UserInstallation=file://"+dir+"/profile", "--accept=pipe,name="+pipe+";urp;")
	person := exec.Command(python, script, pipe, "postern")
	person.Env = append(os.Environ(), "POSTERN_DAV_PASSWORD="+g.password)
	in, err := person.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := person.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	o.in, o.answers = in, bufio.NewScanner(out)
	program.Stdout, program.Stderr, person.Stderr = o.said, o.said, o.said
	for _, cmd := range []*exec.Cmd{program, person} {
		// soffice is a script around soffice.bin, so both get a process group.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	// SIGTERM would open a dialog about unsaved documents.
	o.kill = func() { _ = syscall.Kill(-program.Process.Pid, syscall.SIGKILL) }
	t.Cleanup(func() {
		_ = in.Close()
		o.kill()
		_ = program.Wait()
		if err := person.Wait(); err != nil {
			t.Errorf("LibreOffice's user ended with %v: %s", err, o.said)
		}
	})
	return o
}

// try sends a command to LibreOffice and returns the answer, which begins with "ok" or "error".
func (o *office) try(command ...string) string {
	o.t.Helper()
	if _, err := io.WriteString(o.in, strings.Join(command, "\t")+"\n"); err != nil {
		o.t.Fatalf("%q: %v; it said:\n%s", command, err, o.said)
	}
	late := time.AfterFunc(patience, o.kill) // a late answer is an error
	defer late.Stop()
	if !o.answers.Scan() {
		o.t.Fatalf("%q: no answer (%v); it said:\n%s", command, o.answers.Err(), o.said)
	}
	return strings.TrimSpace(o.answers.Text())
}

// must sends a command, fails the test unless it succeeds, and returns the result.
func (o *office) must(command ...string) string {
	o.t.Helper()
	answer := o.try(command...)
	if answer != "ok" && !strings.HasPrefix(answer, "ok ") {
		o.t.Fatalf("%q: %s; it said:\n%s", command, answer, o.said)
	}
	return strings.TrimPrefix(strings.TrimPrefix(answer, "ok"), " ")
}

// mustNot fails the test unless a command is refused.
func (o *office) mustNot(command ...string) {
	o.t.Helper()
	if answer := o.try(command...); !strings.HasPrefix(answer, "error ") {
		o.t.Fatalf("%q should be refused: %s", command, answer)
	}
}

// says checks that a LibreOffice document is whole and contains a text.
func says(t *testing.T, document []byte, text string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(document), int64(len(document)))
	if err != nil {
		t.Fatalf("%d bytes are not a document: %v", len(document), err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r) // checks the CRC
		if err != nil {
			t.Fatalf("%s in the document: %v", f.Name, err)
		}
		if f.Name == "content.xml" && !strings.Contains(string(body), ">"+text+"<") {
			t.Errorf("the document does not say %q:\n%s", text, body)
		}
	}
}

const lockBody = `<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/>` +
	`</D:lockscope>` +
	`<D:locktype><D:write/></D:locktype><D:owner>Bob</D:owner></D:lockinfo>`

// TestLibreOffice opens documents by their address, as File > Open does, edits and saves them, with the lock that keeps
// others out.
func TestLibreOffice(t *testing.T) {
	t.Parallel()
	g := serve(t)
	o := libreOffice(t, g)
	letter := g.url("/files/letter%20%231.odt")
	get := func(path string) []byte { return g.must(http.MethodGet, path, nil) }

	o.must("open", "private:factory/swriter")
	o.must("type", "first")
	o.must("saveas", letter)
	if asked := o.must("asked"); asked != "password" {
		t.Errorf("LibreOffice asked %q", asked)
	}
	says(t, get("/files/letter%20%231.odt"), "first")
	if code, _, _ := g.do(http.MethodPut, "/files/letter%20%231.odt", strings.NewReader("x")); code != http.StatusLocked {
		t.Errorf("while the document is open another PUT answers %d", code)
	}
	o.must("type", "second")
	o.must("save")
	o.must("close")
	if locks, err := g.postern("locks", "list"); err != nil || strings.Contains(locks, "letter") {
		t.Errorf("after closing there are locks: %v\n%s", err, locks)
	}

	o.must("open", letter)
	if text, readonly := o.must("text"), o.must("readonly"); text != "second" || readonly != "no" {
		t.Errorf("opened again it says %q, read-only: %s", text, readonly)
	}
	for _, text := range []string{"third", "fourth"} {
		o.must("type", text)
		o.must("save")
		says(t, get("/files/letter%20%231.odt"), text)
	}
	// A new name, and a name that exists.
	o.must("saveas", g.url("/files/copy.odt"))
	o.must("type", "fifth")
	o.must("save")
	o.must("saveas", letter)
	o.must("close")
	says(t, get("/files/copy.odt"), "fifth")
	says(t, get("/files/letter%20%231.odt"), "fifth")

	o.must("open", "private:factory/scalc")
	o.must("fill", "B2", "a cell")
	o.must("saveas", g.url("/files/table.ods"))
	o.must("close")
	o.must("open", g.url("/files/table.ods"))
	if cell := o.must("cell", "B2"); cell != "a cell" {
		t.Errorf("the cell says %q", cell)
	}
	o.must("close")
	says(t, get("/files/table.ods"), "a cell")
}

// TestLibreOfficeAndOthers: a document that another client locked opens read-only, and a version that another client
// saved despite the lock is not overwritten.
func TestLibreOfficeAndOthers(t *testing.T) {
	t.Parallel()
	g := serve(t)
	o := libreOffice(t, g)
	o.must("open", "private:factory/swriter")
	o.must("type", "first")
	o.must("saveas", g.url("/files/doc.odt"))
	o.must("close")
	before := g.must(http.MethodGet, "/files/doc.odt", nil)
	unchanged := func(what string) {
		t.Helper()
		if now := g.must(http.MethodGet, "/files/doc.odt", nil); !bytes.Equal(now, before) {
			t.Fatalf("%s has changed the document", what)
		}
	}

	g.must("LOCK", "/files/doc.odt", strings.NewReader(lockBody), "Timeout", "Second-600")
	o.must("asked")
	o.must("open", g.url("/files/doc.odt"))
	if asked, readonly := o.must("asked"), o.must("readonly"); !strings.HasSuffix(asked, "in use") || readonly != "yes" {
		t.Errorf("on the other's document LibreOffice asked %q, read-only: %s", asked, readonly)
	}
	o.must("type", "against the lock")
	o.mustNot("save")
	o.mustNot("saveas", g.url("/files/doc.odt"))
	unchanged("saving what another has locked")
	o.must("close")
	if out, err := g.postern("locks", "break", "/files/doc.odt"); err != nil {
		t.Fatalf("locks break: %v\n%s", err, out)
	}

	// LibreOffice has the document open while its lock is broken and another client saves: LibreOffice must not overwrite
	// that.
	o.must("open", g.url("/files/doc.odt"))
	o.must("type", "with a broken lock")
	if out, err := g.postern("locks", "break", "/files/doc.odt"); err != nil {
		t.Fatalf("locks break: %v\n%s", err, out)
	}
	before = []byte("the other's")
	g.must(http.MethodPut, "/files/doc.odt", bytes.NewReader(before))
	o.mustNot("save")
	unchanged("saving with a broken lock")
	o.must("saveas", g.url("/files/mine.odt"))
	says(t, g.must(http.MethodGet, "/files/mine.odt", nil), "with a broken lock")
	o.must("close")
}
