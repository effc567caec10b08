//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// document is a PDF of one empty page that runs a script when it is opened.
func document(script string) string {
	script = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(script)
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (" + script + ") >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
	return b.String()
}

// TestBrowserHostileFiles: HTML, SVG and PDF files in the drive run no script and cannot read or change the drive.
func TestBrowserHostileFiles(t *testing.T) {
	g := serve(t)
	const attack = `fetch('/files/secret.txt').then(r => r.text()).then(s => fetch('/files/stolen.txt', {method: 'PUT',` +
		` body: s})); document.title = 'ran'`
	g.fill("/files/secret.txt", "secret",
		"/files/evil.html",
		`<title>still</title><script>`+attack+`</script><img src=x onerror="`+attack+
			`"><form id=f action="/files/stolen.txt" method=post></form><iframe src="/files/secret.txt"></iframe><body onload="`+
			attack+`">`,
		"/files/evil.svg",
		`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="`+attack+`"><title>still</title><script>`+
			attack+`</script><rect width="40" height="40"/></svg>`,
		"/files/evil.mp4", `<!DOCTYPE html><script>`+attack+`</script>`, "/files/evil.js", attack, "/files/evil.xhtml",
		`<html xmlns="http://www.w3.org/1999/xhtml"><head><title>still</title><script>`+attack+`</script></head></html>`,
		"/files/evil.pdf",
		document(`this.submitForm({cURL: "`+g.url("/files/stolen.txt")+`", cSubmitAs: "HTML"}); this.getURL("javascript:`+
			"fetch('/files/stolen.txt', {method: 'PUT', body: 'x'})"+`");`),
		"/files/evil.md",
		"<script>"+attack+"</script>\n\n[x](javascript:document.title='ran')\n\n<img src=x onerror=\"document.title='ran'\">")
	b := browse(t, g)
	for _, path := range []string{"/files/evil.html", "/files/evil.svg", "/files/evil.xhtml", "/files/evil.mp4",
		"/files/evil.html?view", "/files/evil.svg?view", "/files/evil.md?view", "/files/evil.js?view", "/files/"} {
		b.open(path)
		b.until(`document.readyState === 'complete'`) // every script that could run on loading has run
		if title := run[string](b, `document.title`); title == "ran" {
			t.Errorf("%s runs", path)
		}
		g.missing("/files/stolen.txt")
	}
	b.open("/files/evil.md?view")
	if n := run[int](b,
		`document.querySelectorAll('.prose [href^=javascript], .prose [onerror], .prose script').length`); n != 0 {
		t.Errorf("%d pieces of script are in the rendered text", n)
	}
	// Nor do they run embedded in a page of another origin.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for _, name := range []string{"evil.html", "evil.svg", "evil.xhtml", "evil.mp4", "evil.pdf"} {
			u := g.url("/files/" + name)
			fmt.Fprintf(w, "<iframe src=%q></iframe><object data=%q></object><embed src=%q><img src=%q>", u, u, u, u)
		}
	}))
	defer other.Close()
	b.do(chromedp.Navigate(other.URL))
	b.until(`document.readyState === 'complete'`)
	g.missing("/files/stolen.txt")
	// The browser's own viewer shows a PDF, and supports scripts and forms too.
	for _, path := range []string{"/files/evil.pdf", "/files/evil.pdf?view"} {
		b.open(path)
		b.until(`document.readyState === 'complete'`)
		b.shot("pdf")
	}
	g.missing("/files/stolen.txt")
	if got := string(g.must(http.MethodGet, "/files/secret.txt", nil)); got != "secret" {
		t.Errorf("the secret is now %q", got)
	}
	// Even a page of the drive cannot load a script from a file in the drive.
	b.open("/files/")
	run[bool](b,
		`new Promise(done => { const s = document.createElement('script'); s.src = '/files/evil.js'; s.onload = s.onerror `+
			`= () => done(true); document.body.append(s); })`)
	if run[string](b, `document.title`) == "ran" {
		t.Error("a page of the drive loads scripts of users")
	}
	g.missing("/files/stolen.txt")
}

// TestBrowserOtherPages: a page of another origin in the same logged-in browser changes nothing and reads nothing.
func TestBrowserOtherPages(t *testing.T) {
	g := serve(t)
	g.fill("/files/a.txt", "a")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><title>other</title>")
	}))
	defer other.Close()
	b := browse(t, g)
	b.do(chromedp.Navigate(other.URL))
	for _, method := range []string{"PUT", "MKCOL", "DELETE", "MOVE", "COPY", "PROPPATCH", "POST", "GET"} {
		for _, mode := range []string{"cors", "no-cors"} {
			got := run[string](b, fmt.Sprintf(`fetch(%q, {method: %q, mode: %q, credentials: 'include', headers: %s, body: %s})
				.then(r => r.text().then(s => r.type + s), e => 'refused')`,
				g.url("/files/a.txt"), method, mode, map[bool]string{true: "{Destination: '/files/b.txt'}",
					false: "{}"}[method == "MOVE" || method == "COPY"],
				map[bool]string{true: "'x'", false: "undefined"}[method == "PUT" || method == "POST"]))
			if got != "refused" && got != "opaque" {
				t.Errorf("%s, %s: %q", method, mode, got)
			}
		}
	}
	if got := string(g.must(http.MethodGet, "/files/a.txt", nil)); got != "a" {
		t.Errorf("the file holds %q", got)
	}
	g.missing("/files/b.txt")
}
