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
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// device is a gateway of an account: a drive whose files are a space over a Store, and a Pinner that keeps them. Paths
// lie below files.
type device struct {
	t       *testing.T
	account crypto.AccountSecret
	id      byte
	dir     string
	away    *faulty.Store // the device's view of the remote
	local   *mem.Store
	parent  remote.Store
	clock   *atomic.Int64 // nanoseconds

	store *Store
	pins  *Pinner
	space *space.Space
	drive *namespace.Drive
	ends  []func() // called before the space is closed, the last one first
}

// newDevice creates an account at a remote and opens its first device.
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

// another opens a further device of the account.
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
	if d.pins, err = New(Options{Store: d.store, Paths: d.list(), Now: d.now}); err != nil {
		d.t.Fatal(err)
	}
	d.space, err = space.Open(context.Background(), space.Options{
		Store: d.store, Keys: base.Own(d.account), Dir: d.dir, Device: d.device(), Committed: d.pins.Changed,
		Deadlines: remote.Deadlines{Commit: time.Millisecond, Poll: time.Hour}, Now: d.now,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.drive = namespace.New(namespace.Options{Mounted: d.pins.Changed, Moved: d.pins.Moved},
		map[string]vfs.FS{files: d.space})
	d.pins.Start(d.mounted)
}

// files is where the space is mounted.
const files = "/files"

// keptSpace is a space that can be pinned.
type keptSpace interface {
	Store() remote.Store
	Committed(ctx context.Context) (files tree.Tree, whole bool, err error)
}

func (d *device) mounted(path string) (all []Mount) {
	for _, span := range d.drive.Spans(path) {
		if s, ok := span.FS.(keptSpace); ok {
			if store, ok := s.Store().(*Store); ok {
				all = append(all, Mount{span.Path, span.Within, store, s.Committed})
			}
		}
	}
	return all
}

func (d *device) list() File { return File{filepath.Join(d.dir, "pins"), files} }

// another is a remote shared with other devices: Close does not close it.
type another struct{ remote.Store }

func (d *device) beforeClose(end func()) { d.ends = append(d.ends, end) }

func (d *device) close() {
	d.t.Helper()
	d.pins.Close()
	for _, end := range slices.Backward(d.ends) {
		end()
	}
	d.ends = nil
	if err := errors.Join(d.space.Close(), d.store.Close()); err != nil {
		d.t.Error(err)
	}
}

// offline restarts the device with the remote unreachable, so that nothing stays in memory.
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
	if err := write(d.drive, files+path, body); err != nil {
		d.t.Fatal(err)
	}
}

func write(to vfs.Writer, path string, body []byte) error {
	u, err := to.Create(context.Background(), path)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		return err
	}
	_, _, err = u.Commit(context.Background(), vfs.CommitOptions{})
	return err
}

func (d *device) move(from, to string) {
	d.t.Helper()
	if _, err := d.drive.Move(d.t.Context(), files+from, files+to, vfs.CopyOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) mkdir(path string) {
	d.t.Helper()
	if err := d.drive.Mkdir(d.t.Context(), files+path, nil); err != nil {
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
		if err := d.pins.Pin(strings.TrimSuffix(files+path, "/")); err != nil {
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

// untilFailed returns once a run has failed.
func (d *device) untilFailed() {
	d.t.Helper()
	for {
		d.pins.mu.Lock()
		changed := d.pins.changed
		d.pins.mu.Unlock()
		if d.pins.Status().Failed != "" {
			return
		}
		select {
		case <-changed:
		case <-d.t.Context().Done():
			d.t.Fatal("no run has failed")
		}
	}
}

func (d *device) read(path string) ([]byte, error) {
	f, err := d.drive.Open(d.t.Context(), files+path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// reads checks the bytes read from a path; nil: the path must be unreachable.
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

// status returns the status of one path.
func (d *device) status(path string) PathStatus {
	d.t.Helper()
	for _, st := range d.pins.Status().Paths {
		if st.Path == strings.TrimSuffix(files+path, "/") {
			return st
		}
	}
	d.t.Fatalf("%s isn't pinned", path)
	return PathStatus{}
}

// body returns random bytes, which neither shrink nor repeat.
func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
