package namespace

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
)

// TestMountCycles checks that no path leads into a space twice, while everything around stays usable.
func TestMountCycles(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	a := h.mount(h.own, "/a", 1)
	b := h.mount(a, "/b", 2)
	put(t, b, "/f", "F")
	own := object.Target{Capability: h.keys.Capability.ReadOnly()}
	must(t, b.Mount(ctx, "/a", h.target(1), space.MountOptions{}))
	must(t, b.Mount(ctx, "/own", own, space.MountOptions{}))
	must(t, h.own.Mount(ctx, "/self", own, space.MountOptions{}))
	for _, path := range []string{"/files/a/b/a", "/files/a/b/a/b/f", "/files/a/b/own", "/files/self", "/files/self/self"} {
		_, err := h.drive.Stat(ctx, path)
		wantKind(t, path, err, vfs.ErrInvalid)
		if !errors.Is(err, errCycle) {
			t.Errorf("%s fails with %v", path, err)
		}
		_, err = h.drive.Create(ctx, path)
		wantKind(t, path, err, vfs.ErrInvalid)
	}
	wantNames(t, h.drive, "/files", "a/ self/")
	wantNames(t, h.drive, "/files/a/b", "a/ f own/")
	wantKind(t, "a copy of a cycle", second(h.drive.Copy(ctx, "/files/a", "/files/c", vfs.CopyOptions{})), vfs.ErrInvalid)
	must(t, h.drive.Remove(ctx, "/files/self", nil))
	must(t, h.drive.Remove(ctx, "/files/a/b/own", nil))
}

// TestMountsNested checks that a path leads through 16 mounts, and not through 17.
func TestMountsNested(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	at, in := "/files", h.own
	for n := range uint16(maxMounts + 1) {
		in = h.mount(in, "/m", n+1)
		at += "/m"
	}
	put(t, in, "/f", "F")
	_, err := h.drive.Stat(ctx, at)
	wantKind(t, "17 mounts", err, vfs.ErrInvalid)
	if !errors.Is(err, errMany) {
		t.Errorf("17 mounts: %v", err)
	}
	at = strings.TrimSuffix(at, "/m")
	wantNames(t, h.drive, at, "m/")
	put(t, h.drive, at+"/g", "G")
	if got := read(t, h.drive, at+"/g"); got != "G" {
		t.Errorf("below 16 mounts there is %q", got)
	}
}

// TestMountOfAnotherOwner checks that a mount is followed only into a space of the owner of the one that holds it.
func TestMountOfAnotherOwner(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	h.space(1)
	target := h.target(1)
	target.Capability.Owner = crypto.AuthorID{1}
	must(t, h.own.Mount(ctx, "/m", target, space.MountOptions{}))
	_, err := h.drive.Stat(ctx, "/files/m/x")
	wantKind(t, "a mount of another owner", err, vfs.ErrInvalid)
	if h.opened > 0 {
		t.Error("it was opened")
	}
	wantNames(t, h.drive, "/files", "m/")
}

// TestManyMounts checks that thousands of mounts in a folder cost what as many folders do: none is opened by a listing,
// nor by a call beside them. Of mounted files a listing asks some.
func TestManyMounts(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	const n = 3000
	for i := range n {
		target := h.target(uint16(i + 100)) // there are no such spaces
		target.File = i%2 == 1
		must(t, h.own.Mount(ctx, fmt.Sprintf("/m%04d", i), target, space.MountOptions{}))
	}
	put(t, h.own, "/f", "F")
	d := New(Options{Patience: time.Millisecond, Open: h.open}, map[string]vfs.FS{"/files": h.own})
	h.opened, h.gate = 0, make(chan struct{})
	for range 2 {
		listed := 0
		for _, err := range d.List(ctx, "/files") {
			must(t, err)
			listed++
		}
		if listed != n+1 {
			t.Fatalf("%d entries are listed", listed)
		}
	}
	h.mu.Lock()
	opened := h.opened
	h.mu.Unlock()
	if opened > askedAtOnce {
		t.Errorf("%d mounts are being opened at once", opened)
	}
	if got := read(t, d, "/files/f"); got != "F" {
		t.Errorf("a file beside them holds %q", got)
	}
	if h.mu.Lock(); h.opened > opened {
		t.Error("a call beside the mounts opened some")
	}
	h.mu.Unlock()
	close(h.gate)
	must(t, d.Mkdir(ctx, "/files/x", nil))
	wantKind(t, "a copy of the whole drive", second(d.Copy(ctx, "/files", "/files/x/y", vfs.CopyOptions{})),
		vfs.ErrUnavailable)
	if found, err := h.own.Mounts(ctx, "/", 5); err != nil || len(found) != 5 {
		t.Errorf("at most five mounts are %+v, %v", found, err)
	}
	h.drained(d)
}

// drained waits until no mounted file is being asked.
func (h *household) drained(d *Drive) {
	for range askedAtOnce {
		d.o.files.running <- struct{}{}
	}
}

// TestMountInHistory checks that a mount in an earlier state shows the inner space as it was then, and that copying it
// from there restores the mount.
func TestMountInHistory(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	inner := h.mount(h.own, "/m", 1)
	put(t, inner, "/f", "old")
	must(t, inner.Flush(ctx))
	put(t, h.own, "/later", "") // so that the outer state is not older than the inner one
	must(t, h.own.Flush(ctx))
	state := ""
	for info, err := range h.drive.List(ctx, "/history") {
		must(t, err)
		state = "/history/" + info.Name
	}
	if got := read(t, h.drive, state+"/m/f"); got != "old" {
		t.Errorf("the earlier state holds %q", got)
	}
	info, err := h.drive.Stat(ctx, state+"/m")
	if err != nil || !info.ReadOnly || !info.Mounted || info.Name != "m" {
		t.Errorf("the mount there is %+v, %v", info, err)
	}
	wantNames(t, h.drive, state+"/m", "f")
	wantKind(t, "a change there", h.drive.Mkdir(ctx, state+"/m/x", nil), vfs.ErrReadOnly)
	// Not removed first: a commit of the same second would replace the state.
	must(t, second(h.drive.Copy(ctx, state+"/m", "/files/back", vfs.CopyOptions{})))
	if got := read(t, h.drive, "/files/back/f"); got != "old" {
		t.Errorf("the restored mount holds %q", got)
	}
	if m, ok, err := h.own.Crossing(ctx, "/back"); err != nil || !ok || m.Target.Capability.ID != inner.ID() {
		t.Errorf("what is restored is no mount: %+v, %v", m, err)
	}
	past := inner.At(time.Now().Add(-48 * time.Hour)).(crosser) // before the space was made: its oldest state
	if _, err := past.Stat(ctx, "/"); err != nil {
		t.Errorf("the oldest state: %v", err)
	}
}
