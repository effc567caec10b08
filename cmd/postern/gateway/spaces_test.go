package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
	"postern/vfs/journal"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// second returns the keys of a further space of an account.
func second(account home.Account, n byte) space.Keys {
	keys := base.Own(account.Secret)
	c := crypto.SpaceSecret{n}.Keys()
	c.Owner, c.Store = keys.Owner, keys.Store
	keys.Capability = c
	return keys
}

// many is a served drive with further spaces of its home mounted in it.
type many struct {
	*wired
	handler http.Handler
	spaces  map[string]*space.Space // by the path where they are mounted
	end     func()
}

const (
	team = "/files/team"
	x    = "/shared/x"
)

// newMany opens a drive. others are the numbers of the further spaces that its registry names.
func newMany(t *testing.T, waits remote.Deadlines, others ...byte) *many {
	t.Helper()
	m := &many{wired: &wired{
		t: t, home: home.Home(filepath.Join(t.TempDir(), "home")), disk: filepath.Join(t.TempDir(), "disk"), waits: waits,
		others: others,
	}}
	m.open()
	t.Cleanup(func() { m.close() })
	return m
}

// open opens the drive and its handler.
func (m *many) open() {
	m.t.Helper()
	m.wired.open()
	m.spaces = map[string]*space.Space{}
	uploads, err := m.home.OpenUploads()
	if err != nil {
		m.t.Fatal(err)
	}
	handler, webdav, _, err := newHandler(handlerOptions{
		fs: m.fs, status: m.shown, locks: m.session.state.Locks(), uploads: uploads, user: "anna", password: "secret",
		metrics: metrics.New("test"), patience: m.waits.Answer, ready: m.ready, log: slog.New(slog.DiscardHandler),
		rand: rand.Reader,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.handler = handler
	m.end = func() {
		webdav.Stop()
		if err := uploads.Close(); err != nil {
			m.t.Error(err)
		}
	}
}

// add opens the space number n of the account, which it makes if need be, and mounts it at a path.
func (m *many) add(path string, n byte, store remote.Store) {
	m.t.Helper()
	keys := second(m.account, n)
	err := space.Create(m.t.Context(), store, keys, DeviceOf(m.account, home.Defaults()), rand.Reader, time.Now())
	if err != nil && !errors.Is(err, remote.ErrConflict) {
		m.t.Fatal(err)
	}
	opened, err := m.space.Home().Open(m.t.Context(), space.Options{Store: store, Keys: keys})
	if err != nil {
		m.t.Fatal(err)
	}
	m.spaces[path] = opened
	m.mount(path)
}

func (m *many) mount(path string) {
	m.t.Helper()
	if err := m.fs.Mount(path, m.spaces[path]); err != nil {
		m.t.Fatal(err)
	}
}

// addBoth mounts one space below the files and one below the shared folders, at the drive's own store.
func (m *many) addBoth() {
	m.t.Helper()
	m.add(team, 2, m.kept)
	m.add(x, 3, m.kept)
}

func (m *many) close() {
	m.t.Helper()
	m.end()
	for path, s := range m.spaces {
		if err := s.Close(); err != nil {
			m.t.Errorf("close %s: %v", path, err)
		}
	}
	m.wired.close()
}

// reopen closes the gateway and opens it again, as a restart does.
func (m *many) reopen() {
	m.t.Helper()
	m.close()
	m.open()
	m.addBoth()
}

func (m *many) flush() {
	m.t.Helper()
	errs := []error{m.space.Flush(m.t.Context())}
	for _, s := range m.spaces {
		errs = append(errs, s.Flush(m.t.Context()))
	}
	if err := errors.Join(errs...); err != nil {
		m.t.Fatal(err)
	}
}

// ask makes a request.
func (m *many) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	m.t.Helper()
	r := httptest.NewRequestWithContext(m.t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	r.SetBasicAuth("anna", "secret")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w
}

// want makes a request whose answer must have a status, and returns the answer.
func (m *many) want(status int, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	m.t.Helper()
	w := m.ask(method, path, body, headers...)
	if w.Code != status {
		m.t.Errorf("%s %s: %d, want %d: %.300s", method, path, w.Code, status, w.Body)
	}
	return w
}

// has checks what files hold; those that hold "" must not be there.
func (m *many) has(files map[string]string) {
	m.t.Helper()
	for path, body := range files {
		if body == "" {
			m.want(http.StatusNotFound, "GET", path, "")
			continue
		}
		if got := m.want(http.StatusOK, "GET", path, "").Body.String(); got != body {
			m.t.Errorf("%s holds %d bytes instead of %d", path, len(got), len(body))
		}
	}
}

// lists checks that the listing of a folder names members, by their paths.
func (m *many) lists(folder string, paths ...string) {
	m.t.Helper()
	body := m.want(http.StatusMultiStatus, "PROPFIND", folder, "", "Depth", "1").Body.String()
	if n := strings.Count(body, "<D:response>") - 1; n != len(paths) {
		m.t.Errorf("%s lists %d members instead of %q: %s", folder, n, paths, body)
	}
	for _, path := range paths {
		if !strings.Contains(body, "<D:href>"+path+"<") {
			m.t.Errorf("%s does not list %s: %s", folder, path, body)
		}
	}
}

// records counts the records of the home's journal, from a copy of it as a crash would leave it.
func (m *many) records() (n int) {
	m.t.Helper()
	dir := m.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(m.home.String(), "journal"))); err != nil {
		m.t.Fatal(err)
	}
	j, err := journal.Open(dir, m.account.Secret.Frames, journal.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := j.Replay(func(journal.Record) error { n++; return nil }); err != nil {
		m.t.Error(err)
	}
	if err := j.Close(); err != nil {
		m.t.Error(err)
	}
	return n
}

// inOne checks that a request succeeds and makes one record.
func (m *many) inOne(status int, method, path string, headers ...string) {
	m.t.Helper()
	before := m.records()
	m.want(status, method, path, "", headers...)
	if n := m.records() - before; n != 1 {
		m.t.Errorf("%s %s made %d records of the journal", method, path, n)
	}
}

func to(path string) string { return "http://localhost" + path }

// TestSecondSpaces mounts two further spaces of the home at run time. Programs read and write them as they do the own
// files, move between them in one record of the journal, and find all of it again after a restart.
func TestSecondSpaces(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Hour})
	m.want(http.StatusNotFound, "PROPFIND", team, "", "Depth", "0")
	m.addBoth()
	film := string(bytes.Repeat(noise(1000), 300))
	m.lists("/shared/", "/shared/x/")
	m.lists("/files/", "/files/team/")
	first := map[string]string{"/files/a.txt": "A", "/files/film": film, team + "/b.txt": "B", x + "/c.txt": "C"}
	for path, body := range first {
		m.want(http.StatusCreated, "PUT", path, body)
	}
	m.want(http.StatusCreated, "MKCOL", "/files/d/", "")
	m.want(http.StatusCreated, "PUT", "/files/d/in.txt", "D")
	m.lists("/files/", "/files/a.txt", "/files/d/", "/files/film", "/files/team/")
	m.lists("/files/team/", "/files/team/b.txt")

	// Not committed yet, in both directions.
	m.inOne(http.StatusCreated, "MOVE", "/files/a.txt", "Destination", to(team+"/a.txt"))
	m.has(map[string]string{"/files/a.txt": "", team + "/a.txt": "A"})
	m.want(http.StatusServiceUnavailable, "MOVE", team+"/a.txt", "", "Destination", to("/files/a.txt"))
	m.reopen() // the record is all that there is of the move
	first["/files/a.txt"], first[team+"/a.txt"] = "", "A"
	m.has(first)
	m.flush()
	m.inOne(http.StatusCreated, "MOVE", team+"/a.txt", "Destination", to("/files/a.txt"))
	m.has(map[string]string{"/files/a.txt": "A", team + "/a.txt": ""})

	// Committed: by reference, also folders.
	m.flush()
	m.inOne(http.StatusCreated, "MOVE", "/files/film", "Destination", to(x+"/film"))
	m.inOne(http.StatusCreated, "MOVE", "/files/d", "Destination", to(x+"/d"))
	m.inOne(http.StatusCreated, "COPY", "/files/a.txt", "Destination", to(team+"/a.txt"))
	m.flush()
	m.inOne(http.StatusCreated, "COPY", x+"/d", "Destination", to(team+"/d"))
	m.inOne(http.StatusNoContent, "COPY", x+"/c.txt", "Destination", to(team+"/b.txt"))
	all := map[string]string{
		"/files/a.txt": "A", "/files/film": "", "/files/d/in.txt": "", team + "/a.txt": "A", team + "/b.txt": "C",
		team + "/d/in.txt": "D", x + "/film": film, x + "/d/in.txt": "D", x + "/c.txt": "C",
	}
	m.has(all)
	m.want(http.StatusForbidden, "DELETE", team, "")
	m.want(http.StatusForbidden, "MOVE", "/files/a.txt", "", "Destination", to(team))
	m.reopen()
	m.has(all)
	m.flush()
	m.reopen()
	m.has(all)

	// A mount that goes takes nothing else along, and is as it was when it is back.
	if err := m.fs.Unmount(team); err != nil {
		t.Fatal(err)
	}
	m.want(http.StatusNotFound, "GET", team+"/a.txt", "")
	m.want(http.StatusNotFound, "PROPFIND", team, "", "Depth", "0")
	m.lists("/files/", "/files/a.txt")
	m.lists("/shared/x/", "/shared/x/c.txt", "/shared/x/d/", "/shared/x/film")
	m.has(map[string]string{"/files/a.txt": "A", x + "/film": film})
	m.mount(team)
	m.has(all)
}

