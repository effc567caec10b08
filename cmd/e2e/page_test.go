//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"postern/dav"
	"postern/vfs/vfstest"
)

// fill puts files into the drive: pairs of escaped path and content; a path with a slash at the end is a folder.
func (g *gateway) fill(pairs ...string) {
	g.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.HasSuffix(pairs[i], "/") {
			g.must("MKCOL", pairs[i], nil)
			continue
		}
		g.must(http.MethodPut, pairs[i], strings.NewReader(pairs[i+1]))
	}
}

func (g *gateway) missing(path string) {
	g.t.Helper()
	if code, _, err := g.do(http.MethodHead, path, nil); err != nil || code != http.StatusNotFound {
		g.t.Errorf("%s is there (%d, %v)", path, code, err)
	}
}

func picture(width, height int) string {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.RGBA{uint8(20 + 90*x/width), uint8(90 + 120*y/height), uint8(160 - 60*x/width), 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.String()
}

// sound is a WAV file of silence.
func sound(seconds int) string {
	const rate = 8000
	n := uint32(seconds * rate)
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, 36+n)
	b.WriteString("WAVEfmt ")
	for _, v := range []any{uint32(16), uint16(1), uint16(1), uint32(rate), uint32(rate), uint16(1), uint16(8)} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, n)
	b.Write(bytes.Repeat([]byte{128}, int(n)))
	return b.String()
}

const readme = "# Trip to the coast\n\nA *short* plan, with a [link](notes.txt) and `code`.\n\n" +
	"| Day | Place | km |\n|---|---|--:|\n| 1 | Ålesund | 120 |\n| 2 | Bergen | 310 |\n\n" +
	"- [x] tickets\n- [ ] tent\n\n> Bring a raincoat.\n\n![far away](https://evil.example/pixel.png)\n\n```go\n" +
	"fmt.Println(\"hei\")\n```\n\n<script>document.title = 'ran'</script>\n"

// TestBrowserListsAndSorts: a page lists a folder, and links sort it.
func TestBrowserListsAndSorts(t *testing.T) {
	g := serve(t)
	b := browse(t, g)
	b.see("chats", "files", "history", "shared")
	b.shot("root")
	g.fill("/files/photos/", "", "/files/10.txt", "0123456789", "/files/9.txt", "012345678", "/files/%C3%84pfel.md", "# A",
		"/files/zebra.zip", strings.Repeat("z", 5000))
	g.must("PROPPATCH", "/files/9.txt",
		strings.NewReader(`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:getlastmodified>Sat, 01 Jan 2022 10:00:00 `+
			`GMT</D:getlastmodified></D:prop></D:set></D:propertyupdate>`))
	b.open("/")
	b.do(chromedp.Click(`tr[data-name=files] a`), chromedp.WaitVisible(`tr[data-name="9.txt"]`))
	b.see("photos", "9.txt", "10.txt", "Äpfel.md", "zebra.zip")
	b.do(chromedp.Click("th.c-size a"), chromedp.WaitVisible(`th.c-size[aria-sort=descending]`))
	b.see("zebra.zip", "10.txt", "9.txt", "Äpfel.md", "photos")
	b.do(chromedp.Click("th.c-size a"), chromedp.WaitVisible(`th.c-size[aria-sort=ascending]`))
	b.do(chromedp.Click("th.c-time a"), chromedp.WaitVisible(`th.c-time[aria-sort=descending]`))
	if got := run[string](b, names); !strings.HasSuffix(got, "|9.txt") {
		t.Errorf("the oldest is not the last: %s", got)
	}
	b.open("/files/?q=%C3%A4p")
	b.see("Äpfel.md")
}

