package dav_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/auth"
)

// token returns the token of the forms on a page.
func (d *drive) token(target string) string {
	d.t.Helper()
	m := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(d.do("GET", target, "",
		browser).want(200).body)
	if m == nil {
		d.t.Fatalf("no form on %s", target)
	}
	return strings.ReplaceAll(m[1], "&#43;", "+")
}

// post sends a form: pairs of name and value; "file:NAME" is a file of that name.
func (d *drive) post(target string, pairs ...string) *answer {
	d.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		part, err := io.Writer(nil), error(nil)
		if name, ok := strings.CutPrefix(pairs[i], "file:"); ok {
			part, err = w.CreateFormFile("file", name)
		} else {
			part, err = w.CreateFormField(pairs[i])
		}
		if err == nil {
			_, err = io.WriteString(part, pairs[i+1])
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		d.t.Fatal(err)
	}
	return d.do("POST", target, b.String(), browser, "Content-Type: "+w.FormDataContentType())
}

func TestForms(t *testing.T) {
	d := newDrive(t, "/files/d/", "/files/d/a.txt", "/files/d/taken")
	token := d.token("/files/d/")
	d.post("/files/d/", "token", token, "do", "folder", "name", "50% & é").want(303).with("Location: /files/d/")
	d.post("/files/d/a.txt", "token", token, "do", "rename", "name", "b #1.txt").want(303).with("Location: /files/d/")
	if got := d.read("/files/d/50% & é") + d.read("/files/d/b #1.txt") +
		d.read("/files/d/a.txt"); got != "//files/d/a.txt-" {
		t.Errorf("the folder, the new and the old name hold %q", got)
	}
	d.post("/files/d/", "token", token, "file:one.txt", "1", "file:two é.bin",
		strings.Repeat("2", 1<<20)).want(303).with("Location: /files/d/")
	if d.read("/files/d/one.txt") != "1" || len(d.read("/files/d/two é.bin")) != 1<<20 {
		t.Error("the files did not arrive")
	}
	etag := d.info("/files/d/one.txt").ETag()
	d.write("/files/d/one.txt", "newer")
	d.post("/files/d/one.txt", "token", token, "do", "delete", "etag", etag).want(412, "changed meanwhile")
	d.holds("/files/d/one.txt", "newer")
	d.post("/files/d/one.txt", "token", token, "do", "delete", "etag", d.info("/files/d/one.txt").ETag()).want(303)
	d.post("/files/d/50%25%20&%20%C3%A9/", "token", token, "do", "delete", "etag",
		"*").want(303).with("Location: /files/d/")
	if d.read("/files/d/one.txt")+d.read("/files/d/50% & é") != "--" {
		t.Error("not deleted")
	}
	d.post("/files/d/taken", "token", token, "do", "restore", "to",
		"//files/d/again").want(303).with("Location: /files/d/")
	d.holds("/files/d/again", "/files/d/taken")
}

// TestFormsThatFail: a form that fails replaces nothing, and the page says what happened.
func TestFormsThatFail(t *testing.T) {
	d := newDrive(t, "/files/d/", "/files/d/a", "/files/d/b")
	token := d.token("/files/d/")
	d.post("/files/d/", "token", token, "file:new", "x", "file:a", "x").want(412,
		"“a” was not uploaded, for there is something of this name", `href="?view"`)
	d.holds("/files/d/new", "x")
	d.holds("/files/d/a", "/files/d/a")
	for _, tt := range []struct {
		target, do, name string
		code             int
		says             string
	}{
		{"/files/d/a", "rename", "b", 412, "already"},
		{"/files/d/", "folder", "a", 405, "already"},
		{"/files/d/", "folder", " ", 400, "name is needed"},
		{"/files/d/", "folder", "../x", 400, "slash"},
		{"/files/d/", "folder", "..", 400, "slash"},
		{"/files/d/a", "rename", "x/y", 400, "slash"},
		{"/files/d/a", "rename", strings.Repeat("x", 2000), 414, "at most 1024 bytes"},
		{"/files/no", "rename", "x", 404, "nothing of this name"},
		{"/", "folder", "x", 403, "read-only"},
		{"/files/d/", "upload", "", 400, "can&#39;t be read"},
	} {
		d.post(tt.target, "token", token, "do", tt.do, "name", tt.name).want(tt.code, tt.says, "<h1>")
	}
	d.post("/files/d/", "token", token, "file:", "").want(400, "No file was chosen")
	d.holds("/files/d/b", "/files/d/b")
	full := newDriveWith(t, dav.Options{Patience: -1}, 100, "/files/d/")
	full.post("/files/d/", "token", full.token("/files/d/"), "file:large", strings.Repeat("x", 1000)).want(507,
		"“large” was not uploaded: ")
}

// TestFormsOfOthers: only forms from pages of this drive change anything.
func TestFormsOfOthers(t *testing.T) {
	d := newDrive(t, "/files/d/")
	token := d.token("/files/d/")
	for _, wrong := range []string{"", "x", newDrive(t).token("/files")} {
		d.post("/files/d/", "token", wrong, "do", "folder", "name", "x").want(403, "Go back, reload it")
		d.post("/files/d/", "token", wrong, "file:x", "x").want(403)
	}
	d.post("/files/d/", "file:x", "x", "token", token).want(403) // the token has expired
	d.post("/files/d/", "do", "folder", "name", "x").want(403)
	if d.read("/files/d/x") != "-" {
		t.Error("a foreign form changed something")
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		d.do("POST", "/files/d/", "token="+token, "Content-Type: "+contentType).want(405)
	}
	guard, err := auth.New(auth.Options{User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	d.h = guard(d.h)
	d.post("/files/d/", "token", token, "do", "folder", "name", "x").want(401)
	d.do("POST", "/files/d/", "", "Sec-Fetch-Site: cross-site").want(403)
}

// TestFormCutShort: a form that breaks off in the middle of a file leaves nothing of that file.
func TestFormCutShort(t *testing.T) {
	d := newDrive(t, "/files/d/")
	token := d.token("/files/d/")
	server := httptest.NewServer(d.h)
	defer server.Close()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		_ = form.WriteField("token", token)
		part, _ := form.CreateFormFile("file", "cut")
		_, _ = io.WriteString(part, strings.Repeat("x", 1<<20))
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/files/d/", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	client := &http.Client{Timeout: time.Minute}
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("answered with %s", resp.Status)
		}
	}
	server.Close() // waits for the handler
	if got := d.read("/files/d/cut"); got != "-" {
		t.Errorf("%d bytes stay", len(got))
	}
}
