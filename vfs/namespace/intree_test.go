package namespace

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/vfstest"
)

// household is a home with several spaces of one owner, which are mounted in each other's trees.
type household struct {
	t     testing.TB
	store remote.Store
	keys  space.Keys // of the own space
	own   *space.Space
	drive *Drive

	mu     sync.Mutex
	spaces map[crypto.PointerID]*space.Space
	opened int                        // calls of Open
	fail   map[crypto.PointerID]error // instead of opening these
	gate   chan struct{}              // calls of Open wait until it is closed; nil: they do not
}

func newHousehold(t testing.TB) *household {
	t.Helper()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	must(t, err)
	h := &household{t: t, store: mem.New(), keys: base.Own(account),
		spaces: map[crypto.PointerID]*space.Space{}, fail: map[crypto.PointerID]error{}}
	device := space.Device{ID: object.DeviceID{1}, Name: "laptop"}
	must(t, space.Create(t.Context(), h.store, h.keys, device, rand.Reader, time.Now()))
	h.own, err = space.Open(t.Context(), space.Options{Store: h.store, Keys: h.keys, Dir: t.TempDir(), Device: device,
		Deadlines: remote.Deadlines{Commit: time.Millisecond}})
	must(t, err)
	t.Cleanup(func() {
		for _, s := range h.spaces {
			must(t, s.Close())
		}
		must(t, h.own.Close())
	})
	h.drive = New(Options{Made: time.Unix(1, 0), Open: h.open, Patience: time.Minute},
		map[string]vfs.FS{"/files": h.own, "/history": h.own.History()})
	return h
}

// open opens the spaces of the household.
func (h *household) open(ctx context.Context, _ vfs.FS, m Mounted) (vfs.FS, error) {
	h.mu.Lock()
	s, err, gate := h.spaces[m.Target.Capability.ID], h.fail[m.Target.Capability.ID], h.gate
	h.opened++
	h.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, errors.New("there is no such space")
	case !m.At.IsZero():
		return past{s.At(m.At).(crosser), m.At}, nil
	}
	return s, nil
}

// past is a comparable view of an earlier state.
type past struct {
	crosser
	at time.Time
}

type crosser interface {
	vfs.FS
	Crosser
}

