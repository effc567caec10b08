package dav_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/auth"
	"postern/vfs"
)

const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

// rows returns the names on a folder's page, in their order.
func (a *answer) rows() string {
	var names []string
	for _, m := range regexp.MustCompile(`<tr data-name="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		names = append(names, html.UnescapeString(m[1]))
	}
	return strings.Join(names, "|")
}

func TestFolderPage(t *testing.T) {
	d := newDrive(t, "/files/dir/", "/files/dir/<b>&\"x", "/files/dir/sub/", "/files/dir/\u202egpj.exe",
		"/files/dir/' onclick='x")
	for _, target := range []string{"/files/dir", "/files/dir/"} {
		a := d.do("GET", target, "", browser).want(200, "<!DOCTYPE html>", `lang="en"`,
			`<a href="/files/dir/%3Cb%3E%26%22x?view">`, `download="&lt;b&gt;&amp;&#34;x"`,
			"<bdi>&lt;b&gt;&amp;&#34;x</bdi>", `<a href="/files/dir/sub/">`, `<caption>1 folder, 3 files`, `scope="col"`,
			`aria-current="page"`, `aria-sort="ascending"`,
			"<bdi>\ufffdgpj.exe</bdi>", `data-name="&#39; onclick=&#39;x"`, "!<b>", "!<bdi>\u202e")
		a.with("X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Referrer-Policy: no-referrer",
			"Cross-Origin-Opener-Policy: same-origin")
		if h := d.do("HEAD", target, "").want(200); h.body != "" {
			t.Error("HEAD has a body")
		}
	}
	d.do("GET", "/", "").want(200, `href="/files/"`, "!id=\"upload\"", "!data-do")
	d.do("GET", "/files/dir/sub", "").want(200, `id="upload"`, "This folder is empty", "!<table")
}

// TestFolderPageIf: a GET of a folder honours If, as every method does.
func TestFolderPageIf(t *testing.T) {
	newDrive(t).do("GET", "/files", "", `If: (["other"])`).want(412)
}

// TestPagesRunOnlyTheirOwnScript: the policy allows scripts with a nonce, new for each page, and no others.
func TestPagesRunOnlyTheirOwnScript(t *testing.T) {
	d := newDrive(t, "/files/f.md")
	nonces := map[string]bool{}
	for _, target := range []string{"/", "/files", "/files", "/files/f.md?view", "/files/f.md?versions"} {
		a := d.do("GET", target, "").want(200)
		policy := a.header.Get("Content-Security-Policy")
		m := regexp.MustCompile(`script-src 'nonce-([A-Za-z0-9+/]{20,})'; style-src 'nonce-([A-Za-z0-9+/]{20,` +
			`})'`).FindStringSubmatch(policy)
		if m == nil || m[1] != m[2] || nonces[m[1]] || !strings.HasPrefix(policy, "default-src 'none'") ||
			strings.Contains(policy, "unsafe") ||
			!strings.Contains(policy, "base-uri 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Fatalf("%s: policy %q", target, policy)
		}
		nonces[m[1]] = true
		for _, tag := range regexp.MustCompile(`<(script|link rel="stylesheet")[^>]*>`).FindAllString(a.body, -1) {
			if !strings.Contains(html.UnescapeString(tag), `nonce="`+m[1]+`"`) || !strings.Contains(tag, `"/.postern/`) {
				t.Errorf("%s: %s", target, tag)
			}
		}
		if regexp.MustCompile(`(?i)\s(on[a-z]+|style)=|<style|https?://[^w]`).MatchString(a.body) {
			t.Errorf("%s has something inline or from elsewhere", target)
		}
	}
}

