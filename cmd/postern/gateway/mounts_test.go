package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/namespace"
	"postern/vfs/vfstest"
)

// away is a space whose remote can't be reached.
type away struct{ vfs.FS }

func (away) fail() error { return &vfs.Error{Op: "fetch", Path: "/", Kind: vfs.ErrUnavailable} }

func (a away) Stat(context.Context, string) (vfs.Info, error)     { return vfs.Info{}, a.fail() }
func (a away) Open(context.Context, string) (vfs.File, error)     { return nil, a.fail() }
func (a away) Create(context.Context, string) (vfs.Upload, error) { return nil, a.fail() }

// TestMountsOverHTTP: clients see a drive with an unreachable mount, and with mounts deep in the files, as DESIGN.md
// describes.
func TestMountsOverHTTP(t *testing.T) {
	files := vfstest.NewModel(vfstest.ModelOptions{})
	d := namespace.New(namespace.Options{Made: time.Unix(1, 0)}, map[string]vfs.FS{
		"/drive": files, layout.Shared: namespace.Folder(time.Unix(1, 0)), layout.Chats: namespace.Folder(time.Unix(1, 0)),
	})
	for path, fs := range map[string]vfs.FS{"/shared/bob": away{files},
		"/drive/files/a/b": vfstest.NewModel(vfstest.ModelOptions{Limit: 10})} {
		if err := d.Mount(path, fs); err != nil {
			t.Fatal(err)
		}
	}
	h, err := dav.New(d, dav.Options{Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	want := func(status int, method, path, body string, headers []string, has ...string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://drive"+path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got, _ := io.ReadAll(w.Body) // of a recorder
		if w.Code != status {
			t.Errorf("%s %s: %d, want %d\n%s", method, path, w.Code, status, got)
		}
		for _, s := range has {
			if !strings.Contains(string(got), s) {
				t.Errorf("%s %s: %q is missing in\n%s", method, path, s, got)
			}
		}
	}
	to := func(path string) []string { return []string{"Destination", "http://drive" + path} }
	quota := `<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/></D:prop></D:propfind>`

	want(http.StatusCreated, "MKCOL", "/drive/files/a/", "", nil)
	want(http.StatusMultiStatus, "PROPFIND", "/", "", []string{"Depth", "1"}, "<D:href>/chats/<", "<D:href>/shared/<",
		"<D:href>/drive/<")
	want(http.StatusMultiStatus, "PROPFIND", "/shared/", "", []string{"Depth", "1"}, "<D:href>/shared/bob/<")
	want(http.StatusMultiStatus, "PROPFIND", "/drive/files/a/", quota, []string{"Depth", "1"},
		"<D:href>/drive/files/a/b/<", ">10<")
	want(http.StatusMultiStatus, "PROPFIND", "/chats/", "", []string{"Depth", "1"})
	want(http.StatusServiceUnavailable, "PROPFIND", "/shared/bob/", "", []string{"Depth", "0"})
	want(http.StatusServiceUnavailable, "GET", "/shared/bob/x", "", nil)
	want(http.StatusCreated, "PUT", "/drive/files/f", "F", nil)
	want(http.StatusInsufficientStorage, "PUT", "/drive/files/a/b/files/f", "0123456789ABC", nil)
	want(http.StatusCreated, "PUT", "/drive/files/a/b/files/f", "1", nil)

	const holds = "Another space, such as a shared folder, lies in this folder"
	want(http.StatusForbidden, "DELETE", "/drive/files/a/", "", nil, holds)
	want(http.StatusForbidden, "MOVE", "/drive/files/a/", "", to("/drive/files/n"), holds)
	want(http.StatusForbidden, "COPY", "/drive/files/a/", "", to("/drive/files/n"), holds)
	want(http.StatusForbidden, "MOVE", "/drive/files/f", "", to("/drive/files/a"), holds)
	want(http.StatusCreated, "PUT", "/drive/files/big", "0123456789ABC", nil)
	want(http.StatusInsufficientStorage, "MOVE", "/drive/files/big", "", to("/drive/files/a/b/files/g"))
	want(http.StatusNotFound, "GET", "/drive/files/a/b/files/g", "", nil)
	want(http.StatusCreated, "MOVE", "/drive/files/f", "", to("/drive/files/a/b/files/g"))
	want(http.StatusOK, "GET", "/drive/files/a/b/files/g", "", nil, "F")
	want(http.StatusNotFound, "GET", "/drive/files/f", "", nil)
	want(http.StatusForbidden, "DELETE", "/drive/files/a/b/", "", nil, "read-only")
	want(http.StatusForbidden, "MOVE", "/drive/files/a/b/", "", to("/drive/files/n"), "read-only")
	want(http.StatusMethodNotAllowed, "MKCOL", "/drive/files/a/b/", "", nil)
	want(http.StatusForbidden, "PUT", "/shared/x", "X", nil, "read-only")
	want(http.StatusForbidden, "MKCOL", "/chats/x/", "", nil, "read-only")
	want(http.StatusForbidden, "DELETE", "/shared/", "", nil, "put files and folders into /files")
	want(http.StatusOK, "GET", "/shared/", "", []string{"Accept", "text/html"}, "bob")
	want(http.StatusOK, "GET", "/chats/", "", []string{"Accept", "text/html"}, "your conversations will be")
}

// TestTopOfTheDrive: the folders of the layout exist from the start, and stay while the remote is away.
func TestTopOfTheDrive(t *testing.T) {
	w := newWired(t)
	for _, gone := range []bool{false, true} {
		if gone {
			if err := os.Rename(w.disk, w.disk+" away"); err != nil {
				t.Fatal(err)
			}
		}
		tops := layout.Folders()
		for info, err := range w.fs.List(t.Context(), "/") {
			if err != nil || len(tops) == 0 || "/"+info.Name != tops[0].Path || info.ReadOnly != tops[0].ReadOnly ||
				!info.Folder {
				t.Fatalf("listed is %+v, %v, where %+v should be", info, err, tops)
			}
			tops = tops[1:]
		}
		if len(tops) > 0 {
			t.Errorf("%+v are missing, the remote is away: %v", tops, gone)
		}
		if _, err := w.fs.Stat(t.Context(), "/"); err != nil {
			t.Errorf("the root: %v, the remote is away: %v", err, gone)
		}
	}
	if err := os.Rename(w.disk+" away", w.disk); err != nil {
		t.Fatal(err)
	}
}
