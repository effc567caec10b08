package fsck_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/tree"
	"postern/vfs/vfstest"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// recording records the blobs that were put, in order, and those that were read.
type recording struct {
	remote.Store
	mu   sync.Mutex
	puts []crypto.BlobName
	read map[crypto.BlobName]bool
}

func (r *recording) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	r.mu.Lock()
	r.puts = append(r.puts, name)
	r.mu.Unlock()
	return r.Store.Put(ctx, name, body)
}

func (r *recording) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	r.mu.Lock()
	if r.read != nil {
		r.read[name] = true
	}
	r.mu.Unlock()
	return r.Store.GetRange(ctx, name, off, p)
}

// house is a filled drive, with its contents and the blobs that they need.
type house struct {
	store *recording
	drive *gctest.Drive
	want  map[string][]byte
	needs map[string]map[crypto.BlobName]bool
}

func body(n, size int) []byte {
	b := make([]byte, size)
	_, _ = io.ReadFull(mrand.NewChaCha8([32]byte{byte(n), byte(n >> 8), 1}), b) // it never fails
	return b
}

// build makes a drive with several commits: a folder of many pages, copies, a history, and, if large, files with
// several chunks and an index.
func build(t testing.TB, large bool) *house {
	t.Helper()
	h := &house{store: &recording{Store: mem.New()}, want: map[string][]byte{},
		needs: map[string]map[crypto.BlobName]bool{}}
	var err error
	if h.drive, err = gctest.New(t.Context(), h.store, start); err != nil {
		t.Fatal(err)
	}
	put := func(path string, b []byte) tree.Op {
		op, err := h.drive.File(t.Context(), path, b)
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	ops := []tree.Op{tree.Mkdir{Path: "/many", Time: start}, tree.Mkdir{Path: "/docs", Time: start}}
	for i := range 150 {
		ops = append(ops, put(fmt.Sprintf("/many/%04d", i), body(i, 20)))
	}
	h.do(t, ops...)
	h.do(t, put("/docs/report.txt", body(1000, 3000)), put("/many/0100", body(1001, 30)))
	h.do(t, put("/many/0003", body(1002, 30)), tree.Copy{From: "/docs", To: "/copy"})
	h.do(t, put("/docs/report.txt", body(1003, 3000)))
	if large {
		h.do(t, put("/large", body(1004, 11<<20)), put("/huge", body(1005, 21<<20)),
			tree.Copy{From: "/large", To: "/docs/large"})
	}
	h.do(t, put("/many/0140", body(1006, 30)))
	h.take(t)
	return h
}

func (h *house) do(t testing.TB, ops ...tree.Op) {
	t.Helper()
	if err := h.drive.Do(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
}

// take reads the whole drive, and notes which blobs each part needs.
func (h *house) take(t testing.TB) {
	t.Helper()
	var down func(path string)
	down = func(path string) {
		var all []tree.Entry // a listing reads ahead
		for e, err := range h.fresh(t).List(t.Context(), path) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		for _, e := range all {
			sub := strings.TrimSuffix(path, "/") + "/" + e.Info().Name
			if e.IsFolder() {
				down(sub)
				continue
			}
			h.store.read = map[crypto.BlobName]bool{}
			b, err := gctest.ReadFile(t.Context(), h.store, h.fresh(t), sub)
			if err != nil {
				t.Fatal(err)
			}
			h.want[sub], h.needs[sub] = b, h.store.read
			h.store.read = nil
		}
	}
	down("/")
}

// fresh returns the newest tree without any cache.
func (h *house) fresh(t testing.TB) tree.Tree {
	t.Helper()
	return tree.New(tree.NewNodes(h.store, tree.Options{}), h.commit(t).Root)
}

func (h *house) commit(testing.TB) object.Commit { return h.drive.Base().Commit }

func (h *house) options() fsck.Options {
	return fsck.Options{Store: h.store, At: h.drive.Base().Ref, Now: func() time.Time { return start.Add(time.Hour) }}
}

func check(t testing.TB, o fsck.Options) fsck.Report {
	t.Helper()
	r, err := fsck.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// state returns the state of the history that contains a path.
func state(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/history/")
	name, _, _ := strings.Cut(rest, "/")
	return name, ok
}

// covers reports whether the report names the damage at a path.
func covers(r fsck.Report, path string) bool {
	state, inState := state(path)
	for _, d := range r.Damage {
		at := d.Path
		if inState && d.Oldest != "" && d.Oldest <= state && state <= d.Newest { // reported once, for all of them
			_, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(at, "/files"), "/history/"), "/")
			at = strings.TrimSuffix("/history/"+state+"/"+rest, "/")
		}
		rest, below := strings.CutPrefix(path, strings.TrimSuffix(at, "/")+"/")
		name, _, _ := strings.Cut(rest, "/")
		if d.Kind == fsck.File && at == path ||
			d.Kind == fsck.Folder && below && name >= d.From && (d.Until == "" || name < d.Until) {
			return true
		}
	}
	return false
}

func TestClean(t *testing.T) {
	h := build(t, true)
	for _, data := range []bool{false, true} {
		o := h.options()
		o.ReadData = data
		r := check(t, o)
		if !r.Clean() || r.Chunks < 150 || r.Nodes < 20 || r.Total < 43<<20 || r.Bytes < 32<<20 {
			t.Errorf("%+v", r)
		}
	}
}

// TestEachBlobLost loses and damages each blob in turn. Everything outside it must stay readable, and everything in it
// must be named.
func TestEachBlobLost(t *testing.T) {
	h := build(t, true)
	for i, name := range h.store.puts {
		if vfstest.UnderRace && i%4 > 0 {
			continue
		}
		blob, err := h.store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"lost", "cut", "spoilt"} {
			h.replace(t, name, nil)
			switch how {
			case "cut":
				h.replace(t, name, blob[:1])
			case "spoilt":
				h.replace(t, name, bytes.Repeat([]byte{7}, len(blob)))
			}
			o := h.options()
			o.ReadData = how == "spoilt"
			r, err := fsck.Run(t.Context(), o)
			if name == o.At.Blob {
				if !errors.Is(err, vfs.ErrCorrupt) || len(r.Damage) != 1 || r.Damage[0].Kind != fsck.Commit {
					t.Errorf("the commit is %s: %+v, %v", how, r, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			h.judge(t, fmt.Sprintf("blob %d %s", i, how), name, r, how != "lost")
		}
		h.replace(t, name, blob)
	}
	if r := check(t, h.options()); !r.Clean() {
		t.Errorf("everything was put back: %+v", r)
	}
}

func (h *house) replace(t testing.TB, name crypto.BlobName, blob []byte) {
	t.Helper()
	if err := h.store.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if blob == nil {
		return
	}
	if err := h.store.Store.Put(t.Context(), name, remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
}

func (h *house) judge(t *testing.T, what string, name crypto.BlobName, r fsck.Report, small bool) {
	t.Helper()
	now := h.fresh(t)
	damaged := 0
	for path, want := range h.want {
		needed := h.needs[path][name]
		if small && !needed && len(want) > 1<<20 {
			continue // once is enough
		}
		got, err := gctest.ReadFile(t.Context(), h.store, now, path)
		if needed {
			damaged++
		}
		switch {
		case !needed && (err != nil || !bytes.Equal(got, want)):
			t.Errorf("%s: it took %s with it: %v", what, path, err)
		case needed && err == nil && !bytes.Equal(got, want):
			t.Errorf("%s: wrong bytes of %s", what, path)
		// in the history, ranges of states are named
		case needed != covers(r, path) && (needed || !strings.HasPrefix(path, "/history/")):
			t.Errorf("%s: %s is damaged: %v, but named: %v", what, path, needed, covers(r, path))
		}
	}
	if (damaged > 0) == r.Clean() {
		t.Errorf("%s: %d files are damaged, and the report says %+v", what, damaged, r.Damage)
	}
	for _, d := range r.Damage {
		for _, good := range d.Good {
			if d.Kind != fsck.File {
				continue
			}
			if b, err := gctest.ReadFile(t.Context(), h.store, now, good); err != nil || !bytes.Equal(b, h.want[good]) {
				t.Errorf("%s: %s is no way out: %v", what, good, err)
			}
		}
	}
}

// TestRanges checks that the lost bytes and the remaining good versions are named.
func TestRanges(t *testing.T) {
	h := build(t, true)
	damage := func(path string, chunk int) fsck.Report {
		e, err := h.fresh(t).Lookup(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := e.Object()
		name := o.Content.Chunks[chunk].Blob
		blob, err := h.store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(blob)
		bad[crypto.ChunkMetaSize+2*crypto.SealedSegmentSize+9] ^= 1
		h.replace(t, name, bad)
		defer h.replace(t, name, blob)
		opts := h.options()
		opts.ReadData = true
		return check(t, opts)
	}
	r := damage("/files/large", 1)
	want := fsck.Range{Offset: crypto.ChunkSize + 2*crypto.SegmentSize, Length: crypto.SegmentSize}
	named := map[string]bool{}
	for _, d := range r.Damage {
		named[d.Path] = true
		if len(d.Ranges) != 1 || d.Ranges[0] != want || d.Kind != fsck.File {
			t.Errorf("%+v", d)
		}
	}
	if !named["/files/large"] || !named["/files/docs/large"] {
		t.Errorf("%v", named)
	}

	e, err := h.fresh(t).Lookup(t.Context(), "/files/docs/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := e.Object()
	h.replace(t, o.Content.Chunks[0].Blob, nil)
	for _, d := range check(t, h.options()).Damage {
		if d.Path != "/files/docs/report.txt" {
			continue
		}
		if len(d.Good) == 0 || !bytes.Equal(h.want[d.Good[0]], body(1000, 3000)) {
			t.Errorf("the first version is good, but the way out is %q", d.Good)
		}
	}
}

// editor changes a drive.
type editor struct {
	d *gctest.Drive
}

func (e editor) Apply(ctx context.Context, op tree.Op) error {
	b, err := tree.EncodeOp(op) // as stored in the journal
	if err != nil {
		return err
	}
	if op, err = tree.DecodeOp(b); err != nil {
		return err
	}
	return e.d.Do(ctx, op)
}

func (h *house) repairing() fsck.Options {
	o := h.options()
	o.Repair, o.Editor = true, editor{h.drive}
	o.Version = func() (v vfs.Version, err error) {
		_, err = rand.Read(v[:])
		return v, err
	}
	return o
}

// TestMovedAside loses each blob of a drive in turn, and repairs without any other source. Afterwards the files are
// intact except for lost+found; and once the blob is found, so is lost+found.
func TestMovedAside(t *testing.T) {
	for i, total := 0, 1; i < total; i++ {
		h := build(t, false)
		total = len(h.store.puts)
		name := h.store.puts[i]
		if name == h.options().At.Blob {
			continue
		}
		blob, err := h.store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		h.replace(t, name, nil)
		damaged := check(t, h.repairing())
		if damaged.Clean() {
			continue // an old commit
		}
		after := check(t, h.options())
		for _, d := range after.Damage {
			if strings.HasPrefix(d.Path, "/files") && !strings.HasPrefix(d.Path, "/files/lost+found") {
				t.Errorf("blob %d: after the repair %s is damaged: %s", i, d.Path, d.Why)
			}
		}
		now := h.fresh(t)
		for path, want := range h.want {
			if b, err := gctest.ReadFile(t.Context(), h.store, now, path); !h.needs[path][name] &&
				(err != nil || !bytes.Equal(b, want)) {
				t.Errorf("blob %d: the repair took %s with it: %v", i, path, err)
			}
		}
		h.replace(t, name, blob)
		if again := check(t, h.options()); !again.Clean() {
			t.Errorf("blob %d: it is back, but %+v", i, again.Damage)
		}
		found := &house{store: h.store, drive: h.drive, want: map[string][]byte{},
			needs: map[string]map[crypto.BlobName]bool{}}
		found.take(t)
		bodies := map[string]int{}
		for path, b := range found.want {
			if strings.HasPrefix(path, "/files/") {
				bodies[string(b)]++
			}
		}
		for path, b := range h.want {
			if strings.HasPrefix(path, "/files/") && bodies[string(b)] == 0 {
				t.Errorf("blob %d: it is back, but %s is nowhere", i, path)
			}
		}
	}
}

// TestRestored restores lost and damaged blobs from another source, whose blobs are verified.
func TestRestored(t *testing.T) {
	h := build(t, false)
	mirror, wrong := mem.New(), mem.New()
	for i, name := range h.store.puts {
		blob, err := h.store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for store, b := range map[*mem.Store][]byte{mirror: blob, wrong: body(i, len(blob))} {
			if err := store.Put(t.Context(), name, remote.BytesBody(b)); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 0 {
			h.replace(t, name, nil)
		} else {
			h.replace(t, name, make([]byte, len(blob)))
		}
	}
	o := h.repairing()
	o.ReadData = true
	o.Sources = []fsck.Source{wrong, mirror}
	r := check(t, o)
	if !r.Clean() || len(r.Restored) < 4 {
		t.Errorf("%+v", r)
	}
	h.judge(t, "restored", crypto.BlobName{}, r, false)
}

// TestOlder goes back to another known commit when the newest is lost.
func TestOlder(t *testing.T) {
	h := build(t, false)
	o := h.options()
	o.Older = []object.Ref{h.drive.Base().Commit.Parent.Commit}
	h.replace(t, o.At.Blob, nil)
	r := check(t, o)
	if len(r.Damage) == 0 || r.Damage[0].Kind != fsck.Commit || r.Fallback != o.Older[0] || r.Nodes == 0 {
		t.Errorf("%+v", r)
	}
}