// TestSecondSpaceConditions: locks, If, If-Match and Overwrite hold between spaces as they do within one. A refused
// move changes nothing on either side, and locks are kept over a restart.
func TestSecondSpaceConditions(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Hour})
	m.addBoth()
	before := map[string]string{"/files/a.txt": "A", team + "/b.txt": "B"}
	for path, body := range before {
		m.want(http.StatusCreated, "PUT", path, body)
	}
	tag := func(path string) string { return m.want(http.StatusOK, "HEAD", path, "").Header().Get("ETag") }
	over := []string{"Destination", to(team + "/b.txt")}
	refused := func(status int, headers ...string) {
		t.Helper()
		records := m.records()
		m.want(status, "MOVE", "/files/a.txt", "", append(over, headers...)...)
		m.has(before)
		if n := m.records() - records; n > 0 {
			t.Errorf("a refused move made %d records", n)
		}
	}
	refused(http.StatusPreconditionFailed, "Overwrite", "F")
	refused(http.StatusPreconditionFailed, "If-Match", `"other"`)
	refused(http.StatusPreconditionFailed, "If", `</files/a.txt> (["other"])`)
	refused(http.StatusPreconditionFailed, "If", "<"+team+`/b.txt> (["other"])`)
	for _, target := range []string{"/files/n.txt", team + "/n.txt"} {
		m.want(http.StatusNotFound, "MOVE", "/files/none.txt", "", "Destination", to(target))
		m.want(http.StatusNotFound, "COPY", "/files/none.txt", "", "Destination", to(target))
	}

	const info = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
		`<D:locktype><D:write/></D:locktype></D:lockinfo>`
	token := m.want(http.StatusOK, "LOCK", team+"/b.txt", info).Header().Get("Lock-Token")
	locked := func() {
		t.Helper()
		refused(http.StatusLocked)
		m.want(http.StatusLocked, "PUT", team+"/b.txt", "other")
		m.want(http.StatusLocked, "MOVE", team+"/b.txt", "", "Destination", to("/files/b.txt"))
		m.has(before)
	}
	locked()
	m.reopen()
	locked()
	own := m.want(http.StatusOK, "LOCK", "/files/a.txt", info).Header().Get("Lock-Token")
	refused(http.StatusLocked, "If", "<"+team+"/b.txt> ("+token+")")
	m.inOne(http.StatusNoContent, "MOVE", "/files/a.txt", append(over,
		"If", "</files/a.txt> ("+own+" ["+tag("/files/a.txt")+"]) <"+team+"/b.txt> ("+token+" ["+tag(team+"/b.txt")+"])")...)
	m.has(map[string]string{"/files/a.txt": "", team + "/b.txt": "A"})
	m.want(http.StatusNoContent, "UNLOCK", team+"/b.txt", "", "Lock-Token", token)

	// A lock on the mounted folder covers what is moved into it.
	token = m.want(http.StatusOK, "LOCK", team, info, "Depth", "infinity").Header().Get("Lock-Token")
	m.want(http.StatusCreated, "PUT", "/files/n.txt", "N")
	m.want(http.StatusLocked, "MOVE", "/files/n.txt", "", "Destination", to(team+"/n.txt"))
	m.inOne(http.StatusCreated, "MOVE", "/files/n.txt", "Destination", to(team+"/n.txt"), "If", "<"+team+"> ("+token+")")
	m.has(map[string]string{"/files/n.txt": "", team + "/n.txt": "N"})
}

