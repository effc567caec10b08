package gateway

import (
	"archive/zip"
	"bytes"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"postern/remote"
	"postern/vfs/people"
)

// TestPinShared pins a folder that contains a shared one: it can be read offline after a restart. The archive of the
// folder has what is in the shared one, and reports name it.
func TestPinShared(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Millisecond})
	film := string(noise(300_000))
	m.want(http.StatusCreated, "MKCOL", "/files/d/", "")
	m.want(http.StatusCreated, "MKCOL", "/files/d/team/", "")
	m.want(http.StatusCreated, "PUT", "/files/d/team/film", film)
	m.flush()
	if at := pinned(t, m.pin("/files/d"), "/files/d"); !at.Complete() || at.Bytes < 300_000 {
		t.Errorf("before it is shared: %+v", at)
	}
	if _, err := m.people.Share(t.Context(), "/files/d/team", []string{people.Friends}, true); err != nil {
		t.Fatal(err)
	}
	m.want(http.StatusCreated, "PUT", "/files/d/team/later", film)
	if err := m.space.Home().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := pinned(t, m.pin("/files/d"), "/files/d"); !at.Complete() || at.Bytes < 2*300_000 {
		t.Errorf("%+v", at)
	}
	mounted, _, err := m.space.Crossing(t.Context(), "/d/team")
	if err != nil || m.placeOf(mounted.Target.Capability.ID) != "/files/d/team" {
		t.Errorf("the shared folder is called %q, %v", m.placeOf(mounted.Target.Capability.ID), err)
	}
	got := m.want(http.StatusOK, "GET", "/files/d/?zip", "").Body.Bytes()
	archive, err := zip.NewReader(bytes.NewReader(got), int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == "d/team/later" || f.Name == "team/later" }) {
		t.Error("the archive lacks what is in the shared folder")
	}
	m.close()
	for _, cached := range []string{m.disk, m.home.Cache()} {
		if err := os.Rename(cached, cached+" away"); err != nil {
			t.Fatal(err)
		}
	}
	m.open()
	for _, path := range []string{"/files/d/team/film", "/files/d/team/later"} {
		if got := m.want(http.StatusOK, "GET", path, "").Body.String(); got != film {
			t.Errorf("offline %s has %d bytes", path, len(got))
		}
	}
	m.want(http.StatusCreated, "PUT", "/files/d/team/offline", "written offline")
}
