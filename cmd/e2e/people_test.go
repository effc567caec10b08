//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// says waits until the page contains a text.
func (b *tab) says(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// submit presses a button with a value, or the only one of a form, and waits for the next page.
func (b *tab) submit(button string) {
	b.t.Helper()
	before := run[string](b, `String(performance.timeOrigin)`)
	b.do(chromedp.Click(button))
	b.until(fmt.Sprintf(`String(performance.timeOrigin) !== %q && document.readyState === 'complete'`, before))
}

// TestBrowserPeople: two people who share a disk become friends, share a folder and open a link, on the pages alone.
// One of them runs no scripts.
func TestBrowserPeople(t *testing.T) {
	place := "disk:" + filepath.Join(t.TempDir(), "nas")
	alice, bob := serve(t, "--remote", place, "--create"), serve(t, "--remote", place)
	bob.fill("/files/photos/", "", "/files/photos/sea.txt", "sea")
	a, b := browse(t, alice), browse(t, bob)
	a.scripts(false)
	for name, one := range map[string]*tab{"alice": a, "bob": b} {
		one.open("/shared/")
		one.says("How to begin")
		one.shot(name + "-begin")
		one.do(chromedp.Click(`a[href="?friends#me"]`), chromedp.WaitVisible("#f-claim"), chromedp.SetValue("#f-claim", name))
		one.submit(`form:has(#f-claim) button`)
		one.says("Your name is " + name)
	}
	b.do(chromedp.SetValue("#f-who", "nobody"))
	b.submit(`form:has(#f-who) button`)
	b.says("Nobody at this storage is called")
	b.open("/shared/?friends")
	b.do(chromedp.SetValue("#f-who", "alice"))
	b.submit(`form:has(#f-who) button`)
	b.says("Asked, without an answer yet")

	a.open("/shared/?friends")
	a.says("Requests")
	if own := run[string](b, `document.querySelector('p .words').textContent`); own == "" ||
		own != run[string](a, `document.querySelector('form .words').textContent`) {
		t.Errorf("alice does not see bob's fingerprint %q", own)
	}
	a.shot("request")
	a.submit(`button[value=accept]`)
	a.says("Remove or block bob")
	b.open("/shared/?friends")
	b.says("Remove or block alice")

	b.open("/files/")
	b.do(chromedp.Click(`tr[data-name=photos] summary`), chromedp.Click(`tr[data-name=photos] a[href$="?share"]`),
		chromedp.WaitVisible(`input[name=with][value=alice]`), chromedp.Click(`input[name=with][value=alice]`),
		chromedp.Click(`input[name=write][value="1"]`))
	b.submit(`form:has(fieldset) button`)
	b.says("reads and writes")
	appeared := within(patience, func() bool {
		_, data, err := alice.do("GET", "/shared/bob/photos/sea.txt", nil)
		return err == nil && string(data) == "sea"
	})
	if !appeared {
		t.Fatal("the folder does not appear")
	}
	alice.must("PUT", "/shared/bob/photos/mine.txt", strings.NewReader("mine"))
	a.open("/shared/")
	a.do(chromedp.Click(`tr[data-name=bob] a`), chromedp.WaitVisible(`tr[data-name=photos] a`),
		chromedp.Click(`tr[data-name=photos] a`), chromedp.WaitVisible(`tr[data-name="sea.txt"]`))

	b.do(chromedp.SetValue("#f-expires", "24h"), chromedp.SetValue("#f-password", "xyzzy"))
	b.submit(`form:has(#f-expires) button`)
	b.do(chromedp.Click(`[data-copy]`), chromedp.WaitVisible("#toast"))
	b.shot("share")
	link := run[string](b, `document.querySelector('.copy input').value`)
	a.open("/shared/?shares")
	a.says("/shared/bob/photos")
	a.do(chromedp.SetValue("#f-open", link), chromedp.SetValue("#f-open-password", "wrong"))
	a.submit(`form:has(#f-open) button`)
	a.says("password is wrong")
	a.open("/shared/?shares")
	a.do(chromedp.SetValue("#f-open", link), chromedp.SetValue("#f-open-password", "xyzzy"))
	a.submit(`form:has(#f-open) button`)
	a.says("sea.txt")

	axeFinds(t, a, b)
	a.open("/shared/?shares")
	a.do(chromedp.Click(`details:has([value="/shared/bob/photos"]) summary`),
		chromedp.Click(`form:has([value="/shared/bob/photos"]) input[type=checkbox]`))
	a.submit(`form:has([value="/shared/bob/photos"]) button`)
	a.open("/shared/bob/")
	a.says("This folder is empty")
	b.open("/files/photos/?share")
	b.submit(`form:has([value=unshare]) button`)
	b.do(chromedp.Click(`form:has([value=revoke]) input[type=checkbox]`))
	b.submit(`form:has([value=revoke]) button`)
	if text := run[string](b, `document.querySelector('main').innerText`); strings.Contains(text, "reads and writes") ||
		strings.Contains(text, "Revoke") {
		t.Errorf("the share or the link is still there:\n%s", text)
	}
}

// axeFinds checks the accessibility of the pages about people, if the checker is installed.
func axeFinds(t *testing.T, tabs ...*tab) {
	t.Helper()
	checker, err := os.ReadFile(axe)
	if err != nil {
		t.Logf("not checked: %v", err)
		return
	}
	for i, b := range tabs {
		b.scripts(true)
		for _, path := range []string{"/shared/", "/shared/?friends", "/shared/?shares", "/files/photos/?share"} {
			if i == 0 && strings.HasPrefix(path, "/files") {
				continue
			}
			for _, width := range []int64{1200, 390} {
				b.do(chromedp.EmulateViewport(width, 800))
				b.open(path)
				if over := run[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s, %d wide: %d pixels too wide", path, width, over)
				}
				run[bool](b, "document.querySelectorAll('.people details').forEach(d => { d.open = true; }); true")
				b.shot(fmt.Sprintf("people%d-%s-%d", i, strings.NewReplacer("/", "-", "?", "-").Replace(path), width))
				run[bool](b, string(checker)+"\ntrue")
				if found := run[string](b, findings); found != "" {
					t.Errorf("%s:\n%s", path, found)
				}
			}
		}
	}
}
