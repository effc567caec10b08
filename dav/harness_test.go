package dav_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/vfs"
	"postern/vfs/vfstest"
)

// drive is a handler over a drive in memory, with a clock that the test sets.
type drive struct {
	t     *testing.T
	h     http.Handler
	fs    vfs.FS
	now   time.Time
	agent string
	fail  func(op, path string) error
}

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// newDrive makes a drive with some files: folders end in a slash, files hold their own path.
func newDrive(t *testing.T, paths ...string) *drive {
	t.Helper()
	return newDriveWith(t, dav.Options{Patience: -1}, 0, paths...)
}

func newDriveWith(t *testing.T, o dav.Options, limit int64, paths ...string) *drive {
	t.Helper()
	d := &drive{t: t, now: start}
	d.fs = vfstest.NewModel(vfstest.ModelOptions{
		Clock: func() time.Time { return d.now },
		Limit: limit,
		Fail: func(op, path string) error {
			if d.fail == nil {
				return nil
			}
			return d.fail(op, path)
		},
	})
	o.Clock = func() time.Time { return d.now }
	d.restart(o)
	for _, p := range paths {
		if strings.HasSuffix(p, "/") {
			if err := d.fs.Mkdir(t.Context(), strings.TrimSuffix(p, "/"), nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		d.write(p, p)
	}
	return d
}

// restart puts a new handler before the same drive.
func (d *drive) restart(o dav.Options) {
	d.t.Helper()
	h, err := dav.New(d.fs, o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.h = h
}

func (d *drive) write(p, content string) {
	d.t.Helper()
	up, err := d.fs.Create(d.t.Context(), p)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.WriteString(up, content); err != nil {
		d.t.Fatal(err)
	}
	if _, _, err := up.Commit(d.t.Context(), vfs.CommitOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

// read returns the content of a file, "-" if there is none, "/" for a folder.
func (d *drive) read(p string) string {
	d.t.Helper()
	info, err := d.fs.Stat(context.Background(), p)
	if err != nil {
		return "-"
	}
	if info.Folder {
		return "/"
	}
	f, err := d.fs.Open(context.Background(), p)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *drive) info(p string) vfs.Info {
	d.t.Helper()
	info, err := d.fs.Stat(context.Background(), p)
	if err != nil {
		d.t.Fatal(err)
	}
	return info
}

// holds checks files: pairs of path and content.
func (d *drive) holds(pairs ...string) {
	d.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := d.read(pairs[i]); got != pairs[i+1] {
			d.t.Errorf("%s holds %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

// answer is a response, with checks for tests.
type answer struct {
	t      *testing.T
	what   string
	code   int
	header http.Header
	body   string
}

// do sends a request. Headers are "Name: value".
func (d *drive) do(method, target, body string, headers ...string) *answer {
	d.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	return d.send(d.request(method, target, r, headers...))
}

func (d *drive) request(method, target string, body io.Reader, headers ...string) *http.Request {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, target, body)
	r.Host = "127.0.0.1:8090"
	if d.agent != "" {
		r.Header.Set("User-Agent", d.agent)
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		if !ok {
			d.t.Fatalf("not a header: %q", h)
		}
		r.Header.Add(name, value)
	}
	return r
}

func (d *drive) send(r *http.Request) *answer {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return &answer{d.t, r.Method + " " + r.URL.Path, w.Code, w.Header(), w.Body.String()}
}

// want checks the status and that parts are in the body; a part that begins with "!" must not be.
func (a *answer) want(code int, parts ...string) *answer {
	a.t.Helper()
	if a.code != code {
		a.t.Errorf("%s: %d, want %d: %s", a.what, a.code, code, a.body)
	}
	for _, part := range parts {
		without, not := strings.CutPrefix(part, "!")
		if strings.Contains(a.body, without) == not {
			a.t.Errorf("%s: %q in body is %v: %s", a.what, without, not, a.body)
		}
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/xml") {
		a.wellFormed()
	}
	return a
}

// with checks headers: "Name: value", or "Name:" for one that must not be there.
func (a *answer) with(headers ...string) *answer {
	a.t.Helper()
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		got := a.header.Get(name)
		if exact := a.header[name]; len(exact) > 0 {
			got = exact[0]
		}
		if got != strings.TrimSpace(value) {
			a.t.Errorf("%s: header %s is %q, want %q", a.what, name, got, strings.TrimSpace(value))
		}
	}
	return a
}

func (a *answer) wellFormed() {
	a.t.Helper()
	dec := xml.NewDecoder(strings.NewReader(a.body))
	for {
		_, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			a.t.Errorf("%s: bad XML: %v: %s", a.what, err, a.body)
			return
		}
	}
}

// lockToken matches the tokens that the drive makes.
var lockToken = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// token returns the token of a LOCK's answer.
func (a *answer) token() string {
	a.t.Helper()
	token := strings.Trim(a.header.Get("Lock-Token"), "<>")
	if !lockToken.MatchString(token) {
		a.t.Fatalf("%s: no lock token: %q", a.what, token)
	}
	if !strings.Contains(a.body, "<D:locktoken><D:href>"+token+"</D:href></D:locktoken>") {
		a.t.Errorf("%s: the token is not in the body: %s", a.what, a.body)
	}
	return token
}

// lock takes a lock and returns its token.
func (d *drive) lock(target string, headers ...string) string {
	d.t.Helper()
	a := d.do("LOCK", target, lockBody("exclusive"), headers...)
	if a.code != http.StatusOK && a.code != http.StatusCreated {
		d.t.Fatalf("LOCK %s: %d: %s", target, a.code, a.body)
	}
	return a.token()
}

func lockBody(scope string) string {
	return `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:` + scope +
		`/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>`
}

func prop(names ...string) string {
	var b bytes.Buffer
	b.WriteString(`<D:propfind xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:Z="urn:schemas-microsoft-com:" ` +
		`xmlns:x="urn:x"><D:prop>`)
	for _, name := range names {
		fmt.Fprintf(&b, "<%s/>", name)
	}
	b.WriteString(`</D:prop></D:propfind>`)
	return b.String()
}

func patch(set string) string {
	return `<D:propertyupdate xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:Z="urn:schemas-microsoft-com:" ` +
		`xmlns:x="urn:x"><D:set><D:prop>` +
		set + `</D:prop></D:set></D:propertyupdate>`
}
