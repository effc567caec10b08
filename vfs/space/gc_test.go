package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/space"
)

// dial is a clock that tests set.
type dial struct{ ns atomic.Int64 }

func newDial() *dial {
	d := &dial{}
	d.ns.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixNano())
	return d
}

// collectDaily lets 20 days pass, with a commit of a file and a collection on each: the pack of a commit stays for a
// grace period longer than it is needed.
func collectDaily(t *testing.T, s *space.Space, clock *dial, file string) {
	t.Helper()
	for range 20 {
		clock.pass(24 * time.Hour)
		put(t, s, file, []byte(clock.now().String()))
		flush(t, s)
		if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// back ends the absence of a device, which has cached nothing. Its space is opened again if the device is restarted.
func (h *home) back(s *space.Space, from *switched, restarted bool) *space.Space {
	h.t.Helper()
	from.cached.Clear()
	if !restarted {
		from.off.Store(false)
		return s
	}
	h.close(s)
	from.off.Store(false)
	return h.open()
}

func (d *dial) now() time.Time          { return time.Unix(0, d.ns.Load()) }
func (d *dial) pass(some time.Duration) { d.ns.Add(int64(some)) }

func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func flush(t testing.TB, s *space.Space) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // then the error says why
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

const month = 31 * 24 * time.Hour

// TestCollect deletes most of a drive, lets its history thin out, and collects during writes. The rest must take little
// more than it needs, and all of it must be there: on this device, after a restart and on another one.
func TestCollect(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now, h.options.Deadlines.Commit = clock.now, time.Millisecond
	s := h.open()
	want := map[string][]byte{}
	for i := range 300 {
		path := fmt.Sprintf("/%03d", i)
		want[path] = noise(uint64(i), 8000)
		put(t, s, path, want[path])
		if i%30 == 29 {
			flush(t, s)
			clock.pass(time.Minute)
		}
	}
	large := noise(1, 6<<20)
	put(t, s, "/large", large)
	flush(t, s)
	for path := range want {
		if path[3] != '5' {
			delete(want, path)
			if err := s.Remove(t.Context(), path, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Remove(t.Context(), "/large", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	clock.pass(4 * month)
	put(t, s, "/last", []byte("last"))
	want["/last"] = []byte("last")
	flush(t, s)

	var writing sync.WaitGroup
	stop := make(chan struct{})
	meanwhile := map[string][]byte{}
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			path := fmt.Sprintf("/new%d", i%20)
			meanwhile[path] = noise(uint64(1000+i), 500)
			put(t, s, path, meanwhile[path])
		}
	})
	var repacked int64
	for range 5 {
		clock.pass(time.Second)
		r, err := s.Keeper().Collect(t.Context(), gc.Options{Grace: -1})
		if err != nil {
			t.Fatal(err)
		}
		repacked += r.Repacked.Blobs
	}
	close(stop)
	writing.Wait()
	flush(t, s)
	if repacked == 0 {
		t.Error("no pack was rewritten")
	}
	room, err := store.Space(t.Context())
	if err != nil || room.Used > 2<<20 {
		t.Errorf("%d bytes are taken, %v", room.Used, err)
	}
	for path, b := range meanwhile {
		want[path] = b
	}
	all := func(s *space.Space) {
		t.Helper()
		for path, b := range want {
			if got := get(t, s, path); !bytes.Equal(got, b) {
				t.Errorf("%s: %d bytes instead of %d", path, len(got), len(b))
			}
		}
	}
	all(s)
	put(t, s, "/again", []byte("again")) // on top of what was moved
	want["/again"] = []byte("again")
	h.close(s)
	s = h.open()
	all(s)
	flush(t, s)
	h.close(s)
	s = h.device(2, "phone").open()
	defer h.close(s)
	all(s)
	if r, err := s.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCollectReplaced checks that nothing stays for ever of files that were replaced before their commit.
func TestCollectReplaced(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now, h.options.Deadlines.Commit = clock.now, time.Hour // one commit holds all
	s := h.open()
	defer h.close(s)
	const size = 6 << 20
	for i := range 4 {
		put(t, s, "/draft", noise(uint64(i), size))
	}
	flush(t, s)
	for range 3 {
		clock.pass(month)
		if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	room, err := store.Space(t.Context())
	if err != nil || room.Used > size*3/2 {
		t.Errorf("%d bytes are taken by a file of %d, %v", room.Used, size, err)
	}
	if got := get(t, s, "/draft"); !bytes.Equal(got, noise(3, size)) {
		t.Errorf("the file has %d other bytes", len(got))
	}
}

// TestWorthCollecting checks that a large removal is noticed, once.
func TestWorthCollecting(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	put(t, s, "/0", noise(1, crypto.ChunkSize))
	for i := range 15 {
		if _, err := s.Copy(t.Context(), "/0", fmt.Sprint("/", i+1), vfs.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	if s.Keeper().WorthCollecting() {
		t.Error("it is worth it though nothing was removed")
	}
	for i := range 15 {
		if err := s.Remove(t.Context(), fmt.Sprint("/", i+1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Keeper().WorthCollecting() {
		t.Error("75 MiB were removed and it is not worth it")
	}
	if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.Keeper().WorthCollecting() {
		t.Error("it is worth it right after it was done")
	}
}

// TestAway keeps a gateway from the remote for longer than the grace period, while blobs that it refers to are
// collected. It puts staged blobs again, names the lost ones, and commits everything else.
func TestAway(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now = clock.now
	s := h.open()
	old := noise(1, 1<<20)
	put(t, s, "/old", old)
	flush(t, s)

	other := h.device(2, "phone")
	away := &switched{Store: store}
	other.options.Store = away
	var log bytes.Buffer
	other.options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	o := other.open()
	away.off.Store(true)
	if _, err := o.Copy(t.Context(), "/old", "/copy", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	fresh := noise(2, 1<<20)
	put(t, o, "/fresh", fresh)

	if err := s.Remove(t.Context(), "/old", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	clock.pass(4 * month)
	put(t, s, "/new", nil)
	flush(t, s)
	for range 3 {
		clock.pass(8 * 24 * time.Hour)
		if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	h.close(s)

	away.off.Store(false)
	defer other.close(o)
	flush(t, o)
	if got := get(t, o, "/fresh"); !bytes.Equal(got, fresh) {
		t.Errorf("/fresh has %d bytes", len(got))
	}
	if !strings.Contains(log.String(), "path=/copy") {
		t.Errorf("nothing is said of what is gone: %q", log.String())
	}
	f, err := o.Open(t.Context(), "/copy")
	if err == nil {
		_, err = f.Read(make([]byte, 1))
		_ = f.Close()
	}
	if !errors.Is(err, vfs.ErrCorrupt) {
		t.Errorf("what is gone: %v", err)
	}
}

// hoard keeps every blob that was read through it, as a cache that never evicts.
type hoard struct {
	remote.Store
	mu    sync.Mutex
	blobs map[crypto.BlobName][]byte
}

func (h *hoard) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, ok := h.blobs[name]; ok {
		return bytes.Clone(b), nil
	}
	b, err := h.Store.Get(ctx, name)
	if err == nil {
		h.blobs[name] = bytes.Clone(b)
	}
	return b, err
}

func (h *hoard) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	b, err := h.Get(ctx, name)
	if err != nil {
		return err
	}
	if !remote.InRange(int64(len(b)), off, len(p)) {
		return remote.PastEnd(name, int64(len(b)), off, len(p))
	}
	copy(p, b[off:])
	return nil
}

// TestStuck keeps a gateway from committing for longer than the grace period, for example because the remote is full,
// while it sees all commits of others. Blobs that its changes refer to are collected meanwhile, and restored from a
// cache that has them.
func TestStuck(t *testing.T) {
	for _, cached := range []bool{false, true} {
		t.Run(fmt.Sprint("cached ", cached), func(t *testing.T) {
			store, clock := mem.New(), newDial()
			h := newHomeAt(t, store, clock.now())
			h.options.Now, h.options.Keep = clock.now, space.Keep{All: time.Nanosecond}
			s := h.open()
			defer h.close(s)
			old := noise(1, crypto.ChunkSize)
			put(t, s, "/old", old)
			flush(t, s)

			other := h.device(2, "phone")
			full := faulty.New(store, nil, faulty.Options{})
			other.options.Store = full
			if cached {
				c := &hoard{Store: full, blobs: map[crypto.BlobName][]byte{}}
				other.options.Store = c
			}
			var log bytes.Buffer
			other.options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
			o := other.open()
			defer other.close(o)
			get(t, o, "/old")
			full.SetPlan(faulty.Always(faulty.Full, faulty.Put, faulty.Swap))
			if _, err := o.Copy(t.Context(), "/old", "/copy", vfs.CopyOptions{}); err != nil {
				t.Fatal(err)
			}

			if err := s.Remove(t.Context(), "/old", nil); err != nil {
				t.Fatal(err)
			}
			var deleted int64
			for day := range 12 {
				flush(t, s)
				clock.pass(24 * time.Hour)
				put(t, s, "/day", []byte{byte(day)})
				flush(t, s)
				r, err := s.Keeper().Collect(t.Context(), gc.Options{NoRepack: true})
				if err != nil {
					t.Fatal(err)
				}
				deleted += r.Deleted.Bytes
				_ = o.Committer().Look(t.Context()) // fails to commit
			}
			if deleted < 1<<20 {
				t.Fatalf("only %d bytes were collected", deleted)
			}
			full.SetPlan(nil)
			flush(t, o)
			if !cached {
				if !strings.Contains(log.String(), "path=/copy") || o.Status().Lost == 0 {
					t.Errorf("nothing is said of what is gone: %q, %+v", log.String(), o.Status())
				}
				return
			}
			if log.Len() > 0 {
				t.Error(log.String())
			}
			if err := s.Committer().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := get(t, s, "/copy"); !bytes.Equal(got, old) {
				t.Errorf("/copy has %d bytes", len(got))
			}
		})
	}
}

// TestAwayTooLong keeps a gateway away until the base pages of its changes are collected. In the end its changes are
// there, beside those of others, whether it was off or running meanwhile.
func TestAwayTooLong(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprint("restarted ", restarted), func(t *testing.T) {
			store, clock := mem.New(), newDial()
			h := newHomeAt(t, store, clock.now())
			h.options.Now, h.options.Keep = clock.now, space.Keep{All: time.Nanosecond}
			h.options.Deadlines.Commit = time.Hour // only a flush commits
			s := h.open()
			defer func() { h.close(s) }()
			if err := s.Mkdir(t.Context(), "/d", nil); err != nil {
				t.Fatal(err)
			}
			for i := range 200 { // several pages
				put(t, s, fmt.Sprintf("/d/%03d", i), []byte("first"))
			}
			flush(t, s)

			other, away := h.device(2, "phone"), &switched{Store: store}
			other.options.Store, other.options.PageMemory, other.options.Deadlines.Poll = away, 1, time.Hour
			o := other.open()
			defer func() { other.close(o) }()
			get(t, o, "/d/000")
			away.off.Store(true)
			put(t, o, "/d/000", []byte("phone"))
			put(t, o, "/d/new", []byte("new"))
			if err := o.Remove(t.Context(), "/d/198", nil); err != nil {
				t.Fatal(err)
			}

			for i := range 200 {
				put(t, s, fmt.Sprintf("/d/%03d", i), []byte("second"))
			}
			flush(t, s)
			collectDaily(t, s, clock, "/d/last")

			o = other.back(o, away, restarted)
			flush(t, o)
			put(t, o, "/after", []byte("after"))
			flush(t, o)
			if err := s.Committer().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"/d/000": "second", "/d/000 (conflict, phone, 2026-11-20)": "phone", "/d/new": "new",
				"/d/198": "second", "/d/199": "second", "/after": "after"}
			for path, body := range want {
				for name, side := range map[string]*space.Space{"laptop": s, "phone": o} {
					if got := get(t, side, path); string(got) != body {
						t.Errorf("%s at %s is %q", path, name, got)
					}
				}
			}
			other.close(o)
			o = other.open()
			if r, err := o.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