// space makes a space.
func (h *household) space(n uint16) *space.Space {
	h.t.Helper()
	c := crypto.SpaceSecret{1, byte(n >> 8), byte(n)}.Keys()
	c.Owner, c.Store = h.keys.Owner, h.keys.Store
	keys := space.Keys{Capability: c, Author: h.keys.Author, Frames: h.keys.Frames}
	must(h.t, space.Create(h.t.Context(), h.store, keys, space.Device{Name: "laptop"}, rand.Reader, time.Now()))
	s, err := h.own.Home().Open(h.t.Context(), space.Options{Store: h.store, Keys: keys})
	must(h.t, err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spaces[s.ID()] = s
	return s
}

// target returns the target of a mount of the space number n.
func (h *household) target(n uint16) object.Target {
	c := crypto.SpaceSecret{1, byte(n >> 8), byte(n)}.Keys()
	c.Owner, c.Store = h.keys.Owner, h.keys.Store
	return object.Target{Capability: c.ReadOnly()}
}

// mount makes the space number n, and mounts it at a path of a space.
func (h *household) mount(in *space.Space, path string, n uint16) *space.Space {
	h.t.Helper()
	s := h.space(n)
	must(h.t, in.Mount(h.t.Context(), path, h.target(n), space.MountOptions{}))
	return s
}

func read(t testing.TB, fs vfs.FS, path string) string {
	t.Helper()
	f, err := fs.Open(t.Context(), path)
	if err != nil {
		t.Errorf("open %s: %v", path, err)
		return ""
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	must(t, err)
	return string(b)
}

// TestContractInTree checks that a folder that is a mount in a tree keeps the contract, and so does one beside it.
func TestContractInTree(t *testing.T) {
	for _, folder := range []string{"/files/a/m/n", "/files/a"} {
		t.Run(folder, func(t *testing.T) {
			vfstest.Run(t, func(t *testing.T) vfs.FS {
				h := newHousehold(t)
				must(t, h.own.Mkdir(t.Context(), "/a", nil))
				if folder == "/files/a" {
					return rebased(h.drive, folder)
				}
				h.mount(h.mount(h.own, "/a/m", 1), "/n", 2)
				return rebased(h.drive, folder)
			})
		})
	}
}

// TestCompareInTree compares operations in a mount in a tree with a model.
func TestCompareInTree(t *testing.T) {
	vfstest.Compare(t, func(t *testing.T) vfstest.Subject {
		h := newHousehold(t)
		must(t, h.own.Mkdir(t.Context(), "/a", nil))
		h.mount(h.own, "/a/m", 1)
		return vfstest.Subject{FS: rebased(h.drive, "/files/a/m")}
	})
}

// TestInTree looks at a mount from inside and from outside, and moves it about.
func TestInTree(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	inner := h.mount(h.own, "/m", 1)
	put(t, h.own, "/f", "F")
	put(t, inner, "/g", "GG")
	d := h.drive

	h.opened = 0
	wantNames(t, d, "/files", "f m/")
	if info := listed(t, d, "/files", "m"); !info.Mounted || !info.Folder || h.opened > 0 {
		t.Errorf("the outer folder lists %+v; %d mounts were opened", info, h.opened)
	}
	wantNames(t, d, "/files/m", "g")
	if info, err := d.Stat(ctx, "/files/m"); err != nil || info.Name != "m" || !info.Mounted || info.Size != 2 {
		t.Errorf("the mount is %+v, %v", info, err)
	}
	if got := read(t, d, "/files/m/g"); got != "GG" {
		t.Errorf("it holds %q", got)
	}
	put(t, d, "/files/m/h", "HHH")
	if got := read(t, inner, "/h"); got != "HHH" {
		t.Errorf("a file written through it holds %q", got)
	}
	wantKind(t, "a folder in its place", d.Mkdir(ctx, "/files/m", nil), vfs.ErrExist)
	_, err := d.Open(ctx, "/files/m")
	wantKind(t, "open", err, vfs.ErrIsFolder)

	prop := vfs.Property{Name: vfs.PropertyName{Space: "urn:x", Local: "colour"}, Value: "red"}
	must(t, d.Patch(ctx, "/files/m", vfs.Patch{Set: []vfs.Property{prop}}, nil))
	if info, err := inner.Stat(ctx, "/"); err != nil || len(info.Properties) != 1 {
		t.Errorf("a property of the mount is in the inner space: %+v, %v", info, err)
	}

	must(t, d.Mkdir(ctx, "/files/d", nil))
	must(t, second(d.Move(ctx, "/files/m", "/files/d/n", vfs.CopyOptions{})))
	must(t, second(d.Move(ctx, "/files/d", "/files/e", vfs.CopyOptions{})))
	wantNames(t, d, "/files/e/n", "g h")
	_, err = d.Stat(ctx, "/files/m/g")
	wantKind(t, "the old path", err, vfs.ErrNotExist)

	must(t, second(d.Move(ctx, "/files/f", "/files/e/n/f", vfs.CopyOptions{})))
	must(t, second(d.Copy(ctx, "/files/e/n/f", "/files/f", vfs.CopyOptions{})))
	if read(t, inner, "/f") != "F" || read(t, h.own, "/f") != "F" {
		t.Error("a move into the mount and a copy out of it")
	}
	wantKind(t, "over a folder above", second(d.Move(ctx, "/files/e/n/f", "/files/e/n", vfs.CopyOptions{Replace: true})),
		vfs.ErrInvalid)
	wantKind(t, "into itself", second(d.Move(ctx, "/files/e/n", "/files/e/n/x", vfs.CopyOptions{})), vfs.ErrInvalid)
	must(t, second(d.Copy(ctx, "/files/e/n", "/files/c", vfs.CopyOptions{})))
	wantNames(t, h.own, "/c", "f g h")

	must(t, d.Remove(ctx, "/files/e/n", nil))
	wantNames(t, d, "/files/e", "")
	if read(t, inner, "/g") != "GG" {
		t.Error("the inner space lost a file with its mount")
	}
}

// TestCond checks that a condition sees the inner space as the change does, and others by their paths.
func TestCondInTree(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	h.mount(h.own, "/m", 1)
	put(t, h.own, "/f", "F")
	asked := false
	must(t, h.drive.Mkdir(ctx, "/files/m/x", func(ctx context.Context, at vfs.Stater) error {
		asked = true
		for path, want := range map[string]error{"/files/f": nil, "/files/m": nil, "/files/m/x": vfs.ErrNotExist,
			"/files": nil, "/": nil} {
			if _, err := at.Stat(ctx, path); !errors.Is(err, want) {
				t.Errorf("a condition sees %s: %v", path, err)
			}
		}
		return nil
	}))
	if !asked {
		t.Error("the condition was not asked")
	}
}

// TestUnopened checks that a mount that can't be opened is listed, and fails only what lies in it.
func TestUnopened(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	must(t, h.own.Mount(ctx, "/m", h.target(1), space.MountOptions{}))
	put(t, h.own, "/f", "F")
	wantNames(t, h.drive, "/files", "f m/")
	for _, path := range []string{"/files/m", "/files/m/x"} {
		_, err := h.drive.Stat(ctx, path)
		wantKind(t, path, err, vfs.ErrUnavailable)
		wantPath(t, err, "/files/m")
		h.fail[h.target(1).Capability.ID] = &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrNotExist}
		_, err = h.drive.Open(ctx, path)
		wantKind(t, path, err, vfs.ErrNotExist)
		clear(h.fail)
	}
	must(t, second(h.drive.Move(ctx, "/files/m", "/files/n", vfs.CopyOptions{})))
	must(t, h.drive.Remove(ctx, "/files/n", nil))
}

var _ Crosser = (*space.Space)(nil)
var _ Searcher = (*space.Space)(nil)

// BenchmarkStatBeside measures a path that leads through no mount, in a space that holds none, and in one that does.
func BenchmarkStatBeside(b *testing.B) {
	for _, mounts := range []bool{false, true} {
		b.Run(map[bool]string{false: "none", true: "one"}[mounts], func(b *testing.B) {
			h := newHousehold(b)
			must(b, h.own.Mkdir(b.Context(), "/a", nil))
			must(b, h.own.Mkdir(b.Context(), "/a/b", nil))
			put(b, h.own, "/a/b/f", "F")
			if mounts {
				must(b, h.own.Mount(b.Context(), "/m", h.target(1), space.MountOptions{}))
			}
			for b.Loop() {
				if _, err := h.drive.Stat(b.Context(), "/files/a/b/f"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