// TestBrowserLooks takes pictures and checks that no page is wider than a phone and that the dark scheme is dark.
func TestBrowserLooks(t *testing.T) {
	g := serve(t)
	g.fill("/files/Photos%202026/", "", "/files/Letters/", "", "/files/Trip%20to%20the%20coast.md", readme,
		"/files/Budget.csv", "a,b\n1,2\n",
		"/files/sunset.png", picture(900, 600), "/files/interview.wav", sound(30), "/files/backup.zip",
		strings.Repeat("PK", 4000),
		"/files/notes.txt", "Things to remember\n\n\t1. Water the plants\n\t2. Call Åse\n", "/files/Letters/to%20Anna.txt",
		"Dear Anna", "/files/odd/", "",
		"/files/odd/%3Cb%3Ebold%3Cbr%3E%20%26amp%3B.txt", "", "/files/odd/%E2%80%AEgpj.exe", "MZ",
		"/files/odd/%20leading%20and%20trailing%20", "x",
		"/files/odd/"+strings.Repeat("very-long-name-", 16)+".txt", "x", "/files/odd/%E6%97%A5%E6%9C%AC%E8%AA%9E.txt", "x",
		"/files/odd/javascript%3Aalert(1)", "x",
		"/files/odd/%22%20onmouseover%3D%22alert(1)", "x", "/files/odd/tab%09and%0Anewline", "x",
		"/files/odd/%F0%9F%8E%89%20party.mp3", "x", "/files/empty/", "")
	b := browse(t, g)
	pages := map[string]string{
		"folder": "/files/", "odd": "/files/odd/", "empty": "/files/empty/",
		"markdown": "/files/Trip%20to%20the%20coast.md?view", "image": "/files/sunset.png?view",
		"audio": "/files/interview.wav?view", "text": "/files/notes.txt?view", "unknown": "/files/backup.zip?view",
		"versions": "/files/notes.txt?versions", "error": "/files/no/such%20thing", "history": "/history/",
	}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, width := range []int64{1200, 390} {
			b.do(chromedp.EmulateViewport(width, 800))
			for name, path := range pages {
				b.open(path)
				if over := run[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s, %d wide: %d pixels too wide", name, width, over)
				}
				light := run[int](b,
					`getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((a, c) => a + +c, 0)`)
				if light > 384 != (scheme == "light") {
					t.Errorf("%s in %s has a background of %d", name, scheme, light)
				}
				b.shot(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			}
		}
	}
	b.open("/files/odd/")
	if n := run[int](b, `document.querySelectorAll('tbody b, [onmouseover]').length`); n != 0 {
		t.Errorf("%d names became elements or attributes", n)
	}
}

// TestBrowserChanges: new folder, rename, delete, with the questions and refusals.
func TestBrowserChanges(t *testing.T) {
	g := serve(t)
	g.fill("/files/a.txt", "a", "/files/b.txt", "b")
	b := browse(t, g)
	b.open("/files/")

	b.do(chromedp.Click("#new-folder"), chromedp.WaitVisible("#ask[open]"))
	b.answer("a.txt", "make")
	b.until(`document.getElementById('ask-error').textContent.includes('already')`)
	if run[bool](b,
		`(s => s.color === s.backgroundColor)(getComputedStyle(document.querySelector('#ask-buttons .primary:hover')))`) {
		t.Error("a button under the mouse can't be read")
	}
	b.shot("refused")
	b.answer("x/y", "make")
	b.until(`document.getElementById('ask-error').textContent.includes('slash')`)
	b.answer("50% & <b>", "make")
	b.see("50% & <b>", "a.txt", "b.txt")
	g.must("PROPFIND", "/files/50%25%20%26%20%3Cb%3E/", nil, "Depth", "0")

	b.act("a.txt", "rename")
	b.answer("b.txt", "rename")
	b.until(`document.getElementById('ask-error').textContent.includes('already')`)
	b.answer("c #1.txt", "rename")
	b.see("50% & <b>", "b.txt", "c #1.txt")
	if got := string(g.must(http.MethodGet, "/files/c%20%231.txt", nil)); got != "a" {
		t.Errorf("the renamed file holds %q", got)
	}

	b.do(chromedp.Click(`tr[data-name="b.txt"] summary`))
	b.shot("menu")
	b.do(chromedp.Click(`tr[data-name="b.txt"] summary`))
	b.act("b.txt", "delete")
	b.shot("delete")
	b.answer("", "cancel")
	b.see("50% & <b>", "b.txt", "c #1.txt")
	b.act("b.txt", "delete")
	b.answer("", "delete")
	b.see("50% & <b>", "c #1.txt")
	g.missing("/files/b.txt")

	// A file that changed after the page was loaded is not deleted.
	g.fill("/files/c%20%231.txt", "newer")
	b.act("c #1.txt", "delete")
	b.answer("", "delete")
	b.until(`document.getElementById('ask-error').textContent.includes('changed')`)
	if got := string(g.must(http.MethodGet, "/files/c%20%231.txt", nil)); got != "newer" {
		t.Errorf("the newer file holds %q", got)
	}
}

