//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// serveLinkPage starts a gateway with a link page, and returns the address that links lead to.
func serveLinkPage(t *testing.T) *gateway {
	t.Helper()
	if _, err := os.Stat("../postern/linkpage/built/reader.wasm.gz"); err != nil {
		if os.Getenv("POSTERN_E2E_ALL") != "" {
			t.Fatal("the link page is not built: make linkpage")
		}
		t.Skip("the link page is not built: make linkpage")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	home := filepath.Join(t.TempDir(), "home")
	g := &gateway{t: t, home: home, args: []string{"--link-page", addr},
		env: []string{"POSTERN_LINKS_URL=http://" + addr}}
	g.start()
	t.Cleanup(g.stop)
	return g
}

// link makes a link to a path of the drive.
func (g *gateway) link(args ...string) string {
	g.t.Helper()
	out, err := g.postern(append([]string{"link", "create"}, args...)...)
	if err != nil || !strings.HasPrefix(out, "http://127.0.0.1:") {
		g.t.Fatalf("link create: %v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// downloads has the browser write downloads into a folder, and returns the folder.
func (b *tab) downloads() string {
	b.t.Helper()
	dir := b.t.TempDir()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir})
		return err
	}))
	return dir
}

// clickDownload downloads a file of the listing.
func (b *tab) clickDownload(name string) {
	b.t.Helper()
	b.do(chromedp.Click(fmt.Sprintf(`tr[data-name=%q] [data-do=download]`, name)))
}

// explains waits until the page of links says something.
func (b *tab) explains(part string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector('#says').textContent.includes(%q)`, part))
}

// TestLinkPage: in a browser that has nothing but the link, a shared folder is listed, shown and downloaded, and the
// secret neither stays in the address nor reaches the server.
func TestLinkPage(t *testing.T) {
	g := serveLinkPage(t)
	g.fill("/files/trip/", "", "/files/trip/days/", "", "/files/trip/notes.txt", "Day 1: <b>rain</b>\n",
		"/files/trip/days/one.html", "<script>document.title = 'no'</script>", "/files/trip/p.png", picture(300, 200),
		"/files/trip/paper.pdf", "%PDF-1.4\n")
	link := g.link("/files/trip")
	b := browseAt(t, g, link)
	b.see("days", "notes.txt", "p.png", "paper.pdf")
	address := run[string](b, `location.href + ' ' + document.title`)
	page, _, _ := strings.Cut(link, "#")
	if address != page+" trip" {
		t.Errorf("the address and the title are %q", address)
	}
	b.shot("folder")
	b.do(chromedp.Click(`tr[data-name="notes.txt"] button`), chromedp.WaitVisible("#view pre"))
	if text := run[string](b, `document.querySelector('#view pre').textContent`); text != "Day 1: <b>rain</b>\n" {
		t.Errorf("the preview is %q", text)
	}
	b.shot("preview")
	b.do(chromedp.Click(`tr[data-name="p.png"] button`), chromedp.WaitVisible("#view img"))
	b.until(`document.querySelector('#view img').naturalWidth === 300`)
	b.shot("picture")
	b.accessible()
	dir := b.downloads()
	b.do(chromedp.Click(`tr[data-name="days"] button`))
	b.see("one.html")
	b.do(chromedp.Click(`tr[data-name="one.html"] button`)) // which does not show it
	b.wait(filepath.Join(dir, "one.html"))
	if body, _ := os.ReadFile(filepath.Join(dir, "one.html")); !bytes.HasPrefix(body, []byte("<script>")) {
		t.Errorf("the download is %q", body)
	}
	if title := run[string](b, `document.title`); title != "trip" {
		t.Errorf("the title became %q", title)
	}
	b.do(chromedp.Click(`#crumbs button`))
	b.see("days", "notes.txt", "p.png", "paper.pdf")
	b.do(chromedp.Click(`tr[data-name="paper.pdf"] button`)) // in a tab of its own, or downloaded where none shows it
	b.until(`document.body.dataset.memory > 0 && document.querySelector('#says').textContent === ''`)
	if _, secret, _ := strings.Cut(link, "#"); strings.Contains(g.stderr.String(), secret[60:]) {
		t.Error("the log has the secret of a link")
	}
}

