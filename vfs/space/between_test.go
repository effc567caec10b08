package space_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/localfs/simfs"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// secondKeys returns the keys of a second space of an account.
func secondKeys(account crypto.AccountSecret) space.Keys { return keysOf(account, 2) }

// keysOf returns the keys of the space number n of an account; 1 is its own space.
func keysOf(account crypto.AccountSecret, n byte) space.Keys {
	own := base.Own(account)
	if n == 1 {
		return own
	}
	c := crypto.SpaceSecret{n}.Keys()
	c.Owner, c.Store = own.Owner, own.Store
	return space.Keys{Capability: c, Author: own.Author, Frames: own.Frames}
}

// beside makes and opens a second space beside the first.
func (h *home) beside(s *space.Space, store remote.Store) *space.Space {
	h.t.Helper()
	keys := secondKeys(h.account)
	err := space.Create(h.t.Context(), store, keys, h.options.Device, rand.Reader, time.Now())
	if err != nil && !errors.Is(err, remote.ErrConflict) {
		h.t.Fatal(err)
	}
	second, err := s.Home().Open(h.t.Context(), space.Options{Store: store, Keys: keys})
	if err != nil {
		h.t.Fatal(err)
	}
	return second
}

// TestMoveBetween moves files and folders between two spaces and back, committed and not, and checks them on another
// device.
func TestMoveBetween(t *testing.T) {
	small, large := []byte("small"), bytes.Repeat([]byte("large"), content.SmallLimit)
	for _, c := range []struct {
		name   string
		commit bool // before the move
	}{{"committed", true}, {"not committed", false}} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t, newDisk(t))
			s := h.open()
			second := h.beside(s, h.store)
			for _, folder := range []string{"/folder", "/empty"} {
				if err := s.Mkdir(t.Context(), folder, nil); err != nil {
					t.Fatal(err)
				}
			}
			put(t, s, "/folder/inside", small)
			for path, body := range map[string][]byte{"/small": small, "/large": large, "/none": nil} {
				put(t, s, path, body)
			}
			prop := vfs.Property{Name: vfs.PropertyName{Space: "urn:x", Local: "colour"}, Value: "red"}
			if err := s.Patch(t.Context(), "/small", vfs.Patch{Set: []vfs.Property{prop}}, nil); err != nil {
				t.Fatal(err)
			}
			if c.commit {
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			was, err := s.Stat(t.Context(), "/small")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"/small", "/large", "/none", "/folder", "/empty"} {
				if _, err := s.MoveTo(t.Context(), name, second, name, vfs.TransferOptions{}); err != nil {
					t.Fatalf("move %s: %v", name, err)
				}
				if _, err := s.Stat(t.Context(), name); !errors.Is(err, vfs.ErrNotExist) {
					t.Errorf("%s is still in the first space: %v", name, err)
				}
			}
			is, err := second.Stat(t.Context(), "/small")
			if err != nil || is.Version != was.Version || !is.Modified.Equal(was.Modified) || len(is.Properties) != 1 {
				t.Errorf("%+v became %+v, %v", was, is, err)
			}
			look := func(t *testing.T, second *space.Space) {
				t.Helper()
				for path, body := range map[string][]byte{"/small": small, "/large": large, "/none": nil, "/folder/inside": small} {
					if got := get(t, second, path); !bytes.Equal(got, body) {
						t.Errorf("%s holds %d bytes, not %d", path, len(got), len(body))
					}
				}
				if info, err := second.Stat(t.Context(), "/empty"); err != nil || !info.Folder {
					t.Errorf("the empty folder: %+v, %v", info, err)
				}
			}
			look(t, second)
			if err := errors.Join(s.Flush(t.Context()), second.Flush(t.Context())); err != nil {
				t.Fatal(err)
			}
			h.close(second)
			h.close(s)

			other := h.device(2, "desk")
			s = other.open()
			second = other.beside(s, h.store)
			look(t, second)
			if _, err := second.CopyTo(t.Context(), "/folder", s, "/copied", vfs.TransferOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := get(t, s, "/copied/inside"); !bytes.Equal(got, small) {
				t.Errorf("the copy holds %q", got)
			}
			h.close(second)
			h.close(s)
		})
	}
}

// TestMoveBetweenConditions checks that the condition sees both states, that an existing item is replaced only on
// request, and that a rejected move changes nothing on either side.
func TestMoveBetweenConditions(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	second := h.beside(s, h.store)
	defer h.close(second)
	put(t, s, "/a", []byte("first"))
	put(t, second, "/a", []byte("second"))
	unmoved := func(want error, err error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%v instead of %v", err, want)
		}
		if got := string(get(t, s, "/a")) + string(get(t, second, "/a")); got != "firstsecond" {
			t.Errorf("there is %q", got)
		}
	}
	_, err := s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{})
	unmoved(vfs.ErrExist, err)
	_, err = s.MoveTo(t.Context(), "/a", second, "/none/a", vfs.TransferOptions{Replace: true})
	unmoved(vfs.ErrNotExist, err)
	_, err = s.MoveTo(t.Context(), "/", second, "/root", vfs.TransferOptions{})
	unmoved(vfs.ErrInvalid, err)
	_, err = s.MoveTo(t.Context(), "/a", s.History(), "/a", vfs.TransferOptions{})
	unmoved(vfs.ErrOtherSpace, err)
	no := errors.New("no")
	cond := func(ctx context.Context, from, to vfs.Stater) error {
		if a, err := from.Stat(ctx, "/a"); err != nil || a.Size != 5 {
			t.Errorf("the source shows %+v, %v", a, err)
		}
		if b, err := to.Stat(ctx, "/a"); err != nil || b.Size != 6 {
			t.Errorf("the destination shows %+v, %v", b, err)
		}
		return no
	}
	_, err = s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{Replace: true, Cond: cond})
	unmoved(no, err)
	replaced, err := s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{Replace: true})
	if err != nil || !replaced || string(get(t, second, "/a")) != "first" {
		t.Errorf("replaced: %v, %v", replaced, err)
	}
}

