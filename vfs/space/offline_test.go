package space_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
)

// TestStartOffline starts without a remote, with changes that were written before and not committed, and commits them
// later.
func TestStartOffline(t *testing.T) {
	away := &switched{Store: mem.New()}
	h := newHome(t, away)
	s := h.open()
	put(t, s, "/committed", []byte("committed"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	away.off.Store(true)
	away.cached.Clear()
	// Pages that no cache holds are unavailable, and reported at once.
	s = h.open()
	if _, err := s.Stat(t.Context(), "/committed"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Fatalf("stat of what is at the remote only: %v", err)
	}
	if st := s.Status(); st.OfflineSince.IsZero() {
		t.Fatalf("status %+v", st)
	}
	h.close(s)

	away.off.Store(false)
	s = h.open()
	put(t, s, "/a", []byte("before the line broke")) // loads the page
	away.off.Store(true)
	put(t, s, "/b", []byte("after"))
	h.close(s)
	s = h.open()
	h.close(s)
	away.off.Store(false)
	s = h.open()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	other := h.device(2, "phone")
	s = other.open()
	defer other.close(s)
	for path, want := range map[string]string{"/committed": "committed", "/a": "before the line broke", "/b": "after"} {
		if got := string(get(t, s, path)); got != want {
			t.Errorf("%s is %q", path, got)
		}
	}
}

// TestPoll checks that commits of another device appear by polling, with new versions.
func TestPoll(t *testing.T) {
	watched := &switched{Store: mem.New()}
	h := newHome(t, watched)
	h.options.Deadlines.Poll = time.Millisecond
	s := h.open()
	defer h.close(s)
	put(t, s, "/a", []byte("laptop"))
	before, err := s.Stat(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := h.device(2, "phone")
	o := other.open()
	defer other.close(o)
	put(t, o, "/a", []byte("phone"))
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitThat(t, "the other device's version", func() bool {
		after, err := s.Stat(t.Context(), "/a")
		return err == nil && after.Version != before.Version && after.Modified.Unix() > before.Modified.Unix()
	})
	// Two devices that only look must not trigger commits of each other.
	commits, asked := s.Status().Commits+o.Status().Commits, watched.loads.Load()
	awaitThat(t, "a hundred polls", func() bool { return watched.loads.Load() > asked+100 })
	if now := s.Status().Commits + o.Status().Commits; now != commits {
		t.Errorf("%d commits were made without a change", now-commits)
	}
}

// awaitThat waits until a condition holds, for at most ten seconds.
func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestCrashAfterMerge ends the process between taking over another device's commit and committing on top of it. The
// replay must yield the same tree.
func TestCrashAfterMerge(t *testing.T) {
	for _, pendingBefore := range []bool{false, true} {
		t.Run(fmt.Sprintf("pending before=%v", pendingBefore), func(t *testing.T) {
			away := &switched{Store: mem.New()}
			h := newHome(t, away)
			h.options.Deadlines.Commit = time.Hour
			s := h.open()
			if err := s.Mkdir(t.Context(), "/folder", nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			other := h.device(2, "phone")
			o := other.open()
			put(t, o, "/folder/theirs", []byte("theirs"))
			if err := o.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			other.close(o)
			if pendingBefore {
				put(t, s, "/folder/ours", []byte("ours"))
			}
			h.close(s)
			s = h.open() // takes over
			if _, err := s.Move(t.Context(), "/folder/theirs", "/moved", vfs.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			want := listing(t, s, "/")
			h.close(s) // nothing is committed, as in a crash
			s = h.open()
			if got := listing(t, s, "/"); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after a restart the tree is %v, not %v", got, want)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.close(s)
			o = other.open()
			if got := listing(t, o, "/"); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the other device has %v, not %v", got, want)
			}
			other.close(o)
		})
	}
}

// TestRolledBack checks that changes are rejected while the remote shows an older state than before, and accepted when
// it shows the newest again.
func TestRolledBack(t *testing.T) {
	old := &switched{Store: mem.New()}
	h := newHome(t, old)
	s := h.open()
	put(t, s, "/a", []byte("a"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	old.rolledBack.Store(true)
	s = h.open()
	defer h.close(s)
	if err := tryPut(t.Context(), s, "/b", []byte("b")); !errors.Is(err, vfs.ErrReadOnly) ||
		!errors.Is(err, remote.ErrRollback) {
		t.Fatalf("a change while the remote shows an old state: %v", err)
	}
	if got := string(get(t, s, "/a")); got != "a" {
		t.Fatalf("read %q", got)
	}
	old.rolledBack.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_ = s.Flush(ctx)
	awaitThat(t, "the remote's recovery", func() bool { return s.Status().Blocked == "" })
	put(t, s, "/b", []byte("b"))
}
