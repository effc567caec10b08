package page

import (
	"net/http/httptest"
	"strings"
	"testing"

	"postern/vfs"
	"postern/vfs/layout"
)

// TestEmptyFoldersExplainThemselves: an empty folder of the drive's own explains its purpose.
func TestEmptyFoldersExplainThemselves(t *testing.T) {
	for _, f := range layout.Folders() {
		for _, members := range [][]vfs.Info{nil, {{Name: "x", Folder: true}}} {
			w := httptest.NewRecorder()
			each := func(do func(*vfs.Info) error) error {
				for i := range members {
					if err := do(&members[i]); err != nil {
						return err
					}
				}
				return nil
			}
			info := vfs.Info{Name: f.Path[1:], Folder: true, ReadOnly: f.ReadOnly}
			if err := New(Options{}).Folder(w, httptest.NewRequest("GET", f.Path+"/", nil), f.Path, info, each); err != nil {
				t.Fatal(err)
			}
			body := w.Body.String()
			if explained := f.Empty != "" && strings.Contains(body, f.Empty); explained != (f.Empty != "" && len(members) == 0) {
				t.Errorf("%s with %d members: explained is %v", f.Path, len(members), explained)
			}
			if offers := strings.Contains(body, `id="upload"`); offers == f.ReadOnly {
				t.Errorf("%s: an upload is offered: %v", f.Path, offers)
			}
		}
	}
}