// TestAddedFirst checks that a move is committed in the gaining space before the losing one, and that a move back waits
// for that.
func TestAddedFirst(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer h.close(s)
	second := h.beside(s, h.store)
	defer h.close(second)
	put(t, s, "/a", []byte("a"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := second.MoveTo(t.Context(), "/a", s, "/a", vfs.TransferOptions{}); !errors.Is(err, vfs.ErrUnavailable) {
		t.Fatalf("a move back: %v", err)
	}
	if second.Status().PendingChanges == 0 {
		t.Fatal("the second space was committed already")
	}
	if err := s.Flush(t.Context()); err != nil { // makes the other commit first
		t.Fatal(err)
	}
	if n := second.Status().PendingChanges; n > 0 {
		t.Errorf("the removal was committed, with %d changes pending where it was added", n)
	}
	if _, err := second.MoveTo(t.Context(), "/a", s, "/a", vfs.TransferOptions{}); err != nil {
		t.Errorf("a move back: %v", err)
	}
}

// TestNeighbour checks that a second space whose remote is unreachable keeps its changes, and does not affect the
// first.
func TestNeighbour(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	line := faulty.New(mem.New(), nil, faulty.Options{})
	second := h.beside(s, line)
	line.SetPlan(func(faulty.Call) faulty.Fault { return faulty.Fail })
	for i := range 20 {
		put(t, second, fmt.Sprintf("/%d", i), []byte("waits"))
		put(t, s, fmt.Sprintf("/%d", i), []byte("goes"))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.MoveTo(t.Context(), "/1", second, "/moved", vfs.TransferOptions{}); !errors.Is(err, vfs.ErrOtherSpace) {
		t.Errorf("a move to another store: %v", err)
	}
	h.close(second)
	h.close(s)

	s = h.open()
	if n := s.Status().PendingChanges; n > 0 {
		t.Errorf("%d changes of the first space wait", n)
	}
	put(t, s, "/more", []byte("goes"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s) // this time without opening the second

	line.SetPlan(nil)
	s = h.open()
	defer h.close(s)
	second = h.beside(s, line)
	defer h.close(second)
	for i := range 20 {
		if got := get(t, second, fmt.Sprintf("/%d", i)); string(got) != "waits" {
			t.Errorf("file %d holds %q", i, got)
		}
	}
	if err := second.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestClosedBeside: a second space takes no change once it is closed, since nothing in the home would keep it.
func TestClosedBeside(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	second := h.beside(s, h.store)
	put(t, s, "/a", []byte("a"))
	h.close(second)
	if err := tryPut(t.Context(), second, "/b", []byte("b")); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("a change of a closed space: %v", err)
	}
	if _, err := s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{}); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("a move to a closed space: %v", err)
	}
	if got := string(get(t, s, "/a")); got != "a" {
		t.Errorf("it holds %q", got)
	}
}

// TestOpenTwice: a space that is open is not opened once more, and stays as it is.
func TestOpenTwice(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	second := h.beside(s, h.store)
	defer h.close(second)
	keys := secondKeys(h.account)
	if twice, err := s.Home().Open(t.Context(), space.Options{Store: h.store, Keys: keys}); err == nil {
		h.close(twice)
		t.Error("it was opened twice")
	}
	put(t, second, "/a", []byte("a"))
	flush(t, second)
}

// TestMoveNotDurable: a move that can't be made durable never happened, in either space.
func TestMoveNotDurable(t *testing.T) {
	h, fs := newHome(t, mem.New()), simfs.New()
	h.options.FS, h.options.Deadlines.Commit = fs, time.Hour
	s := h.open()
	defer func() { _ = s.Close() }() // the journal is broken
	second := h.beside(s, h.store)
	defer h.close(second)
	put(t, s, "/a", []byte("a"))
	flush(t, s)
	fs.FailSyncs(errors.New("broken disk"))
	if _, err := s.MoveTo(t.Context(), "/a", second, "/a", vfs.TransferOptions{}); !errors.Is(err, vfs.ErrBroken) {
		t.Fatalf("the move: %v", err)
	}
	if _, err := second.Stat(t.Context(), "/a"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("the second space: %v", err)
	}
	if got := string(get(t, s, "/a")); got != "a" {
		t.Errorf("the first space: %q", got)
	}
	if a, b := s.Status().PendingChanges, second.Status().PendingChanges; a+b > 0 {
		t.Errorf("%d and %d changes are pending", a, b)
	}
}
