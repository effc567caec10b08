package dav_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"postern/dav"
	"postern/vfs"
	"postern/vfs/vfstest"
)

// TestEarlyRefusalReachesTheClient: a client that is still sending a large body gets the reason of the refusal, not a
// broken connection.
func TestEarlyRefusalReachesTheClient(t *testing.T) {
	d := newDriveWith(t, dav.Options{}, 1<<20, "/files/dir/")
	server := httptest.NewServer(d.h)
	defer server.Close()
	for target, code := range map[string]int{"/files/large": 507, "/files/dir": 405, "/files/no/x": 409} {
		for range 20 {
			req, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+target, bytes.NewReader(make([]byte, 8<<20)))
			if err != nil {
				t.Fatal(err)
			}
			if target != "/files/large" {
				req.ContentLength = -1
			}
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Errorf("%s: %v", target, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != code {
				t.Errorf("%s: %s, want %d", target, resp.Status, code)
			}
		}
	}
}

// TestReadOnlyFolders: a folder that a friend shares for reading can be read, and not changed.
func TestReadOnlyFolders(t *testing.T) {
	model := vfstest.NewModel(vfstest.ModelOptions{})
	h, err := dav.New(model, dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &drive{t: t, h: h, fs: model, now: start}
	if err := d.fs.Mkdir(t.Context(), "/files/bob", nil); err != nil {
		t.Fatal(err)
	}
	d.write("/files/bob/f", "his")
	d.write("/files/mine", "mine")
	if err := model.Freeze("/files/bob"); err != nil {
		t.Fatal(err)
	}
	d.do("GET", "/files/bob/f", "").want(200, "his")
	d.do("PROPFIND", "/files/bob/f", prop("oc:permissions"), "Depth: 0").want(207, "<oc:permissions>G</oc:permissions>")
	const where = "The top of the drive is read-only: put files and folders into /files."
	d.do("PUT", "/new", "x").want(403, where)
	d.do("MKCOL", "/new", "").want(403, where)
	d.do("COPY", "/files/mine", "", "Destination: /mine").want(403, where)
	d.do("DELETE", "/files/bob/f", "").want(403, "This can't be changed: it is read-only.")
	d.do("PUT", "/files/bob/f", "x").want(403)
	d.do("PUT", "/files/bob/new", "x").want(403)
	d.do("MKCOL", "/files/bob/new", "").want(403)
	d.do("DELETE", "/files/bob/f", "").want(403)
	d.do("PROPPATCH", "/files/bob/f", patch("<x:p/>")).want(403)
	d.do("MOVE", "/files/bob/f", "", "Destination: /files/f").want(403)
	d.do("MOVE", "/files/mine", "", "Destination: /files/bob/mine").want(403)
	d.do("COPY", "/files/mine", "", "Destination: /files/bob/f").want(403)
	d.do("LOCK", "/files/bob/f", lockBody("exclusive")).want(403)
	d.do("LOCK", "/files/bob/new", lockBody("exclusive")).want(403)
	d.do("COPY", "/files/bob/f", "", "Destination: /files/copy").want(201)
	d.do("PUT", "/files/copy", "now mine").want(204)
	d.holds("/files/bob/f", "his", "/files/mine", "mine")
	view, err := h.Locks().View(t.Context(), "/", true)
	if err != nil {
		t.Fatal(err)
	}
	if locks := view.All(); len(locks) != 0 {
		t.Errorf("refused locks stay: %+v", locks)
	}
}

// TestErrorsForPeople: every error is one sentence, as text for browsers, as XML with a message for programs, and shows
// nothing internal.
func TestErrorsForPeople(t *testing.T) {
	d := newDrive(t, "/files/f")
	d.do("GET", "/files/no", "").want(404, "There is nothing of this name").with("Content-Type: text/plain; charset=utf-8")
	d.do("MKCOL", "/files/f", "").want(405,
		`<s:message>There is something of this name `+
			`already.</s:message>`).with("Content-Type: application/xml; charset=utf-8")
	d.fail = func(op, p string) error {
		return &vfs.Error{Op: op, Path: p, Kind: http.ErrServerClosed}
	}
	d.do("PROPFIND", "/files/f", "", "Depth: 0").want(500, "Something went wrong inside the drive; its log says what.",
		"!Server")
}
