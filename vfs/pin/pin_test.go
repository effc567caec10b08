package pin

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/vfs"
)

func (another) Close() error { return nil }

// TestOfflineFolder pins a folder and a large file on a second device. With the remote unreachable and after a restart
// only these are readable.
func TestOfflineFolder(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	big, film, small := body(12<<20), body(7<<20), body(3000)
	for _, folder := range []string{"/docs", "/docs/2026", "/films"} {
		a.mkdir(folder)
	}
	a.put("/docs/big", big)
	a.put("/docs/2026/small", small)
	a.flush()
	a.put("/films/one", film)
	a.flush()
	a.put("/films/two", film)
	a.flush()

	b := a.another()
	defer func() { b.close() }()
	b.pin("/docs", "/films/one", "/nothing/here")
	st := b.pins.Status()
	if len(st.Paths) != 3 || st.Failed != "" || st.Blobs == 0 || st.Bytes < int64(len(big)+len(film)) {
		t.Errorf("%+v", st)
	}
	if docs := b.status("/docs"); !docs.Complete() || docs.Absent || docs.Bytes < int64(len(big)) || docs.Blobs < 4 {
		t.Errorf("%+v", docs)
	}
	if none := b.status("/nothing/here"); !none.Absent || !none.Known {
		t.Errorf("%+v", none)
	}
	b.offline()
	b.reads("/docs/big", big)
	b.reads("/docs/2026/small", small)
	b.reads("/films/one", film)
	b.reads("/films/two", nil)
	b.wait() // offline: finds that nothing is missing
	if docs := b.status("/docs"); !docs.Complete() {
		t.Errorf("after a restart: %+v", docs)
	}
	// A change made offline is committed later and kept then.
	b.put("/docs/2026/new", small)
	b.online()
	b.flush()
	b.wait()
	b.offline()
	b.reads("/docs/2026/new", small)
}

// TestFollowsCommits: another device's changes in a pinned folder are fetched; replaced blobs are dropped.
func TestFollowsCommits(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	a.mkdir("/docs")
	a.put("/docs/a", body(6<<20))
	a.flush()
	b := a.another()
	defer func() { b.close() }()
	b.pin("/docs")
	before := b.status("/docs")
	next := body(6 << 20)
	a.put("/docs/a", next)
	a.put("/docs/b", next[:5000])
	a.flush()
	b.put("/poll", nil) // a commit of its own takes theirs over
	b.flush()
	b.wait()
	b.clock.Add(int64(DefaultUploaded + time.Minute))
	b.pins.mu.Lock()
	b.pins.stores[b.store].sweep = true
	b.pins.mu.Unlock()
	b.pins.Changed()
	b.wait()
	after := b.status("/docs")
	if !after.Complete() || after.Bytes > before.Bytes+before.Bytes/4 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if blobs, n := b.store.Held(); blobs != after.Blobs || n != after.Bytes {
		t.Errorf("%d blobs of %d bytes are held, %+v", blobs, n, after)
	}
	b.offline()
	b.reads("/docs/a", next)
	b.reads("/docs/b", next[:5000])
}

// TestOwnUploadsStay: files written here into a pinned folder are never fetched.
func TestOwnUploadsStay(t *testing.T) {
	a := newDevice(t)
	defer func() { a.close() }()
	a.pin("/")
	gets := &atomic.Int64{}
	a.away.SetPlan(func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Get {
			gets.Add(1)
		}
		return faulty.Fine
	})
	content := body(11 << 20)
	a.put("/film", content)
	a.put("/note", content[:100])
	a.flush()
	a.wait()
	if st := a.status("/"); !st.Complete() || gets.Load() > 0 {
		t.Errorf("%d fetches, %+v", gets.Load(), st)
	}
	a.offline()
	a.reads("/film", content)
	a.reads("/note", content[:100])
}

// TestResumes: blobs that were fetched before the line broke are not fetched again, not even after a restart.
func TestResumes(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	content := body(40 << 20)
	a.put("/film", content)
	a.flush()
	b := a.another()
	defer func() { b.close() }()
	var gets atomic.Int64
	broken := func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Get && gets.Add(1) > 4 {
			return faulty.Fail
		}
		return faulty.Fine
	}
	b.away.SetPlan(broken)
	if err := b.pins.Pin(files + "/film"); err != nil {
		t.Fatal(err)
	}
	b.untilFailed()
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if err := b.pins.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, remote.ErrUnavailable) {
		t.Fatalf("waiting for what can't be fetched: %v", err)
	}
	st := b.status("/film")
	if st.Missing == 0 || st.Blobs != 4 || st.Complete() || st.MissingBytes == 0 || b.pins.Status().Failed == "" {
		t.Errorf("%+v", st)
	}
	b.close()
	b.away.SetPlan(func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Get {
			gets.Add(1)
		}
		return faulty.Fine
	})
	gets.Store(0)
	b.open()
	b.wait()
	if got := gets.Load(); got != int64(st.Missing) {
		t.Errorf("%d blobs were fetched after the restart, %d were missing", got, st.Missing)
	}
	b.offline()
	b.reads("/film", content)
}

