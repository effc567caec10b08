package space_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/vfs/space"
)

// commitUnheard lands a commit without its gateway's knowledge: the reply is lost, and then the remote is unreachable.
func commitUnheard(t *testing.T, h *home, line *faulty.Store, s *space.Space) {
	t.Helper()
	before, err := h.store.Load(t.Context(), h.account.Writer().ID())
	if err != nil {
		t.Fatal(err)
	}
	line.SetPlan(func(c faulty.Call) faulty.Fault {
		switch c.Op {
		case faulty.Swap:
			return faulty.Lose
		case faulty.Load:
			return faulty.Fail
		}
		return faulty.Fine
	})
	ctx, cancel := context.WithCancel(t.Context())
	flushed := make(chan error, 1)
	go func() { flushed <- s.Flush(ctx) }()
	awaitThat(t, "the commit at the remote", func() bool {
		now, err := h.store.Load(t.Context(), h.account.Writer().ID())
		return err == nil && now.Seq > before.Seq
	})
	// pages that were read are cached elsewhere
	line.SetPlan(faulty.Always(faulty.Fail, faulty.Load, faulty.Swap, faulty.Put))
	cancel()
	if err := <-flushed; err == nil {
		t.Fatal("the gateway has heard of its commit")
	}
}

// TestBuiltOnUnheardCommit lets another device build on a commit of ours whose reply was lost, while the same file is
// changed again here. Our earlier version in that commit must not conflict with our later one. It makes no difference
// whether the gateway keeps running, or restarts with or without the remote.
func TestBuiltOnUnheardCommit(t *testing.T) {
	for _, restart := range []string{"none", "online", "offline", "twice"} {
		t.Run(restart, func(t *testing.T) {
			h := newHome(t, mem.New())
			line := faulty.New(h.store, nil, faulty.Options{})
			ours := *h
			ours.options.Store = line
			ours.options.Deadlines.Commit = time.Hour
			s := ours.open()
			put(t, s, "/a", []byte("first"))
			put(t, s, "/gone", []byte("gone"))
			commitUnheard(t, h, line, s)

			other := h.device(2, "phone")
			o := other.open()
			put(t, o, "/theirs", []byte("theirs"))
			if err := o.Remove(t.Context(), "/gone", nil); err != nil { // removed here, too: a repeat would fail
				t.Fatal(err)
			}
			if err := o.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			put(t, s, "/a", []byte("second"))
			if err := s.Remove(t.Context(), "/gone", nil); err != nil {
				t.Fatal(err)
			}
			if restart == "offline" || restart == "twice" {
				ours.close(s)
				s = ours.open()
			}
			line.SetPlan(nil)
			if restart == "online" || restart == "twice" {
				ours.close(s)
				s = ours.open()
				put(t, s, "/a", []byte("third"))
				put(t, s, "/a", []byte("second"))
			}
			if restart == "twice" { // the merge is a record now
				for range 2 {
					ours.close(s)
					s = ours.open()
				}
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"/a": "second", "/theirs": "theirs"}
			if got := bodies(t, s); !maps.Equal(got, want) {
				t.Errorf("here is %v, not %v", got, want)
			}
			ours.close(s)
			other.close(o)
			o = other.open()
			defer other.close(o)
			if got := bodies(t, o); !maps.Equal(got, want) {
				t.Errorf("the other device has %v, not %v", got, want)
			}
		})
	}
}

func bodies(t *testing.T, s *space.Space) map[string]string {
	t.Helper()
	all := map[string]string{}
	for path := range listing(t, s, "/") {
		all[path] = string(get(t, s, path))
	}
	return all
}

// TestFirstChangesMerge starts a device for the first time, and crashes before its first commit. What others commit
// until it is back is merged with its changes, which must not be replayed onto it.
func TestFirstChangesMerge(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	put(t, s, "/a", []byte("laptop"))
	h.close(s)
	other := h.device(2, "phone")
	o := other.open()
	put(t, o, "/a", []byte("phone"))
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.close(o)
	s = h.open()
	defer h.close(s)
	got := map[string]bool{}
	for _, body := range bodies(t, s) {
		got[body] = true
	}
	if !got["laptop"] || !got["phone"] {
		t.Errorf("what is there: %v", got)
	}
}

// TestJournalMovedAway starts without the journal, as after moving a damaged one away, and with an old one. New records
// get new numbers, and are not taken for committed ones.
func TestJournalMovedAway(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old=%v", old), func(t *testing.T) {
			h := newHome(t, mem.New())
			at, aside := filepath.Join(h.options.Dir, "journal"), filepath.Join(t.TempDir(), "journal")
			s := h.open()
			put(t, s, "/a", []byte("a"))
			h.close(s)
			if err := os.CopyFS(aside, os.DirFS(at)); err != nil {
				t.Fatal(err)
			}
			s = h.open()
			for n := range 5 {
				put(t, s, fmt.Sprintf("/b%d", n), []byte("b"))
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.close(s)
			if err := os.RemoveAll(at); err != nil {
				t.Fatal(err)
			}
			if old {
				if err := os.CopyFS(at, os.DirFS(aside)); err != nil {
					t.Fatal(err)
				}
			}
			for n := range 3 {
				s = h.open()
				put(t, s, fmt.Sprintf("/c%d", n), []byte("c"))
				h.close(s)
			}
			s = h.open()
			put(t, s, "/d", []byte("d"))
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.close(s)
			other := h.device(2, "phone")
			o := other.open()
			defer other.close(o)
			for _, path := range []string{"/a", "/b4", "/c0", "/c1", "/c2", "/d"} {
				if got := string(get(t, o, path)); got != path[1:2] {
					t.Errorf("%s is %q", path, got)
				}
			}
		})
	}
}
