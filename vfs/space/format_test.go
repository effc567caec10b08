package space_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote/mem"
	"postern/vfs/gc"
	"postern/vfs/object"
)

// head returns the account's pointer and its head.
func (h *home) head() (crypto.Pointer, object.Head) {
	h.t.Helper()
	p, err := h.store.Load(h.t.Context(), h.account.Writer().ID())
	if err != nil {
		h.t.Fatal(err)
	}
	value, err := crypto.OpenValue(h.account.Reader(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	head, err := object.DecodeHead(value)
	if err != nil {
		h.t.Fatal(err)
	}
	return p, head
}

// raise makes the space version 2.
func (h *home) raise() {
	h.t.Helper()
	p, head := h.head()
	head.Version = object.Version2
	value, err := crypto.SealValue(h.account.Reader(), p.ID, p.Seq+1, head.Encode(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.store.Swap(h.t.Context(), p.Hash(), h.account.Writer().Sign(p.Seq+1, value)); err != nil {
		h.t.Fatal(err)
	}
}

// TestVersionOfASpace checks that a drive of format 1 stays at 1, and that one raised to 2 by a newer program stays at
// 2. This program does not collect the latter's garbage.
func TestVersionOfASpace(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	put(t, s, "/a", []byte("a"))
	flush(t, s)
	_, head := h.head()
	if head.Version != object.Version1 {
		t.Fatalf("a new drive is of version %d", head.Version)
	}
	h.close(s)

	h.raise()
	s = h.open()
	put(t, s, "/b", []byte("b"))
	flush(t, s)
	h.close(s)
	s = h.open() // from the saved commit
	defer h.close(s)
	put(t, s, "/c", []byte("c"))
	flush(t, s)
	if _, head := h.head(); head.Version != object.Version2 {
		t.Errorf("a commit made the drive one of version %d again", head.Version)
	}
	if _, err := s.Keeper().Collect(t.Context(), gc.Options{}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("garbage of version 2 is collected: %v", err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if got := get(t, s, "/"+name); string(got) != name {
			t.Errorf("%s holds %q", name, got)
		}
	}
}