// accessible expects that axe finds nothing on the page, if it is installed.
func (b *tab) accessible() {
	b.t.Helper()
	checker, err := os.ReadFile(axe)
	if err != nil {
		return // TestBrowserAccessible fails where it must be there
	}
	run[bool](b, string(checker)+"\ntrue")
	if found := run[string](b, findings); found != "" {
		b.t.Errorf("the page of links:\n%s", found)
	}
}

// wait waits for a file.
func (b *tab) wait(path string) {
	b.t.Helper()
	if !within(patience, func() bool { _, err := os.Stat(path); return err == nil }) {
		b.shot("failed")
		b.t.Fatalf("%s is not written; the page says %q", path, run[string](b, `document.body.innerText`))
	}
}

// TestLinkPageLarge: a file larger than the memory that the page takes is downloaded whole.
func TestLinkPageLarge(t *testing.T) {
	const size, most = 200 << 20, 96 << 20
	g := serveLinkPage(t)
	hash := sha256.New()
	body := io.LimitReader(rand.NewChaCha8([32]byte{7}), size)
	g.must("PUT", "/files/film.bin", io.TeeReader(body, hash))
	b := browseAt(t, g, g.link("/files/film.bin"))
	b.see("film.bin")
	dir := b.downloads()
	b.clickDownload("film.bin")
	path := filepath.Join(dir, "film.bin")
	b.wait(path)
	b.until(`document.body.dataset.memory > 0`)
	memory := run[int](b, `Number(document.body.dataset.memory)`)
	got := sha256.New()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(got, f); n != size || err != nil || !bytes.Equal(got.Sum(nil), hash.Sum(nil)) {
		t.Errorf("%d bytes were downloaded, %v, or others than were stored", n, err)
	}
	if memory > most {
		t.Errorf("the reader took %d MiB", memory>>20)
	}
	t.Logf("the reader took %d MiB", memory>>20)
}

// TestLinkPageRefuses: a wrong password, a link that was ended and one that is not whole are explained in a sentence.
func TestLinkPageRefuses(t *testing.T) {
	g := serveLinkPage(t)
	g.fill("/files/a/", "", "/files/a/a.txt", "a")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("tangerine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := g.link("/files/a", "--password", "--password-file", secret)
	b := browseAt(t, g, link)
	b.do(chromedp.WaitVisible("#ask"), chromedp.SetValue("#password", "grapefruit"), chromedp.Click("#ask button"))
	b.explains("The password is wrong")
	b.do(chromedp.SetValue("#password", "tangerine"), chromedp.Click("#ask button"))
	b.see("a.txt")
	list, err := g.postern("link", "list")
	if err != nil {
		t.Fatal(list)
	}
	if out, err := g.postern("link", "revoke", strings.Fields(list)[0]); err != nil {
		t.Fatal(out)
	}
	page, _, _ := strings.Cut(link, "#")
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link), chromedp.WaitVisible("#ask"),
		chromedp.SetValue("#password", "tangerine"), chromedp.Click("#ask button"))
	b.explains("This link was ended by its maker.")
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link[:len(link)-4]))
	b.explains("This is no whole link")
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(page))
	b.explains("open the link again")
}

// TestLinkPageMany: a large folder is shown in parts.
func TestLinkPageMany(t *testing.T) {
	g := serveLinkPage(t)
	g.fill("/files/many/", "")
	for i := range 501 {
		g.must("PUT", fmt.Sprintf("/files/many/%03d", i), strings.NewReader("x"))
	}
	b := browseAt(t, g, g.link("/files/many"))
	const rows = `document.querySelectorAll('#items tr').length`
	b.until(rows + ` === 500`)
	b.do(chromedp.WaitVisible("#more"), chromedp.Click("#more"))
	b.until(rows + ` === 501 && document.querySelector('#more').hidden`)
}
