package space_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// target returns the target of a mount of the space number n of the account.
func (h *home) target(n byte) object.Target {
	return object.Target{Capability: keysOf(h.account, n).ReadOnly()}
}

// leadsTo returns the space that a path leads to; zero: that of the tree itself.
func leadsTo(t *testing.T, s interface {
	Crossing(ctx context.Context, path string) (m tree.Mounted, ok bool, err error)
}, path string) crypto.PointerID {
	t.Helper()
	m, ok, err := s.Crossing(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return crypto.PointerID{}
	}
	return m.Target.Capability.ID
}

// TestMount mounts a space in place of a folder, sees it again after a crash, after a start and on another device, and
// checks that the space is of version 2 from then on.
func TestMount(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	if err := s.Mkdir(t.Context(), "/d", nil); err != nil {
		t.Fatal(err)
	}
	put(t, s, "/d/f", nil)
	flush(t, s)
	look := func(path string) object.Entry {
		e, err := s.Files().Lookup(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := e.Object()
		return o
	}
	was := look("/d")
	put(t, s, "/d/g", nil)
	if err := s.Mount(t.Context(), "/d", h.target(2), space.MountOptions{Was: &was}); !errors.Is(err, working.ErrChanged) {
		t.Errorf("a folder that has changed is replaced: %v", err)
	}
	flush(t, s)
	was = look("/d")
	if _, head := h.head(); head.Version != object.Version1 {
		t.Fatalf("before any mount the space is of version %d", head.Version)
	}
	if err := s.Mount(t.Context(), "/d", h.target(2), space.MountOptions{Was: &was}); err != nil {
		t.Fatal(err)
	}
	if err := s.Mount(t.Context(), "/n", h.target(3), space.MountOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Mount(t.Context(), "/n", h.target(4), space.MountOptions{}); err != nil { // rotated
		t.Fatal(err)
	}
	check := func(what string, s *space.Space) {
		t.Helper()
		if got := leadsTo(t, s, "/d/f"); got != h.target(2).Capability.ID {
			t.Errorf("%s: /d leads to %v", what, got)
		}
		if got := leadsTo(t, s, "/n"); got != h.target(4).Capability.ID {
			t.Errorf("%s: /n leads to %v", what, got)
		}
		if info, err := s.Stat(t.Context(), "/d"); err != nil || !info.Mounted || info.Version != was.Version {
			t.Errorf("%s: the mount is %+v, %v", what, info, err)
		}
		if _, err := s.Open(t.Context(), "/n"); !errors.Is(err, vfs.ErrIsFolder) {
			t.Errorf("%s: a mounted folder is opened: %v", what, err)
		}
	}
	check("at once", s)
	h.close(s)
	s = h.open()
	check("replayed", s)
	flush(t, s)
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("a space with a mount is of version %d", head.Version)
	}
	h.close(s)
	s = h.open()
	check("opened from the saved commit", s)
	if err := errors.Join(s.Remove(t.Context(), "/d", nil), s.Remove(t.Context(), "/n", nil)); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("the version fell to %d with the last mount", head.Version)
	}
	h.close(s)
	other := h.device(2, "desk").open()
	defer h.close(other)
	if got := leadsTo(t, other, "/d"); got != (crypto.PointerID{}) {
		t.Errorf("on another device /d is still a mount, of %v", got)
	}
	past := other.History().(interface {
		vfs.FS
		Crossing(ctx context.Context, path string) (m tree.Mounted, ok bool, err error)
	})
	for info, err := range past.List(t.Context(), "/") {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok, err := past.Crossing(t.Context(), "/"+info.Name+"/d/x"); err != nil {
			t.Fatal(err)
		} else if ok {
			if m.At.IsZero() || m.Path != "/"+info.Name+"/d" {
				t.Errorf("in %s the mount is %+v", info.Name, m)
			}
		}
	}
}

// TestCarry shares a folder on one device while another device edits it: the edited folder is kept next to the mount,
// and the device that merges is told.
func TestCarry(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	if err := s.Mkdir(t.Context(), "/d", nil); err != nil {
		t.Fatal(err)
	}
	put(t, s, "/d/f", []byte("1"))
	flush(t, s)
	other := h.device(2, "phone")
	other.options.Deadlines.Commit = time.Hour // it must not see the laptop's changes too early
	told := make(chan tree.Conflict, 9)
	other.options.Carry = func(in crypto.PointerID, c tree.Conflict) {
		if in == base.Own(h.account).ID {
			told <- c
		}
	}
	o := other.open()
	e, err := s.Files().Lookup(t.Context(), "/d")
	if err != nil {
		t.Fatal(err)
	}
	was, _ := e.Object()
	if err := s.Mount(t.Context(), "/d", h.target(2), space.MountOptions{Was: &was}); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	h.close(s)
	put(t, o, "/d/f", []byte("2"))
	flush(t, o)
	c := <-told
	if c.Path != "/d" || c.Carry.Space != h.target(2).Capability.ID || c.Carry.Base.Root != was.Root {
		t.Errorf("the device is told %+v, %+v", c, c.Carry)
	}
	if got := get(t, o, c.Copy+"/f"); string(got) != "2" {
		t.Errorf("the edited file holds %q", got)
	}
	if got := leadsTo(t, o, "/d"); got != h.target(2).Capability.ID {
		t.Errorf("/d leads to %v", got)
	}
	other.close(o)
}
