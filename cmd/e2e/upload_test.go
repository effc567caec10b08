//go:build e2e

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// TestBrowserUploads: files are uploaded by the button and by dropping, replace a file or keep both, and can be
// cancelled.
func TestBrowserUploads(t *testing.T) {
	g := serve(t)
	g.fill("/files/taken.txt", "old")
	dir := t.TempDir()
	in := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b := browse(t, g)
	b.open("/files/")
	large := strings.Repeat("large ", 1<<20)
	b.do(chromedp.SetUploadFiles("#upload-files", []string{in("one é.txt", "one"), in("large.bin", large),
		in("taken.txt", "new")}), chromedp.WaitVisible("#ask[open]"))
	b.shot("taken")
	b.answer("", "both")
	b.see("large.bin", "one é.txt", "taken (2).txt", "taken.txt")
	b.shot("uploaded")
	for path, want := range map[string]string{"/files/one%20%C3%A9.txt": "one", "/files/large.bin": large,
		"/files/taken.txt": "old", "/files/taken%20(2).txt": "new"} {
		if got := string(g.must(http.MethodGet, path, nil)); got != want {
			t.Errorf("%s holds %d bytes, %.20q", path, len(got), got)
		}
	}
	b.do(chromedp.Click("#uploads-close"), chromedp.SetUploadFiles("#upload-files", []string{in("taken.txt", "newer")}),
		chromedp.WaitVisible("#ask[open]"))
	b.answer("", "replace")
	b.until(`document.querySelectorAll('#uploads-list .done').length === 1`)
	if got := string(g.must(http.MethodGet, "/files/taken.txt", nil)); got != "newer" {
		t.Errorf("the replaced file holds %q", got)
	}

	run[bool](b, `(() => {
		const data = new DataTransfer();
		data.items.add(new File(['dropped'], 'dropped.txt'));
		document.body.dispatchEvent(new DragEvent('dragenter', { dataTransfer: data, bubbles: true, cancelable: true }));
		window.sawDrop = !document.getElementById('drop').hidden;
		document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
		return true;
	})()`)
	b.until(`window.sawDrop && !!document.querySelector('tr.fresh[data-name="dropped.txt"]')`)
	if got := string(g.must(http.MethodGet, "/files/dropped.txt", nil)); got != "dropped" {
		t.Errorf("the dropped file holds %q", got)
	}

	// An upload that is cancelled midway leaves nothing.
	sparse := in("huge.bin", "")
	if err := os.Truncate(sparse, 2<<30); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles("#upload-files", []string{sparse}))
	b.until(`document.querySelector('#uploads-list .busy progress')?.value > 0`)
	b.shot("progress")
	b.do(chromedp.Click("#uploads-stop"))
	b.until(`!document.querySelector('#uploads-list .busy') && ` +
		`document.getElementById('uploads-list').innerText.includes('Cancelled')`)
	g.missing("/files/huge.bin")
}

// TestBrowserDrop: a dropped folder is uploaded with all its contents, and downloads as one archive.
func TestBrowserDrop(t *testing.T) {
	g := serve(t)
	b := browse(t, g)
	dir := filepath.Join(t.TempDir(), "dropped é")
	want := map[string]string{}
	for i := range 130 { // the browser lists 100 at a time
		want[fmt.Sprintf("dropped é/many/%d #%%.txt", i)] = strings.Repeat("x", i)
	}
	want["dropped é/a.txt"] = "a"
	for name, content := range want {
		path := filepath.Join(filepath.Dir(dir), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
			os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	want["dropped é/empty/"], want["dropped é/many/"] = "", ""
	b.open("/files/")
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, event := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter,
			input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
			_, err := cdp.Call(ctx, t, input.DispatchDragEvent, input.DispatchDragEventParams{
				Type: event, X: 400, Y: 400, Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{dir},
					DragOperationsMask: 1},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	b.until(`document.querySelectorAll('#uploads-list .done').length === 131 && !document.querySelector('#uploads-list ` +
		`.busy, #uploads-list .failed')`)
	b.until(`document.querySelector('tr[data-name="dropped é"] .c-size').textContent === '8.2 KiB'`)
	b.shot("dropped")
	archive := g.must(http.MethodGet, "/files/dropped%20%C3%A9/?zip", nil)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if expected, ok := want[f.Name]; err != nil || !ok || string(content) != expected {
			t.Errorf("%s: %d bytes, %v; wanted: %v", f.Name, len(content), err, ok)
		}
		delete(want, f.Name)
	}
	if len(want) != 0 {
		t.Errorf("%d files are missing in the archive", len(want))
	}
}

// TestBrowserForms: without scripts, forms make all changes.
func TestBrowserForms(t *testing.T) {
	g := serve(t)
	g.fill("/files/d/", "", "/files/d/a.txt", "a", "/files/d/b.txt", "b")
	b := browse(t, g)
	b.scripts(false)
	b.open("/files/d/")
	press := func(field string) {
		b.t.Helper()
		b.do(chromedp.Click(fmt.Sprintf(`form:has(%s) button`, field)))
	}
	b.do(chromedp.SetValue("#f-folder", "50% & é"))
	press("#f-folder")
	b.see("50% & é", "a.txt", "b.txt")

	upload := filepath.Join(t.TempDir(), "c #1.bin")
	large := strings.Repeat("large ", 1<<20)
	if err := os.WriteFile(upload, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles("#f-file", []string{upload}))
	press("#f-file")
	b.see("50% & é", "a.txt", "b.txt", "c #1.bin")
	if got := string(g.must(http.MethodGet, "/files/d/c%20%231.bin", nil)); got != large {
		t.Errorf("%d bytes arrived", len(got))
	}
	b.do(chromedp.SetUploadFiles("#f-file", []string{upload}))
	press("#f-file")
	b.until(`document.body.innerText.includes('something of this name already')`)
	b.shot("refused")

	b.open("/files/d/a.txt?view")
	b.shot("file")
	b.do(chromedp.SetValue("#f-name", "z.txt"))
	press("#f-name")
	b.see("50% & é", "b.txt", "c #1.bin", "z.txt")
	b.open("/files/d/b.txt?view")
	b.do(chromedp.Click(`form:has([name=etag]) [type=checkbox]`))
	press("[name=etag]")
	b.see("50% & é", "c #1.bin", "z.txt")
	b.do(chromedp.Click(`form:has([name=etag]) [type=checkbox]`))
	press("[name=etag]")
	b.see()
	b.until(`location.pathname === '/files/'`)
	g.missing("/files/d/")
}