// TestBrowserPreviews: images, sound and video with seeking, text, Markdown.
func TestBrowserPreviews(t *testing.T) {
	g := serve(t)
	g.fill("/files/p.png", picture(64, 48), "/files/s.wav", sound(60), "/files/alone.wav", sound(60), "/files/t.txt",
		"<i>plain</i>\n", "/files/m.md", readme)
	b := browse(t, g)

	b.open("/files/p.png?view")
	b.until(`document.querySelector('.preview img').naturalWidth === 64`)

	b.open("/files/s.wav?view")
	b.until(`document.querySelector('audio').readyState > 0`)
	if at := run[float64](b,
		`new Promise(done => { const a = document.querySelector('audio'); a.onseeked = () => done(a.currentTime); `+
			`a.currentTime = 50; })`); at != 50 {
		t.Errorf("seeking leads to %v", at)
	}

	b.open("/files/alone.wav") // by its own address, as a link in a text opens it
	b.until(`(m => m !== null && m.readyState > 0)(document.querySelector('video, audio'))`)

	b.open("/files/t.txt?view")
	if got := run[string](b, `document.querySelector('.preview pre').textContent`); got != "<i>plain</i>\n" {
		t.Errorf("the text is %q", got)
	}

	b.open("/files/m.md?view")
	b.until(`document.querySelector('.prose h1').textContent === 'Trip to the coast'`)
	if n := run[int](b, `document.querySelectorAll('.prose script, .prose img').length`); n != 0 ||
		run[string](b, `document.title`) == "ran" {
		t.Errorf("a script or a remote image came through")
	}

	// The browser records its own film, since no other program here can.
	b.open("/files/")
	run[bool](b, `(async () => {
		const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
		const pen = canvas.getContext('2d');
		const film = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm' });
		const parts = [];
		film.ondataavailable = (e) => parts.push(e.data);
		const over = new Promise((done) => { film.onstop = done; });
		film.start();
		for (let i = 0; i < 25; i++) {
			pen.fillStyle = 'hsl(' + i * 14 + ' 80% 50%)';
			pen.fillRect(0, 0, 160, 120);
			await new Promise((next) => setTimeout(next, 40));
		}
		film.stop();
		await over;
		return (await fetch('/files/v.webm', { method: 'PUT', body: new Blob(parts, { type: 'video/webm' }) })).ok;
	})()`)
	b.open("/files/v.webm?view")
	b.until(`document.querySelector('video').videoWidth === 160`)
	b.shot("video")
}

// TestBrowserRestores: the page of versions restores an earlier one.
func TestBrowserRestores(t *testing.T) {
	g := serve(t)
	g.fill("/files/doc.txt", "first")
	if out, err := g.postern("flush"); err != nil {
		t.Fatalf("flush: %v %s", err, out)
	}
	// The history has one state for each second in which something was committed.
	<-time.After(time.Second)
	g.fill("/files/doc.txt", "second, worse")
	if out, err := g.postern("flush"); err != nil {
		t.Fatalf("flush: %v %s", err, out)
	}
	b := browse(t, g)
	b.open("/files/doc.txt?versions")
	b.shot("versions")
	if n := run[int](b, `document.querySelectorAll('tr[data-restore]').length`); n != 1 {
		t.Fatalf("%d earlier versions, want 1", n)
	}
	b.do(chromedp.Click("tr[data-restore] td a"), chromedp.WaitVisible(".then"))
	b.shot("then")
	b.open("/files/doc.txt?versions")
	b.do(chromedp.Click("tr[data-restore] summary"), chromedp.Click("tr[data-restore] [data-do=restore]"),
		chromedp.WaitVisible("#ask[open]"))
	b.shot("restore")
	b.answer("", "restore")
	b.until(`!document.getElementById('toast').hidden`)
	b.until(`document.querySelector('.title .note').textContent.startsWith('Now: 5 B')`)
	b.shot("restored")
	if got := string(g.must(http.MethodGet, "/files/doc.txt", nil)); got != "first" {
		t.Errorf("the restored file holds %q", got)
	}
}

// TestBrowserWithoutScripts: listing, sorting, earlier versions, previews and downloads need no scripts.
func TestBrowserWithoutScripts(t *testing.T) {
	g := serve(t)
	g.fill("/files/d/", "", "/files/a.txt", "a", "/files/b.txt", "bb")
	b := browse(t, g)
	b.scripts(false)
	b.open("/files/")
	b.see("d", "a.txt", "b.txt")
	b.shot("folder")
	if n := run[int](b,
		`[...document.querySelectorAll('button, input[type=file]')].filter(e => e.checkVisibility() && `+
			`!e.matches('.hidden') && !e.closest('.forms')).length`); n != 0 {
		t.Errorf("%d buttons without a function are shown", n)
	}
	b.do(chromedp.Click("th.c-size a"), chromedp.WaitVisible("th.c-size[aria-sort=descending]"))
	b.see("b.txt", "a.txt", "d")
	b.do(chromedp.Click(`tr[data-name="a.txt"] summary`),
		chromedp.WaitVisible(`tr[data-name="a.txt"] a[download="a.txt"]`))
	b.do(chromedp.Click(`tr[data-name="a.txt"] a[href$="?versions"]`), chromedp.WaitVisible(".empty"))
	b.do(chromedp.Click(".title .button"), chromedp.WaitVisible(".preview pre"))
	b.do(chromedp.Click(".crumbs li:nth-child(2) a"), chromedp.WaitVisible("th.c-name"))
	b.see("d", "a.txt", "b.txt")
}

