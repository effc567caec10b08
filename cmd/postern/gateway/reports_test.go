package gateway

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/cmd/postern/control"
	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
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

// TestStatusNamesTheSpace: status and the page name a mounted space whose changes can't be committed, and the own files
// are not affected.
func TestStatusNamesTheSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMany(t, remote.Deadlines{Commit: time.Millisecond})
		away := faulty.New(mem.New(), nil, faulty.Options{})
		m.add("/files/far", 4, away)
		m.add(team, 2, m.kept)
		if f := m.status().Failing; len(f) > 0 {
			t.Errorf("%+v", f)
		}
		away.SetPlan(faulty.Always(faulty.Full))
		for _, path := range []string{"/files/a", "/files/far/b", team + "/c"} {
			m.want(http.StatusCreated, "PUT", path, "text")
		}
		pass(time.Minute)
		s := m.status()
		if len(s.Failing) != 1 || s.Failing[0].Path != "/files/far" || s.Failing[0].Why != "no space left" ||
			s.Commit.LastError != "" {
			t.Errorf("%+v, %+v", s.Failing, s.Commit)
		}
		const sentence = "Changes in /files/far can't be committed: no space left; they are kept here, and it is tried again."
		if notes := m.shown().Notes; !slices.Equal(notes, []string{sentence}) {
			t.Errorf("the page says %q", notes)
		}
		away.SetPlan(nil)
		pass(time.Hour)
		if s := m.status(); len(s.Failing) > 0 {
			t.Errorf("afterwards: %+v", s.Failing)
		}
	})
}
