package gateway_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/dav"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/journal"
	"postern/vfs/namespace"
	"postern/vfs/pin"
	"postern/vfs/tree"
	"postern/vfs/vfstest"
)

// olderRecord is a change as the journal of a space keeps it.
type olderRecord struct {
	_      struct{} `cbor:",toarray"`
	Op     []byte
	Blobs  []crypto.BlobName
	Theirs []byte
	Device string
	Time   int64
}

// older appends changes to the journal of a stopped gateway, as an older build without a bound of depth wrote them.
func (v *served) older(ops ...tree.Op) {
	v.t.Helper()
	j, err := journal.Open(filepath.Join(v.options.Dir, "journal"), v.options.Keys.Frames, journal.Options{FS: v.disk})
	if err != nil {
		v.t.Fatal(err)
	}
	var last uint64
	for _, op := range ops {
		encoded, err := tree.EncodeOp(op)
		if err != nil {
			v.t.Fatal(err)
		}
		record, err := crypto.Encode(olderRecord{Op: encoded})
		if err != nil {
			v.t.Fatal(err)
		}
		if last, err = j.Append(record, nil); err != nil {
			v.t.Fatal(err)
		}
	}
	if err := j.Sync(v.t.Context(), last); err != nil {
		v.t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		v.t.Fatal(err)
	}
}

// TestDeepDrive uses a drive with folders of 16,384 levels, made by copies that an older build allowed: everything
// works there except changes that would make deeper ones.
func TestDeepDrive(t *testing.T) {
	levels, archive := 1<<14, 403
	if vfstest.UnderRace { // the detector makes each level cost ten times as much, and one archive can hold so few
		levels, archive = 1<<12, 200
	}
	down := func(n int) string { return strings.Repeat("/d", n) }
	at := mem.New()
	v := newServed(t, at)
	kept, err := pin.NewStore(t.Context(), v.options.Store, mem.New(), pin.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pins, err := pin.New(pin.Options{Store: kept, Paths: pin.File{Name: filepath.Join(t.TempDir(), "pins")}})
	if err != nil {
		t.Fatal(err)
	}
	defer pins.Close()
	v.options.Store, v.options.Committed = kept, pins.Changed
	var log bytes.Buffer
	v.options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	start := func() {
		v.start(-1)
		files := namespace.New(namespace.Options{Made: time.Unix(0, 0)},
			map[string]vfs.FS{"files": v.space, "history": v.space.History()})
		committed := v.space.Committed // the pins may ask once more while the next space is opened
		pins.Start(func(path string) []pin.Mount {
			span := files.Spans(path)[0]
			return []pin.Mount{{Path: span.Path, Within: span.Within, Store: kept, Files: committed}}
		})
		if v.handler, err = dav.New(files, dav.Options{Patience: -1}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(code int, method, path string, header ...string) string {
		t.Helper()
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		v.handler.ServeHTTP(w, r)
		if w.Code != code {
			t.Fatalf("%s …%s: %d, want %d: %.300s", method, path[max(0, len(path)-30):], w.Code, code, w.Body)
		}
		return w.Body.String()
	}
	bottom := "/files" + down(levels)

	start()
	v.must("MKCOL", "/files/d", "")
	v.must("PUT", "/files/x", "deep down")
	v.flush()
	v.close()
	var ops []tree.Op
	for n := 1; n < levels; n *= 2 {
		ops = append(ops, tree.Copy{From: "/d", To: down(n) + "/d"})
	}
	v.older(append(ops, tree.Copy{From: "/x", To: down(levels) + "/f"})...)

	start() // replays them, as after a crash
	if got := v.get(bottom + "/f"); got != "deep down" {
		t.Fatalf("%q", got)
	}
	want(403, "PUT", bottom+"/new")
	want(403, "MKCOL", bottom+"/new")
	want(403, "COPY", "/files/x", "Destination", bottom+"/new")
	want(403, "COPY", "/files/d", "Destination", "/files/copy")
	want(403, "MOVE", "/files/x", "Destination", bottom+"/new")
	want(archive, "GET", "/files/d?zip")
	want(200, "GET", bottom+"?zip")
	want(200, "GET", bottom+"/", "Accept", "text/html", "User-Agent", "Mozilla/5.0")
	if list := want(207, "PROPFIND", bottom, "Depth", "1"); !strings.Contains(list, "/f</D:href>") {
		t.Errorf("the lowest folder is listed as %.300s", list)
	}
	want(201, "COPY", bottom+"/f", "Destination", "/files/copied")
	v.flush()

	if err := pins.Pin("/files/d"); err != nil {
		t.Fatal(err)
	}
	fetched, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := pins.Wait(fetched); err != nil {
		t.Fatal(err)
	}
	// As the gateway does, the check reads past the pins.
	report, err := v.space.Keeper().Fsck(t.Context(), fsck.Options{Store: at, ReadData: true})
	if err != nil || !report.Clean() {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := v.space.Keeper().Collect(t.Context(), gc.Options{Grace: -1}); err != nil {
		t.Fatal(err)
	}
	states := 0
	for state, err := range v.space.History().List(t.Context(), "/") {
		if err != nil {
			t.Fatal(err)
		}
		if info, err := v.space.History().Stat(t.Context(), "/"+state.Name+down(levels)+"/f"); err == nil && info.Size == 9 {
			states++
		}
	}
	if states == 0 {
		t.Error("no state of the history shows the lowest file")
	}
	v.close()

	// Start from the commit. Two devices change the lowest folder and the one above, and merge.
	start()
	other := v.another()
	other.options.Store, other.options.Committed = v.options.Store, nil
	other.start(-1)
	if got := other.get(bottom + "/f"); got != "deep down" {
		t.Fatalf("%q", got)
	}
	want(201, "MOVE", bottom+"/f", "Destination", bottom+"/ours")
	v.flush()
	if code := other.do("MOVE", bottom, "", "Destination", "/files"+down(levels-1)+"/theirs"); code != 201 {
		t.Fatal(code)
	}
	other.flush()
	if err := v.space.Committer().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	theirs := "/files" + down(levels-1) + "/theirs"
	for _, on := range []*served{v, other} {
		// One device removed the folder, so only the other's new file stays.
		if ours, moved := on.do("GET", bottom+"/ours", ""), on.do("GET", theirs+"/f", ""); ours != 200 || moved != 200 {
			t.Errorf("the two changes are answered %d and %d", ours, moved)
		}
	}
	other.close()

	// The remedy.
	want(201, "MOVE", "/files"+down(levels/2), "Destination", "/files/half")
	want(201, "MOVE", "/files/d", "Destination", "/files/e")
	want(204, "DELETE", "/files/half"+down(100))
	v.close()
	start()
	want(204, "DELETE", "/files/half")
	want(204, "DELETE", "/files/e")
	v.flush()
	v.close()
	start()
	want(404, "PROPFIND", "/files/e")
	if got := v.get("/files/copied"); got != "deep down" {
		t.Errorf("%q", got)
	}
	v.close()
	if log.Len() > 0 {
		t.Errorf("complaints: %.1000s", log.String())
	}
}