func TestFolderPageSorts(t *testing.T) {
	d := newDrive(t, "/files/b/")
	for i, f := range []struct{ name, content string }{{"file 10", "12"}, {"File 9", "1"}, {"a.txt", "12345"}} {
		d.now = start.Add(time.Duration(3-i) * time.Hour)
		d.write("/files/"+f.name, f.content)
	}
	for query, want := range map[string]string{
		"":                      "b|a.txt|File 9|file 10",
		"?sort=name":            "b|a.txt|File 9|file 10",
		"?sort=name&order=desc": "b|file 10|File 9|a.txt",
		"?sort=size":            "a.txt|file 10|File 9|b",
		"?sort=size&order=asc":  "b|File 9|file 10|a.txt",
		"?sort=time":            "file 10|File 9|a.txt|b",
		"?sort=time&order=asc":  "b|a.txt|File 9|file 10",
		"?sort=nonsense":        "b|a.txt|File 9|file 10",
		"?after=nonsense":       "b|a.txt|File 9|file 10",
		"?q=FILE":               "File 9|file 10",
		"?q=1":                  "file 10",
		"?q=le+1":               "file 10",
		"?q=0":                  "file 10",
		"?q=file&sort=size":     "file 10|File 9",
		"?q=%22%3E%3Cscript%3E": "",
	} {
		if got := d.do("GET", "/files/"+query, "", browser).want(200, "!<script>").rows(); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	d.do("GET", "/files/?sort=size", "").want(200, `aria-sort="descending"`, `href="?order=asc&amp;sort=size"`,
		`href="?order=asc&amp;sort=name"`)
}

// TestLargeFolders: a folder of 1,234 entries is listed in parts, each entry once, in every order.
func TestLargeFolders(t *testing.T) {
	d := newDrive(t, "/files/d/")
	const n = 1234
	for i := range n {
		d.write(fmt.Sprintf("/files/d/f%d", i), strings.Repeat("x", i%7))
	}
	for _, query := range []string{"?sort=name&order=asc", "?sort=size", "?sort=time&order=asc"} {
		seen := map[string]bool{}
		parts := 0
		for next := query; next != ""; parts++ {
			a := d.do("GET", "/files/d/"+next, "", browser).want(200, "1,234 files")
			if len(a.body) > 2<<20 {
				t.Errorf("a part has %d bytes", len(a.body))
			}
			for name := range strings.SplitSeq(a.rows(), "|") {
				if seen[name] {
					t.Fatalf("%s: %s comes twice", query, name)
				}
				seen[name] = true
			}
			if m := regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(a.body); m != nil {
				next = html.UnescapeString(m[1])
			} else {
				next = ""
			}
		}
		if len(seen) != n || parts != 3 {
			t.Errorf("%s: %d entries in %d parts", query, len(seen), parts)
		}
	}
}

func TestFolderPageFaults(t *testing.T) {
	d := newDrive(t)
	d.fail = func(op, _ string) error {
		if op == "list" {
			return vfs.ErrUnavailable
		}
		return nil
	}
	d.do("GET", "/files", "").want(503, "!<html").with("Content-Type: text/plain; charset=utf-8")
	d.do("GET", "/files", "", browser).want(503, "<h1>Not at hand just now</h1>", "Try again").with("Retry-After: 10")
}

func TestErrorPages(t *testing.T) {
	d := newDrive(t, "/files/f")
	a := d.do("GET", "/files/no/%3Cscript%3E", "", browser).want(404, "<h1>Nothing here</h1>", `href="/files/no/"`,
		`href="/files/no/%3Cscript%3E?versions"`, "!<script").
		with("Content-Type: text/html; charset=utf-8", "X-Content-Type-Options: nosniff", "Cache-Control: no-store")
	_, rest, _ := strings.Cut(a.body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy,
		"style-src 'sha256-"+sha256Base64(style)+"'") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q", policy)
	}
	if h := d.do("HEAD", "/files/no", "", browser).want(404); h.body != "" {
		t.Error("HEAD has a body")
	}
	d.do("GET", "/files/a%2Fb", "", browser).want(400, "<h1>This address can&#39;t be right</h1>")
	d.do("GET", "/files/no?versions", "", browser).want(404)
	// Programs get the bytes of the file, not a page.
	d.do("GET", "/files/no", "").want(404, "!<html").with("Content-Type: text/plain; charset=utf-8")
	d.do("PROPFIND", "/files/no", "", browser).want(404, "<D:error")
}

