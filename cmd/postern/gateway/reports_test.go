package gateway

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/control"
	"postern/crypto"
	"postern/remote"
)

// TestReportsNameTheSpace: what is damaged in a further space is reported by its path in the drive, and does not keep a
// check, a collection or an export from the other spaces. A space that is not mounted is named by its id.
func TestReportsNameTheSpace(t *testing.T) {
	ctx := t.Context()
	m := newMany(t, remote.Deadlines{Commit: time.Millisecond}, 2, 3)
	m.addBoth()
	g := &gateway{drive: m.drive, home: m.home, account: m.account, waits: m.waits, log: slog.New(slog.DiscardHandler)}
	film := string(noise(300_000))
	m.want(http.StatusCreated, "PUT", team+"/film", strings.Repeat(film, 20)) // too large for the pack of the pages
	for _, path := range []string{"/files/film", x + "/film"} {
		m.want(http.StatusCreated, "PUT", path, film)
	}
	m.flush()
	healthy, err := g.Check(ctx, control.CheckOrder{ReadData: true}, control.Quiet)
	if err != nil || !healthy.Clean() || healthy.Bytes < 3*300_000 {
		t.Fatalf("%+v, %v", healthy, err)
	}
	lose := func(blob crypto.BlobName) {
		t.Helper()
		if err := m.session.Store.Delete(ctx, blob); err != nil {
			t.Fatal(err)
		}
	}
	e, err := m.spaces[team].Files().Lookup(ctx, "/film")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := e.Content().Load()
	lose(c.Chunks[0].Blob)
	check := func(path, space string) {
		t.Helper()
		r, err := g.Check(ctx, control.CheckOrder{ReadData: true}, control.Quiet)
		if err != nil || len(r.Damage) == 0 || r.Bytes < 2*300_000 {
			t.Fatalf("%+v, %v", r, err)
		}
		if d := r.Damage[0]; d.Path != path || d.Space != space {
			t.Errorf("damaged is %s in %q, want %s in %q", d.Path, d.Space, path, space)
		}
	}
	check(team+"/film", "")
	if err := m.fs.Unmount(team); err != nil {
		t.Fatal(err)
	}
	check("/files/film", m.spaces[team].ID().String())
	m.mount(team)

	// The whole newest state is lost.
	root, _ := m.spaces[team].Files().Root().Object()
	lose(root.Root.Blob)
	check(team, "")
	r, err := g.Collect(ctx, control.CollectOrder{Grace: -1}, control.Quiet)
	if err != nil || len(r.Damaged) == 0 || !strings.HasPrefix(r.Damaged[0], team) || r.Needed.Bytes < 2*300_000 {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = g.Export(ctx, control.ExportOrder{File: filepath.Join(t.TempDir(), "drive.bundle")}, control.Quiet)
	if err == nil || !strings.Contains(err.Error(), team) {
		t.Errorf("an export of what is lost: %v", err)
	}
	m.has(map[string]string{"/files/film": film, x + "/film": film})
}
