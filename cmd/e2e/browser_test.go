//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// tab is a browser with one page, logged in at a gateway.
type tab struct {
	t   *testing.T
	g   *gateway
	ctx context.Context
}

// browse starts a headless Chromium and opens a gateway. The first address carries the password, instead of a dialog.
func browse(t *testing.T, g *gateway) *tab {
	t.Helper()
	first := url.URL{Scheme: "http", User: url.UserPassword("postern", g.password), Host: g.addr, Path: "/"}
	return browseAt(t, g, first.String())
}

// browseAt starts a headless Chromium at an address of a gateway.
func browseAt(t *testing.T, g *gateway, first string) *tab {
	t.Helper()
	program := browserProgram(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WindowSize(1200, 800),
		chromedp.WSURLReadTimeout(patience))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(leave)
	b := &tab{t: t, g: g, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1200, 800), chromedp.Navigate(first)); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return b
}

// browserProgram finds Chromium under any of its names.
func browserProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return need(t, "chromium")
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatalf("in the browser: %v", err)
	}
}

// open goes to a path of the drive, given escaped.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.g.url(path)), chromedp.WaitReady("body"))
}

// run evaluates a script and returns its value, or that of the promise it returned.
func run[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits until a script returns true, on this page or on the next one. It asks the browser again and again from
// here: a poll inside the page stops after its first look where the page's policy allows no scripts, since no timer
// fires there. A script that throws, or whose page goes away, has not returned true yet.
func (b *tab) until(script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var err error
	came := within(patience, func() bool {
		var now bool
		now, err = chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		return now && err == nil || ctx.Err() != nil
	})
	if !came || ctx.Err() != nil {
		b.shot("failed")
		b.t.Fatalf("%s does not become true: %v\n%s", script, err, run[string](b, `document.body.innerText`))
	}
}

// names returns the names in the listing, in their order.
const names = `[...document.querySelectorAll('tr[data-name]')].map(r => r.dataset.name).join('|')`

// see waits until the listing has exactly these names.
func (b *tab) see(want ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s === %q", names, strings.Join(want, "|")))
}

// act opens the menu of a row and chooses an action.
func (b *tab) act(name, action string) {
	b.t.Helper()
	row := fmt.Sprintf(`tr[data-name=%q]`, name)
	b.do(chromedp.Click(row+" summary"), chromedp.Click(fmt.Sprintf(`%s [data-do=%s]`, row, action)),
		chromedp.WaitVisible("#ask[open]"))
}

// answer fills in the dialog, unless value is empty, and presses a button.
func (b *tab) answer(value, button string) {
	b.t.Helper()
	if value != "" {
		b.do(chromedp.SetValue("#ask-input", value))
	}
	b.do(chromedp.Click(fmt.Sprintf(`#ask-buttons button[value=%s]`, button)))
}

// scheme switches to light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	}))
}

// scripts turns the scripts of pages on or off. Scripts of the test run in either case.
func (b *tab) scripts(on bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

// shot saves a picture of the page if POSTERN_SCREENSHOTS names a folder.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("POSTERN_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o755),
			os.WriteFile(filepath.Join(dir, b.t.Name()+"-"+name+".png"), picture, 0o600))
	}
	if err != nil {
		b.t.Logf("no picture: %v", err)
	}
}
