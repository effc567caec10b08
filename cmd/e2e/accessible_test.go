//go:build e2e

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is the path at which "make tools" installs the accessibility checker.
const axe = "../../.tools/node_modules/axe-core/axe.min.js"

// findings returns the violations of WCAG 2.2 AA and of good practice on a page, one a line: impact, rule and element.
const findings = `axe.run(document, {
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
	}).then(r => r.violations.flatMap(v => v.nodes.map(n =>
		v.impact + ' ' + v.id + ': ' + n.target.join(' ') + ' ' + n.html.slice(0, 120))).join('\n'))`

// TestBrowserAccessible: axe finds no violation on any page, light or dark, wide or narrow, with scripts or without.
func TestBrowserAccessible(t *testing.T) {
	checker, err := os.ReadFile(axe)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("POSTERN_E2E_ALL") == "" {
		t.Skip("skipped: axe-core is not installed; run make tools where npm is installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	g := serve(t)
	g.fill("/files/d/", "", "/files/empty/", "", "/files/a.txt", "a", "/files/m.md", readme, "/files/p.png",
		picture(300, 200), "/files/s.wav", sound(5),
		"/files/z.zip", "PK", "/files/d/%D7%A7%D7%95%D7%91%D7%A5.txt", "x", "/files/d/%E6%97%A5%E6%9C%AC.txt", "x")
	b := browse(t, g)
	look := func(name string) {
		t.Helper()
		run[bool](b, string(checker)+"\ntrue")
		if found := run[string](b, findings); found != "" {
			t.Errorf("%s:\n%s", name, found)
		}
	}
	paths := []string{"/", "/files/", "/files/d/?sort=size", "/files/empty/", "/files/?q=nothing", "/files/a.txt?view",
		"/files/m.md?view", "/files/p.png?view",
		"/files/s.wav?view", "/files/z.zip?view", "/files/a.txt?versions", "/history/", "/files/no"}
	for _, at := range []struct {
		scheme string
		width  int64
	}{{"light", 1200}, {"dark", 390}} {
		b.scheme(at.scheme)
		b.do(chromedp.EmulateViewport(at.width, 800))
		for _, path := range paths {
			b.open(path)
			look(at.scheme + " " + path)
		}
		b.open("/files/")
		b.do(chromedp.Click("#new-folder"), chromedp.WaitVisible("#ask[open]"))
		look(at.scheme + " dialog")
		b.answer("", "cancel")
		b.act("a.txt", "delete")
		look(at.scheme + " delete")
	}
	for _, path := range []string{"/files/", "/files/a.txt?view"} {
		b.scripts(false)
		b.open(path)
		b.scripts(true) // axe needs them
		look("forms of " + path)
	}
}