func TestErrorPagesOfStrangers(t *testing.T) {
	d := newDrive(t)
	guard, err := auth.New(auth.Options{User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	d.h = guard(d.h)
	d.do("GET", "/files", "", browser).want(401, "<h1>Name and password, please</h1>", "dav-password", "!/files",
		"!<script")
	d.do("GET", "/files", "").want(401, "!<html")
	d.do("GET", "/.postern/status", "").want(401)
	r := d.request("GET", "/files", nil, browser)
	r.Host = "evil.example"
	d.send(r).want(403, "<h1>Not allowed</h1>")
}

func TestFilePage(t *testing.T) {
	d := newDrive(t)
	d.write("/files/a.html", "<script>x</script>")
	d.do("GET", "/files/a.html?view", "", browser).want(200, "&lt;script&gt;x", "!<script>x", "SHA-1",
		`href="/files/a.html" download="a.html"`).with("Cache-Control: no-store")
	// Other queries do not change the bytes.
	for _, query := range []string{"", "?", "?x=view", "?viewer"} {
		d.do("GET", "/files/a.html"+query, "", browser).want(200,
			"<script>x</script>").with("X-Content-Type-Options: nosniff")
	}
	d.do("GET", "/files/a.html?versions", "", browser).want(200, "There are no earlier versions yet.")
	d.do("GET", "/files/no?view", "", browser).want(404)
	d.do("PUT", "/files/b?view", "b").want(201)
	d.holds("/files/b", "b")
}

func TestPageAssets(t *testing.T) {
	d := newDrive(t)
	page := d.do("GET", "/files", "").body
	for _, ext := range []string{"css", "js"} {
		address := regexp.MustCompile(`/\.postern/page\.[0-9a-f]{16}\.` + ext).FindString(page)
		a := d.do("GET", address, "").want(200).with("Cache-Control: private, max-age=31536000, immutable",
			"X-Content-Type-Options: nosniff")
		if len(a.body) < 1000 || strings.Contains(a.body, "//cdn") {
			t.Errorf("%s has %d bytes", address, len(a.body))
		}
		d.do("GET", address, "", "If-None-Match: "+a.header.Get("ETag")).want(304)
		if h := d.do("HEAD", address, "").want(200); h.body != "" ||
			h.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
			t.Errorf("HEAD of %s: %v", address, h.header)
		}
	}
	d.do("GET", "/.postern/icon.svg", "").want(200, "<svg").with("Content-Type: image/svg+xml",
		"Cache-Control: private, no-cache")
	d.do("GET", "/.postern/status", "").want(404) // no status is configured
	for _, target := range []string{"/.postern/", "/.postern", "/.postern/../files/x",
		"/.postern/page.0000000000000000.css", "/.postern/html/parts.html"} {
		d.do("GET", target, "").want(404)
	}
	// The folder hides no file of the drive, and no file can be put there.
	d.do("PROPFIND", "/.postern/page.css", "", "Depth: 0").want(404)
	d.do("PUT", "/.postern/page.css", "x").want(409)
	d.do("MKCOL", "/.postern", "").want(403)
	d.do("PUT", "/files/.postern", "mine").want(201)
	d.do("GET", "/files/.postern", "").want(200, "mine")
}

func TestStatusLine(t *testing.T) {
	status := dav.Status{Pending: 2}
	d := newDriveWith(t, dav.Options{Status: func() dav.Status { return status }}, 0)
	d.do("GET", "/files", "").want(200, `data-kind="pending"`, "Uploading 2 changes.", `data-from="/.postern/status"`)
	status = dav.Status{Blocked: "<b>Log in again.</b>"}
	d.do("GET", "/files", "").want(200, "&lt;b&gt;Log in")
	d.do("GET", "/.postern/status", "").want(200, `"kind":"blocked"`).with("Content-Type: application/json",
		"Cache-Control: no-store")
	status = dav.Status{}
	d.do("GET", "/.postern/status", "").want(200, `{"kind":"calm","sentence":"All changes are stored.","pending":0}`)
}

// TestPagesOverHTTP: a page comes whole through a real server, and is not compressed, chunked or sniffed into something
// else.
func TestPagesOverHTTP(t *testing.T) {
	server := httptest.NewServer(newDrive(t, "/files/f").h)
	defer server.Close()
	resp, err := http.Get(server.URL + "/files/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}
