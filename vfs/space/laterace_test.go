package space_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/space"
)

// wantAllMD5s looks on another device for files that were committed without their MD5.
func wantAllMD5s(t *testing.T, h *home, folder string, files int) {
	t.Helper()
	other := h.device(9, "reader")
	other.options.Store = h.store
	s := other.open()
	defer other.close(s)
	for info, err := range s.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		if info.Folder {
			continue
		}
		files--
		if info.LacksMD5() || info.Size == int64(len(lateBody())) && info.MD5 != md5.Sum(lateBody()) {
			t.Errorf("%s has the MD5 %x", info.Name, info.MD5)
		}
	}
	if files != 0 {
		t.Errorf("%d files are missing", files)
	}
}

// TestLateMD5Merged: a merge that gives a file another name waits for its MD5.
func TestLateMD5Merged(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit, h.options.Deadlines.Poll = time.Hour, time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	end := s.Transfer()
	putLate(t, s, "/a", lateBody())
	other := h.device(2, "desk")
	o := other.open()
	put(t, o, "/a", []byte("another"))
	flush(t, o)
	other.close(o)
	if err := s.Committer().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	flush(t, s)
	wantAllMD5s(t, h, "/", 2)
}

// TestLateMD5OtherForm moves and copies a file without MD5 under another Unicode form of its name.
func TestLateMD5OtherForm(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	if err := s.Mkdir(t.Context(), "/f\u00e9", nil); err != nil {
		t.Fatal(err)
	}
	end := s.Transfer()
	putLate(t, s, "/f\u00e9/\u00e9", lateBody())
	if _, err := s.Copy(t.Context(), "/fe\u0301", "/copy", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Move(t.Context(), "/fe\u0301/e\u0301", "/b", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	end()
	flush(t, s)
	wantAllMD5s(t, h, "/", 1)
	wantAllMD5s(t, h, "/copy", 1)
}

// TestLateMD5WhileRefused: an MD5 is computed while the changes of clients are refused.
func TestLateMD5WhileRefused(t *testing.T) {
	old := &switched{Store: mem.New()}
	h := newHome(t, old)
	h.options.Deadlines.Commit, h.options.Deadlines.Poll = time.Hour, time.Hour
	s := h.open()
	defer func() { h.close(s) }()
	end := s.Transfer()
	putLate(t, s, "/a", lateBody())
	old.rolledBack.Store(true)
	if err := s.Committer().Look(t.Context()); err == nil {
		t.Fatal("the remote is believed")
	}
	if err := tryPut(t.Context(), s, "/b", nil); !errors.Is(err, vfs.ErrReadOnly) {
		t.Fatalf("a change: %v", err)
	}
	end()
	wantMD5(t, s, "/a", lateBody())
	old.rolledBack.Store(false)
	flush(t, s)
	wantAllMD5s(t, h, "/", 1)
}

// TestLateMD5Repacked: a commit that rewrites packs waits for MD5s, as any other.
func TestLateMD5Repacked(t *testing.T) {
	clock := newDial()
	h := newHomeAt(t, mem.New(), clock.now())
	h.options.Now, h.options.Keep = clock.now, space.Keep{All: time.Nanosecond}
	h.options.Deadlines.Commit, h.options.Deadlines.Poll = time.Hour, time.Hour
	s := h.open()
	for i := range 100 {
		put(t, s, fmt.Sprintf("/%02d", i), noise(uint64(i), 8000))
	}
	flush(t, s)
	for i := range 95 {
		if err := s.Remove(t.Context(), fmt.Sprintf("/%02d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	clock.pass(120 * 24 * time.Hour)
	put(t, s, "/last", nil)
	flush(t, s)
	s.Transfer()
	putLate(t, s, "/late", lateBody())
	r, err := s.Keeper().Collect(t.Context(), gc.Options{Grace: -1})
	if err != nil || r.Repacked.Blobs == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	h.close(s)
	wantAllMD5s(t, h, "/", 7)
}

// TestLateMD5MadeAgain: changes that are made again after a long time apart have their MD5s.
func TestLateMD5MadeAgain(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprint("restarted ", restarted), func(t *testing.T) {
			store, clock := mem.New(), newDial()
			h := newHomeAt(t, store, clock.now())
			h.options.Now, h.options.Keep, h.options.Deadlines.Commit = clock.now, space.Keep{All: time.Nanosecond}, time.Hour
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
			o.Transfer()
			away.off.Store(true)
			putLate(t, o, "/d/000", lateBody())
			for i := range 200 {
				put(t, s, fmt.Sprintf("/d/%03d", i), []byte("second"))
			}
			flush(t, s)
			collectDaily(t, s, clock, "/d/last")
			o = other.back(o, away, restarted)
			flush(t, o)
			wantAllMD5s(t, h, "/d", 202)
		})
	}
}
