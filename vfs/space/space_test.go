package space_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/vfstest"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(killedIn); folder != "" {
		seed, err := strconv.ParseUint(os.Getenv(killedOf), 10, 64)
		if err == nil {
			err = workUntilKilled(folder, seed)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// home is an account with its local folder and its remote, which outlive an open space.
type home struct {
	t       testing.TB
	store   remote.Store
	account crypto.AccountSecret
	options space.Options
}

func newHome(t testing.TB, store remote.Store) *home {
	t.Helper()
	return newHomeAt(t, store, time.Now())
}

// newHomeAt makes a home whose account was made at a time.
func newHomeAt(t testing.TB, store remote.Store, made time.Time) *home {
	t.Helper()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, store: store, account: account, options: space.Options{
		Store: store, Keys: base.Own(account), Dir: t.TempDir(), Deadlines: remote.Deadlines{Commit: time.Millisecond},
		Device: space.Device{ID: object.DeviceID{1}, Name: "laptop"},
	}}
	if err := space.Create(t.Context(), store, base.Own(account), h.options.Device, rand.Reader, made); err != nil {
		t.Fatal(err)
	}
	return h
}

// device is another home of the same account.
func (h *home) device(id byte, name string) *home {
	other := &home{t: h.t, store: h.store, account: h.account, options: h.options}
	other.options.Dir = h.t.TempDir()
	other.options.Device = space.Device{ID: object.DeviceID{id}, Name: name}
	return other
}

func (h *home) open() *space.Space {
	h.t.Helper()
	s, err := space.Open(context.Background(), h.options)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *home) close(s *space.Space) {
	h.t.Helper()
	if err := s.Close(); err != nil {
		h.t.Error(err)
	}
}

func drive(s *space.Space) vfs.FS {
	return namespace.New(namespace.Options{Made: time.Unix(0, 0)}, map[string]vfs.FS{"files": s})
}

func newDisk(t testing.TB) remote.Store {
	t.Helper()
	d, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return verify.New(d, &verify.MemoryPins{})
}

func put(t testing.TB, fs vfs.FS, path string, body []byte) {
	t.Helper()
	u, err := fs.Create(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.Commit(context.Background(), vfs.CommitOptions{}); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestContract(t *testing.T) {
	stores := map[string]func(t testing.TB) remote.Store{
		"mem":  func(testing.TB) remote.Store { return mem.New() },
		"disk": newDisk,
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			vfstest.Run(t, func(t *testing.T) vfs.FS {
				h := newHome(t, store(t))
				h.options.Deadlines.Commit = 20 * time.Millisecond // often enough to commit in between, not after each change
				s := h.open()
				t.Cleanup(func() { h.close(s) })
				return drive(s)
			})
		})
	}
}

// TestModel makes random operations beside a plain model, with restarts and commits in between.
func TestModel(t *testing.T) {
	vfstest.Compare(t, func(t *testing.T) vfstest.Subject {
		h := newHome(t, mem.New())
		s := h.open()
		return vfstest.Subject{
			FS: drive(s),
			Reopen: func() (vfs.FS, error) {
				if err := s.Close(); err != nil {
					return nil, err
				}
				s = h.open()
				return drive(s), nil
			},
			Steps: map[string]func() error{"flush": func() error { return s.Flush(context.Background()) }},
			Close: func() error { return s.Close() },
		}
	})
}

// TestAnotherMachine reads with only the account's secret and the remote.
func TestAnotherMachine(t *testing.T) {
	h := newHome(t, newDisk(t))
	s := h.open()
	bodies := map[string][]byte{
		"/empty": {}, "/small": []byte("small"), "/large": bytes.Repeat([]byte("0123456789abcdef"), 1<<20),
	}
	for path, body := range bodies {
		put(t, s, path, body)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	other := h.device(2, "phone")
	s = other.open()
	defer other.close(s)
	for path, body := range bodies {
		if got := get(t, s, path); !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes instead of %d", path, len(got), len(body))
		}
	}
}

