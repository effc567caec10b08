package pin

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// beside makes another space of the account at a Store, and mounts it at a path.
func (d *device) beside(path string, n byte, store *Store) *space.Space {
	d.t.Helper()
	s := d.openBeside(n, store)
	d.mount(path, s)
	return s
}

func (d *device) openBeside(n byte, store *Store) *space.Space {
	d.t.Helper()
	keys := base.Own(d.account)
	c := crypto.SpaceSecret{n}.Keys()
	c.Owner, c.Store = keys.Owner, keys.Store
	keys.Capability, keys.Listed = c, true
	err := space.Create(d.t.Context(), store, keys, d.device(), rand.Reader, d.now())
	if err != nil && !errors.Is(err, remote.ErrConflict) {
		d.t.Fatal(err)
	}
	s, err := d.space.Home().Open(d.t.Context(), space.Options{Store: store, Keys: keys})
	if err != nil {
		d.t.Fatal(err)
	}
	d.beforeClose(func() {
		if err := s.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return s
}

func (d *device) mount(path string, s *space.Space) {
	d.t.Helper()
	if err := d.drive.Mount(files+path, s); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) unmount(path string) {
	d.t.Helper()
	if err := d.drive.Unmount(files + path); err != nil {
		d.t.Fatal(err)
	}
}

func flushAll(t *testing.T, spaces ...*space.Space) {
	t.Helper()
	for _, s := range spaces {
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// sweep makes the next run of all Stores look for what is no longer needed, and waits for it.
func (d *device) sweep() {
	d.t.Helper()
	d.pins.mu.Lock()
	for _, k := range d.pins.stores {
		k.sweep = true
	}
	d.pins.mu.Unlock()
	d.pins.Changed()
	d.wait()
}

// neighbour is the Store of another remote, which can be made to fail.
func (d *device) neighbour(away *faulty.Store) *Store {
	d.t.Helper()
	s, err := NewStore(d.t.Context(), verify.New(another{away}, &verify.MemoryPins{}), mem.New(), StoreOptions{Now: d.now})
	if err != nil {
		d.t.Fatal(err)
	}
	d.beforeClose(func() {
		if err := s.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return s
}

// TestMountedBelow pins a folder with other spaces mounted below it: their files are kept, too, and follow their
// commits, as are those of a path within such a space.
func TestMountedBelow(t *testing.T) {
	d := newDevice(t)
	defer func() { d.close() }()
	d.mkdir("/docs")
	d.put("/docs/own", body(6<<20))
	d.flush()
	d.pin("/docs")
	own := d.status("/docs")

	team := d.beside("/docs/team", 2, d.store)
	far := d.beside("/docs/deep/far", 3, d.neighbour(faulty.New(mem.New(), nil, faulty.Options{})))
	d.put("/docs/team/film", body(7<<20))
	d.mkdir("/docs/deep/far/in")
	d.put("/docs/deep/far/in/film", body(8<<20))
	flushAll(t, team, far)
	d.pin("/docs/deep/far/in", "/docs/team/film", "/other/far")
	all := d.status("/docs")
	if !all.Complete() || all.Absent || all.Bytes < own.Bytes+15<<20 {
		t.Errorf("%+v, and %+v without the mounted spaces", all, own)
	}
	for path, size := range map[string]int64{"/docs/deep/far/in": 8 << 20, "/docs/team/film": 7 << 20} {
		if st := d.status(path); !st.Complete() || st.Absent || st.Bytes < size || st.Bytes > size+1<<20 {
			t.Errorf("%+v", st)
		}
	}
	d.put("/docs/team/later", body(3<<20))
	flushAll(t, team)
	d.wait()
	if st := d.status("/docs"); !st.Complete() || st.Bytes < all.Bytes+3<<20 {
		t.Errorf("after a commit: %+v", st)
	}
	if st := d.status("/other/far"); !st.Absent {
		t.Errorf("%+v", st)
	}
	d.mount("/other/far", far)
	d.wait()
	if st := d.status("/other/far"); !st.Complete() || st.Absent || st.Bytes < 8<<20 {
		t.Errorf("mounted at a pinned path: %+v", st)
	}
}

// TestMountComesAndGoes unmounts a space below a pinned folder. Its blobs stay for a while, also over a restart, and
// are there when it is mounted again. If it stays away they are dropped.
func TestMountComesAndGoes(t *testing.T) {
	d := newDevice(t)
	defer func() { d.close() }()
	d.mkdir("/docs")
	d.pin("/docs")
	team := d.beside("/docs/team", 2, d.store)
	film := body(7 << 20)
	d.put("/docs/team/film", film)
	flushAll(t, team)
	d.wait()
	_, held := d.store.Held()

	stays := func(when string) {
		t.Helper()
		d.sweep()
		if _, n := d.store.Held(); n < 7<<20 {
			t.Errorf("%s: %d bytes of %d are held", when, n, held)
		}
	}
	d.unmount("/docs/team")
	d.wait()
	if st := d.status("/docs"); !st.Complete() || st.Bytes > 1<<20 {
		t.Errorf("the folder alone: %+v", st)
	}
	d.clock.Add(int64(DefaultUploaded - time.Second))
	stays("away for a while")
	d.mount("/docs/team", team)
	stays("back")
	d.unmount("/docs/team")
	d.offline()
	d.wait()
	stays("after a restart")
	d.online()
	d.beside("/docs/team", 2, d.store)
	d.wait()
	d.away.SetPlan(faulty.Always(faulty.Fail))
	d.reads("/docs/team/film", film)
	d.away.SetPlan(nil)
	d.unmount("/docs/team")
	d.sweep()
	d.clock.Add(int64(DefaultUploaded + time.Second))
	d.sweep()
	if _, n := d.store.Held(); n > 1<<20 {
		t.Errorf("%d bytes are held for a space that is gone", n)
	}
}

// TestFailingMount: while the remote of a space below a pinned folder fails or does not answer, everything else that is
// pinned is kept and dropped as before. The status names the space. Once the remote is back, its files are fetched.
func TestFailingMount(t *testing.T) {
	for name, fault := range map[string]faulty.Fault{"away": faulty.Fail, "hangs": faulty.Delay} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			defer func() { d.close() }()
			away := faulty.New(mem.New(), nil, faulty.Options{Sleep: func(ctx context.Context, _ time.Duration) error {
				<-ctx.Done()
				return ctx.Err()
			}})
			d.mkdir("/docs")
			d.pin("/docs", "/docs/far/film")
			far := d.openBeside(2, d.neighbour(away))
			if err := write(far, "/film", body(7<<20)); err != nil {
				t.Fatal(err)
			}
			flushAll(t, far)
			away.SetPlan(func(c faulty.Call) faulty.Fault {
				if c.Op == faulty.Get || c.Op == faulty.GetRange {
					return fault
				}
				return faulty.Fine
			})
			d.mount("/docs/far", far)
			d.put("/docs/own", body(6<<20))
			d.flush()
			d.pins.mu.Lock()
			k := d.pins.stores[d.store]
			d.pins.mu.Unlock()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			own := func() bool {
				d.pins.mu.Lock()
				defer d.pins.mu.Unlock()
				return k.done >= d.pins.asked
			}
			for !own() {
				d.pins.mu.Lock()
				changed := d.pins.changed
				d.pins.mu.Unlock()
				select {
				case <-changed:
				case <-ctx.Done():
					t.Fatal("the own files were not fetched")
				}
			}
			if _, n := d.store.Held(); n < 6<<20 {
				t.Errorf("%d bytes of the own files are held", n)
			}
			if fault == faulty.Fail {
				d.untilFailed()
				if st := d.pins.Status(); !strings.Contains(st.Failed, "fetch /files/docs/far") {
					t.Errorf("it says %q", st.Failed)
				}
			}
			if st := d.status("/docs/far/film"); st.Complete() {
				t.Errorf("%+v", st)
			}
			d.pins.Close()
		})
	}
}

// TestFollowedOffline pins a space that is only followed, at a remote of its own: what was pinned of it can be read
// after a start without any remote, and later commits are fetched.
func TestFollowedOffline(t *testing.T) {
	d := newDevice(t)
	defer func() { d.close() }()
	away := faulty.New(mem.New(), nil, faulty.Options{})
	local := mem.New()
	open := func() *Store {
		t.Helper()
		inner := verify.New(another{away}, &verify.MemoryPins{})
		s, err := NewStore(t.Context(), inner, local.Another(), StoreOptions{Now: d.now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	store := open()
	friend := d.openBeside(2, store)
	film, later := body(7<<20), body(3<<20)
	if err := write(friend, "/film", film); err != nil {
		t.Fatal(err)
	}
	flushAll(t, friend)
	follow := func(store *Store) (end func()) {
		t.Helper()
		f := d.space.Home().Follow(store, friend.Keeper().Space.ReadOnly())
		if err := d.drive.Mount(files+"/bob", f); err != nil {
			t.Fatal(err)
		}
		return f.Close
	}
	end := follow(store)
	d.pin("/bob")
	if st := d.status("/bob"); !st.Complete() || st.Bytes < 7<<20 {
		t.Errorf("%+v", st)
	}
	d.beforeClose(func() {
		end()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	away.SetPlan(faulty.Always(faulty.Fail))
	d.offline()
	store = open()
	end = follow(store)
	d.reads("/bob/film", film)
	d.beforeClose(func() {
		end()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})

	away.SetPlan(nil)
	d.online()
	friend = d.openBeside(2, store)
	if err := write(friend, "/later", later); err != nil {
		t.Fatal(err)
	}
	flushAll(t, friend)
	for range 2 { // an idle store is asked at every second look
		d.space.Home().Poller().Look(t.Context())
	}
	d.wait()
	if st := d.status("/bob"); !st.Complete() || st.Bytes < 10<<20 {
		t.Errorf("after a commit: %+v", st)
	}
}