// TestFollowsFolders: when a pinned folder or its parent is renamed here, its pinned files stay readable: before the
// remote has the change, after a start without the remote, and afterwards.
func TestFollowsFolders(t *testing.T) {
	a := newDevice(t)
	defer func() { a.close() }()
	content := body(6 << 20)
	a.mkdir("/docs")
	a.mkdir("/docs/deep")
	a.mkdir("/docs/deeper")
	a.put("/docs/deep/a", content)
	a.flush()
	b := a.another()
	defer func() { b.close() }()
	b.pin("/docs/deep", "/docs/deep/a", "/docs/deeper")
	_, held := b.store.Held()

	b.offline()
	b.move("/docs/deep", "/docs/new")
	b.move("/docs", "/papers")
	want := []string{"/files/papers/deeper", "/files/papers/new", "/files/papers/new/a"}
	if got := b.pins.Paths(); !slices.Equal(got, want) {
		t.Errorf("pinned are %q", got)
	}
	b.clock.Add(int64(2 * DefaultUploaded))
	b.wait()
	b.reads("/papers/new/a", content)
	if st := b.status("/papers/new"); st.Absent || !st.Complete() {
		t.Errorf("before it is committed: %+v", st)
	}
	b.offline() // again
	b.wait()
	b.reads("/papers/new/a", content)

	b.online()
	b.flush()
	b.wait()
	if st := b.status("/papers/new"); st.Absent || !st.Complete() || st.Bytes < 6<<20 {
		t.Errorf("%+v", st)
	}
	if _, n := b.store.Held(); n < held {
		t.Errorf("%d bytes of %d are held", n, held)
	}
	b.offline()
	b.reads("/papers/new/a", content)
}

// TestPathsNotThings: a pin belongs to a path. A file renamed away by another device is dropped, its successor is kept.
func TestPathsNotThings(t *testing.T) {
	a := newDevice(t)
	defer func() { a.close() }()
	old, next := body(6<<20), body(6<<20)
	a.mkdir("/docs")
	a.put("/docs/old", old)
	a.flush()
	b := a.another()
	defer b.close()
	a.pin("/docs", "/later")
	b.move("/docs", "/away")
	b.flush()
	if err := a.space.Committer().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wait()
	if st := a.status("/docs"); !st.Absent {
		t.Errorf("%+v", st)
	}
	a.put("/saved", old)
	a.flush()
	a.pin("/saved")
	a.move("/saved", "/aside")
	a.put("/saved", next)
	a.flush()
	a.wait()
	if st := a.status("/saved"); st.Absent || !st.Complete() {
		t.Errorf("a file that was saved anew: %+v", st)
	}
	a.put("/later", next)
	a.flush()
	a.wait()
	if st := a.status("/later"); st.Absent || !st.Complete() {
		t.Errorf("%+v", st)
	}
	a.offline()
	a.reads("/later", next)
}

// TestRemove: unpinning drops blobs that no other path needs, also after a restart.
func TestRemove(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	a.mkdir("/docs")
	a.put("/docs/a", body(6<<20))
	a.flush()
	b := a.another()
	defer func() { b.close() }()
	b.pin("/docs", "/docs/a")
	if err := b.pins.Pin(files + "/docs"); err != nil { // again: no change
		t.Fatal(err)
	}
	_, all := b.store.Held()
	if err := b.pins.Remove(files + "/docs"); err != nil {
		t.Fatal(err)
	}
	b.wait()
	if _, n := b.store.Held(); n < 6<<20 || n > all {
		t.Errorf("%d bytes of %d are held for the file", n, all)
	}
	if err := b.pins.Remove(files + "/docs"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	if err := b.pins.Remove(files + "/docs/a"); err != nil {
		t.Fatal(err)
	}
	b.wait()
	if blobs, n := b.store.Held(); blobs != 0 || n != 0 {
		t.Errorf("%d blobs of %d bytes are held for nothing", blobs, n)
	}
	b.close()
	b.open()
	if paths := b.pins.Paths(); len(paths) > 0 {
		t.Errorf("%q are pinned again", paths)
	}
	if err := b.pins.Pin("docs/"); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("what is no path: %v", err)
	}
}

// TestLostAtTheRemote: blobs that the remote has lost are reported as missing, and the rest is kept.
func TestLostAtTheRemote(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	lost, kept := body(6<<20), body(6<<20)
	a.put("/kept", kept)
	a.flush()
	names := map[crypto.BlobName]bool{}
	for info, err := range a.parent.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names[info.Name] = true
	}
	a.put("/lost", lost)
	a.flush()
	gone := 0
	for info, err := range a.parent.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !names[info.Name] && info.Size > 500_000 {
			gone++
			if err := a.parent.Delete(t.Context(), info.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := a.another()
	defer func() { b.close() }()
	b.pin("/")
	if st := b.status("/"); st.Missing != gone || gone == 0 || st.Complete() {
		t.Errorf("%d blobs are lost, %+v", gone, st)
	}
	b.offline()
	b.reads("/kept", kept)
}