// TestTakenUp: a gateway that starts takes up every space that has changes in the home's journal, and says which ones
// it can't open. Nothing waits for them but what was moved there.
func TestTakenUp(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Hour, Again: time.Millisecond, MaxAgain: time.Millisecond})
	m.addBoth()
	for path, body := range map[string]string{"/files/a.txt": "A", team + "/b.txt": "B"} {
		m.want(http.StatusCreated, "PUT", path, body)
	}
	m.want(http.StatusCreated, "MOVE", "/files/a.txt", "", "Destination", to(team+"/a.txt"))
	m.close()
	unknown := errors.New("no such folder")
	known := make(chan struct{})
	m.beside = func(_ context.Context, store remote.Store, id crypto.PointerID) (space.Options, error) {
		select {
		case <-known:
		default:
			return space.Options{}, unknown
		}
		if keys := second(m.account, 2); id == keys.ID {
			return space.Options{Store: store, Keys: keys}, nil
		}
		return space.Options{}, unknown
	}
	m.open()
	m.want(http.StatusCreated, "PUT", "/files/c.txt", "C")
	for len(m.status().Waiting) == 0 {
		runtime.Gosched()
	}
	if w := m.status().Waiting; len(w) != 1 || w[0] != unknown.Error() {
		t.Errorf("%q wait", w)
	}
	if notes := m.shown().Notes; len(notes) != 1 {
		t.Errorf("the page notes %q", notes)
	}
	if n := m.status().Pending.Changes; n < 4 { // of the three changes, the move counts twice
		t.Errorf("%d changes are pending", n)
	}
	close(known)
	m.flush()
	if err := (&gateway{drive: m.drive}).Flush(m.t.Context()); err != nil {
		t.Error(err)
	}
	if n := m.status().Pending.Changes; n > 0 {
		t.Errorf("%d changes are pending", n)
	}
	if w := m.status().Waiting; len(w) > 0 {
		t.Errorf("%q still wait", w)
	}
	if n := m.records(); n > 0 {
		t.Errorf("%d records are left", n)
	}
	m.addBoth()
	m.has(map[string]string{"/files/a.txt": "", "/files/c.txt": "C", team + "/a.txt": "A", team + "/b.txt": "B"})
}
