package gateway

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/cmd/postern/home"
	"postern/remote/faulty"
	"postern/remote/localfs/simfs"
	"postern/vfs"
)

// TestPageShowsWhatStatusKnows: a full remote is not "uploading" on the page, and worse states take precedence.
func TestPageShowsWhatStatusKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStacked(t, 0)
		defer func() { s.close() }()
		d := &drive{space: s.space, cache: s.cache, line: s.line, usage: home.Home(t.TempDir()).OpenUsage(nil)}
		kinds := func(want string) {
			t.Helper()
			pass(time.Minute)
			if shown := d.shown(); shown.Kind() != want {
				t.Errorf("the page shows %q instead of %q: %s", shown.Kind(), want, shown.Sentence())
			}
		}
		kinds("calm")
		s.away.SetPlan(faulty.Always(faulty.Full))
		s.put("/a", noise(1000))
		kinds("full")
		if why := d.status().Commit.LastError; why != "no space left" {
			t.Errorf("status says why: %q", why)
		}
		s.away.SetPlan(faulty.Always(faulty.Fail))
		kinds("offline")
		s.away.SetPlan(faulty.Always(faulty.Full))
		kinds("full")
		s.away.SetPlan(nil)
		kinds("calm")
		if strings.Contains(d.shown().Sentence(), "full") {
			t.Error(d.shown().Sentence())
		}
	})
}

// TestBrokenJournalIsShown: a journal that can't be synced shows in status, on the page and in /readyz until a restart.
func TestBrokenJournalIsShown(t *testing.T) {
	s := newStacked(t, 0)
	s.close()
	disk := simfs.New()
	s.disk = disk
	s.open()
	d := &drive{space: s.space, cache: s.cache, line: s.line, usage: home.Home(t.TempDir()).OpenUsage(nil)}
	if err := d.ready(); err != nil || d.shown().Kind() != "calm" {
		t.Fatalf("a sound journal: %v, %s", err, d.shown().Kind())
	}
	disk.FailSyncs(errors.New("input/output error"))
	if err := s.space.Mkdir(t.Context(), "/d", nil); !errors.Is(err, vfs.ErrBroken) {
		t.Fatalf("mkdir: %v", err)
	}
	disk.FailSyncs(nil)
	for where, says := range map[string]string{"status": d.status().Commit.Broken, "page": d.shown().Sentence(),
		"readyz": sentence(d.ready())} {
		if !strings.Contains(says, "journal") {
			t.Errorf("%s says %q", where, says)
		}
	}
	if kind := d.shown().Kind(); kind != "blocked" {
		t.Errorf("the page shows %q", kind)
	}
	_ = s.space.Close()
	_ = s.cache.Close()
	s.open()
	defer s.close()
	if err := (&drive{space: s.space, cache: s.cache, line: s.line}).ready(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func sentence(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
