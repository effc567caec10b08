package pin

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// device is a gateway of an account: a space over a Store, and a Pinner that is told of its commits.
type device struct {
	t       *testing.T
	account crypto.AccountSecret
	id      byte
	dir     string
	away    *faulty.Store // what it sees of the remote
	local   *mem.Store
	parent  remote.Store
	clock   *atomic.Int64 // nanoseconds

	store *Store
	pins  *Pinner
	space *space.Space
}

// newDevice makes an account at a remote, and its first device, open.
func newDevice(t *testing.T) *device {
	t.Helper()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, account: account, id: 1, dir: t.TempDir(), parent: mem.New(), local: mem.New(),
		clock: new(atomic.Int64)}
	d.clock.Store(time.Now().UnixNano())
	if err := space.Create(t.Context(), d.parent, base.Own(account), d.device(), rand.Reader, d.now()); err != nil {
		t.Fatal(err)
	}
	d.open()
	return d
}

// another is a further device of the account, open.
func (d *device) another() *device {
	d.t.Helper()
	o := &device{t: d.t, account: d.account, id: d.id + 1, dir: d.t.TempDir(), parent: d.parent, local: mem.New(),
		clock: d.clock}
	o.open()
	return o
}

func (d *device) now() time.Time { return time.Unix(0, d.clock.Load()) }

func (d *device) device() space.Device {
	return space.Device{ID: object.DeviceID{d.id}, Name: fmt.Sprint("device ", d.id)}
}

func (d *device) open() {
	d.t.Helper()
	if d.away == nil {
		d.away = faulty.New(d.parent, nil, faulty.Options{})
	}
	inner := verify.New(another{d.away}, &verify.MemoryPins{})
	var err error
	if d.store, err = NewStore(d.t.Context(), inner, d.local.Another(), StoreOptions{Now: d.now}); err != nil {
		d.t.Fatal(err)
	}
	if d.pins, err = New(Options{Store: d.store, Paths: File(filepath.Join(d.dir, "pins")), Now: d.now}); err != nil {
		d.t.Fatal(err)
	}
	d.space, err = space.Open(context.Background(), space.Options{
		Store: d.store, Keys: base.Own(d.account), Dir: d.dir, Device: d.device(), Committed: d.pins.Committed,
		Moved:       d.pins.Moved,
		CommitDelay: time.Millisecond, PollInterval: time.Hour, Now: d.now,
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// another is a handle on a remote that others use too.
type another struct{ remote.Store }

func (another) Close() error { return nil }

func (d *device) close() {
	d.t.Helper()
	d.pins.Close()
	if err := errors.Join(d.space.Close(), d.store.Close()); err != nil {
		d.t.Error(err)
	}
}

// offline starts the device anew, with the remote away, so that nothing is left in memory.
func (d *device) offline() {
	d.t.Helper()
	d.close()
	d.away.SetPlan(faulty.Always(faulty.Fail))
	d.open()
}

func (d *device) online() {
	d.t.Helper()
	d.away.SetPlan(nil)
	d.space.Retry()
	d.pins.Wake()
}

func (d *device) put(path string, body []byte) {
	d.t.Helper()
	u, err := d.space.Create(d.t.Context(), path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		d.t.Fatal(err)
	}
	if _, _, err := u.Commit(d.t.Context(), vfs.CommitOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) move(from, to string) {
	d.t.Helper()
	if _, err := d.space.Move(d.t.Context(), from, to, vfs.CopyOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) mkdir(path string) {
	d.t.Helper()
	if err := d.space.Mkdir(d.t.Context(), path, nil); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) flush() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	if err := d.space.Flush(ctx); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) pin(paths ...string) {
	d.t.Helper()
	for _, path := range paths {
		if err := d.pins.Pin(path); err != nil {
			d.t.Fatal(err)
		}
	}
	d.wait()
}

func (d *device) wait() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	if err := d.pins.Wait(ctx); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) read(path string) ([]byte, error) {
	f, err := d.space.Open(d.t.Context(), path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// reads insists on what is read of a path; nil: it can't be reached.
func (d *device) reads(path string, want []byte) {
	d.t.Helper()
	got, err := d.read(path)
	switch {
	case want == nil && !errors.Is(err, vfs.ErrUnavailable):
		d.t.Errorf("%s, which isn't pinned: %d bytes, %v", path, len(got), err)
	case want != nil && (err != nil || !bytes.Equal(got, want)):
		d.t.Errorf("%s: %d bytes of %d, %v", path, len(got), len(want), err)
	}
}

// status is what is known of one path.
func (d *device) status(path string) PathStatus {
	d.t.Helper()
	for _, st := range d.pins.Status().Paths {
		if st.Path == path {
			return st
		}
	}
	d.t.Fatalf("%s isn't pinned", path)
	return PathStatus{}
}

// body is random, so that nothing shrinks or repeats.
func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// TestOfflineFolder pins a folder on a second device, and a large file: with the remote away and after a restart just
// these are read.
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
	b.wait() // offline, it finds that all is here
	if docs := b.status("/docs"); !docs.Complete() {
		t.Errorf("after a restart: %+v", docs)
	}
	// What is changed offline is committed later, and is kept then.
	b.put("/docs/2026/new", small)
	b.online()
	b.flush()
	b.wait()
	b.offline()
	b.reads("/docs/2026/new", small)
}

// TestFollowsCommits: what another device changes in a pinned folder comes here; what was replaced goes.
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
	b.clock.Add(int64(DefaultGrace + time.Minute))
	b.pins.mu.Lock()
	b.pins.sweep = true
	b.pins.asked++
	b.pins.mu.Unlock()
	b.pins.Wake()
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

// TestOwnUploadsStay: what is written here into a pinned folder is never fetched.
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

// TestResumes: what was fetched before the line broke isn't fetched again, nor after a restart.
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
	if err := b.pins.Pin("/film"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
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

// TestFollowsFolders: when a folder is renamed here, or one above it, what is pinned in it stays at hand all along:
// before the remote hears of it, after a start without the remote, and afterwards.
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
	if got := b.pins.Paths(); !slices.Equal(got, []string{"/papers/deeper", "/papers/new", "/papers/new/a"}) {
		t.Errorf("pinned are %q", got)
	}
	b.clock.Add(int64(2 * DefaultGrace))
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

// TestPathsNotThings: a pin is of a path. What is renamed away elsewhere is dropped, what comes in its place is kept.
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

// TestRemove drops what no path needs any more, and lasts.
func TestRemove(t *testing.T) {
	a := newDevice(t)
	defer a.close()
	a.mkdir("/docs")
	a.put("/docs/a", body(6<<20))
	a.flush()
	b := a.another()
	defer func() { b.close() }()
	b.pin("/docs", "/docs/a")
	if err := b.pins.Pin("/docs"); err != nil { // again: no change
		t.Fatal(err)
	}
	_, all := b.store.Held()
	if err := b.pins.Remove("/docs"); err != nil {
		t.Fatal(err)
	}
	b.wait()
	if _, n := b.store.Held(); n < 6<<20 || n > all {
		t.Errorf("%d bytes of %d are held for the file", n, all)
	}
	if err := b.pins.Remove("/docs"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	if err := b.pins.Remove("/docs/a"); err != nil {
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

// TestLostAtTheRemote: what the remote has lost is said to be missing, and the rest is kept.
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