// TestBrowserKeyboard: the keyboard reaches a row, its menu, a dialog and back.
func TestBrowserKeyboard(t *testing.T) {
	g := serve(t)
	g.fill("/files/a.txt", "a")
	b := browse(t, g)
	b.open("/files/")
	focused := func(selector string) {
		b.t.Helper()
		b.until(fmt.Sprintf(`document.activeElement.matches(%q)`, selector))
	}
	tab := func(selector string) {
		b.t.Helper()
		for range 30 {
			b.do(chromedp.KeyEvent(kb.Tab))
			if run[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
				return
			}
		}
		t.Fatalf("Tab does not reach %s", selector)
	}
	b.do(chromedp.KeyEvent(kb.Tab))
	focused(".skip")
	b.shot("skip")
	tab(`tr[data-name="a.txt"] td a`)
	tab(`tr[data-name="a.txt"] summary`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector('.menu').open`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector('.menu').open`)
	focused("summary")
	b.do(chromedp.KeyEvent(kb.Enter))
	tab("[data-do=rename]")
	b.do(chromedp.KeyEvent(kb.Enter))
	focused("#ask-input")
	b.do(chromedp.KeyEvent("b"), chromedp.KeyEvent(kb.Enter)) // the name without its extension is selected
	b.see("b.txt")
	focused(`tr[data-name="b.txt"] a`)
	tab("summary")
	b.do(chromedp.KeyEvent(kb.Enter))
	tab("[data-do=delete]")
	b.do(chromedp.KeyEvent(kb.Enter))
	focused("#ask-buttons button[value=cancel]")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.getElementById('ask').open`)
	b.see("b.txt")
}

// TestBrowserStatus: the status line reports the state of the drive and updates by itself.
func TestBrowserStatus(t *testing.T) {
	var status atomic.Pointer[dav.Status]
	status.Store(&dav.Status{Pending: 3, PendingBytes: 12 << 20})
	h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{}), dav.Options{Status: func() dav.Status {
		return *status.Load()
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	b := browse(t, &gateway{t: t, addr: server.Listener.Addr().String()})
	b.open("/files/")
	b.until(`document.getElementById('status').innerText === 'Uploading 3 changes (12.0 MiB).'`)
	b.shot("pending")
	status.Store(&dav.Status{Pending: 1, Offline: time.Date(2026, 11, 20, 9, 15, 0, 0, time.UTC)})
	b.until(`/^Offline since .*2026.*\. Go on working: 1 change will be ` +
		`uploaded/.test(document.getElementById('status').innerText)`)
	b.shot("offline")
	status.Store(&dav.Status{Blocked: "The storage refuses the key; log in again with postern login."})
	b.open("/files/")
	b.until(`document.getElementById('status').dataset.kind === 'blocked'`)
	b.shot("blocked")
	status.Store(&dav.Status{Pending: 2, Full: true})
	b.until(`document.getElementById('status').innerText === 'The storage is full: make room there. Until then this ` +
		`machine keeps 2 changes.'`)
	b.shot("full")
	status.Store(&dav.Status{Notes: []string{"The copy disk:/mnt/b is not reachable."}})
	b.until(`document.getElementById('status').innerText === 'All changes are stored. The copy disk:/mnt/b is not ` +
		`reachable.'`)
	if colours := run[string](b, `['calm', 'pending', 'degraded', 'full'].map((kind) => {
		document.getElementById('status').dataset.kind = kind;
		return getComputedStyle(document.querySelector('.dot')).backgroundColor;
	}).join(' ')`); len(slices.Compact(slices.Sorted(slices.Values(strings.Split(colours, ") "))))) != 4 {
		t.Errorf("states of the drive look alike: %s", colours)
	}
}

// TestBrowserSeesThatTheGatewayIsGone: the first request without an answer changes the status line, which changes back
// by itself.
func TestBrowserSeesThatTheGatewayIsGone(t *testing.T) {
	h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{}), dav.Options{Status: func() dav.Status {
		return dav.Status{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	b := browse(t, &gateway{t: t, addr: server.Listener.Addr().String()})
	b.open("/files/")
	b.until(`document.getElementById('status').dataset.kind === 'calm'`)
	server.Close()
	b.do(chromedp.Click("#new-folder"), chromedp.WaitVisible("#ask[open]")) // a calm page polls too rarely for a test
	b.answer("letters", "make")
	b.until(`document.getElementById('ask-error').textContent === 'Postern does not answer. Is it running?'`)
	b.until(`document.getElementById('status').dataset.kind === 'gone'`)
	b.until(`document.getElementById('status').innerText === 'Postern does not answer. Is it running?'`)
	b.shot("gone")
	listener, err := net.Listen("tcp", b.g.addr)
	if err != nil {
		t.Fatal(err)
	}
	again := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h, ReadHeaderTimeout: patience}}
	again.Start()
	defer again.Close()
	b.until(`document.getElementById('status').dataset.kind === 'calm'`)
}