// TestTwoDevices lets two gateways write at once. No write of either is lost, and both end with the same tree.
func TestTwoDevices(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	put(t, s, "/report.odt", []byte("the first version"))
	if err := s.Mkdir(t.Context(), "/folder", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := h.device(2, "phone")
	other.options.Deadlines.Commit = time.Hour // it must not see the laptop's changes too early
	o := other.open()
	put(t, s, "/report.odt", []byte("by the laptop"))
	put(t, s, "/laptop.txt", []byte("laptop"))
	if err := s.Remove(t.Context(), "/folder", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, o, "/report.odt", []byte("by the phone"))
	put(t, o, "/folder/phone.txt", []byte("phone"))
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	s = h.open()
	// The merge decides which of the two keeps the name, the same on both devices; the other gets its device's name.
	day := time.Now().UTC().Format(time.DateOnly)
	for _, fs := range []vfs.FS{s, o} {
		for path, want := range map[string]string{"/laptop.txt": "laptop", "/folder/phone.txt": "phone"} {
			if got := string(get(t, fs, path)); got != want {
				t.Errorf("%s is %q instead of %q", path, got, want)
			}
		}
		copied := "laptop"
		if string(get(t, fs, "/report.odt")) == "by the laptop" {
			copied = "phone"
		}
		if got := string(get(t, fs, "/report (conflict, "+copied+", "+day+").odt")); got != "by the "+copied {
			t.Errorf("the copy of %s is %q", copied, got)
		}
	}
	if a, b := listing(t, s, "/"), listing(t, o, "/"); !maps.Equal(a, b) {
		t.Errorf("the devices differ: %v and %v", a, b)
	}
	h.close(s)
	other.close(o)
}

// TestUnreachable checks that work continues while the remote is unreachable, and that the changes are committed later.
func TestUnreachable(t *testing.T) {
	away := &switched{Store: mem.New()}
	h := newHome(t, away)
	s := h.open()
	defer h.close(s)
	away.off.Store(true)
	put(t, s, "/a", []byte("written offline"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("flush while the remote is away: %v", err)
	}
	if got := string(get(t, s, "/a")); got != "written offline" {
		t.Fatalf("read %q", got)
	}
	if st := s.Status(); st.PendingChanges != 1 || st.PendingSince.IsZero() || st.PendingBytes == 0 {
		t.Fatalf("status %+v", st)
	}
	away.off.Store(false)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.PendingChanges != 0 || st.CommitFailed != "" || st.Commits != 1 {
		t.Fatalf("status %+v", st)
	}
}

// TestLostReply loses the reply to a swap of the pointer. The commit is found, not made twice, and not lost.
func TestLostReply(t *testing.T) {
	store := &switched{Store: mem.New()}
	h := newHome(t, store)
	s := h.open()
	put(t, s, "/a", []byte("one"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.loseReply.Store(true)
	put(t, s, "/a", []byte("two"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.Commits != 2 || st.Failures != 1 {
		t.Fatalf("status %+v", st)
	}
	put(t, s, "/b", []byte("three"))
	h.close(s)
	s = h.open()
	defer h.close(s)
	if a, b := string(get(t, s, "/a")), string(get(t, s, "/b")); a != "two" || b != "three" {
		t.Fatalf("%q, %q", a, b)
	}
}

// TestFull checks that a full disk is reported cleanly, and that writes work again when there is room.
func TestFull(t *testing.T) {
	away := &switched{Store: mem.New()}
	h := newHome(t, away)
	h.options.StagingLimit, h.options.Patience = 16<<20, -1
	s := h.open()
	defer h.close(s)
	away.off.Store(true)
	body := make([]byte, 6<<20)
	put(t, s, "/first", body)
	u, err := s.Create(t.Context(), "/second")
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Write(make([]byte, 24<<20))
	if err == nil {
		_, _, err = u.Commit(t.Context(), vfs.CommitOptions{})
	}
	u.Abort()
	if !errors.Is(err, vfs.ErrFull) {
		t.Fatalf("more than staging may hold: %v", err)
	}
	if _, err := s.Stat(t.Context(), "/second"); !errors.Is(err, vfs.ErrNotExist) {
		t.Fatalf("a file that there was no room for: %v", err)
	}
	away.off.Store(false)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, s, "/second", body)
	if got := get(t, s, "/second"); !bytes.Equal(got, body) {
		t.Fatal("wrong bytes")
	}
}

// TestHistory finds every committed state under its time, also after a restart and on another device.
func TestHistory(t *testing.T) {
	h := newHome(t, mem.New())
	now := time.Date(2026, 11, 20, 9, 15, 2, 0, time.UTC)
	h.options.Now = func() time.Time { return now }
	h.options.Deadlines.Commit = time.Hour // only Flush commits, when the test has set the clock
	s := h.open()
	for _, body := range []string{"first", "second", "third"} {
		put(t, s, "/a.txt", []byte(body))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	if err := s.Remove(t.Context(), "/a.txt", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	other := h.device(2, "phone")
	s = other.open()
	defer other.close(s)
	past := s.History()
	for name, want := range map[string]string{
		"2026-11-20 09.15.02": "first", "2026-11-20 09.16.02": "second", "2026-11-20 09.17.02": "third",
	} {
		if got := string(get(t, past, "/"+name+"/a.txt")); got != want {
			t.Errorf("at %s the file was %q, not %q", name, got, want)
		}
	}
	if _, err := past.Stat(t.Context(), "/2026-11-20 09.18.02/a.txt"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("the file is there after it was removed: %v", err)
	}
	if err := past.Remove(t.Context(), "/2026-11-20 09.15.02", nil); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("history can be removed: %v", err)
	}
	d := namespace.New(namespace.Options{Made: now}, map[string]vfs.FS{"files": s, "history": past})
	if _, err := d.Copy(t.Context(), "/history/2026-11-20 09.16.02/a.txt", "/files/restored.txt",
		vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Copy(t.Context(), "/history/2026-11-20 09.15.02", "/files/as it was", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/restored.txt": "second", "/as it was/a.txt": "first"} {
		if got := string(get(t, s, path)); got != want {
			t.Errorf("%s was restored as %q", path, got)
		}
	}
	if _, err := d.Copy(t.Context(), "/history/2026-11-20 09.15.02/a.txt", "/files/restored.txt",
		vfs.CopyOptions{}); !errors.Is(err, vfs.ErrExist) {
		t.Errorf("restored over a file without being asked: %v", err)
	}
	if _, err := d.Move(t.Context(), "/history/2026-11-20 09.15.02/a.txt", "/files/moved.txt",
		vfs.CopyOptions{}); !errors.Is(err, vfs.ErrInvalid) && !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("moved out of the history: %v", err)
	}
	if err := s.Remove(t.Context(), "/restored.txt", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "/as it was", nil); err != nil {
		t.Fatal(err)
	}
	if u, err := s.Usage(t.Context(), "/", 0); err != nil || u.Used != 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
}
