package gateway

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/remote/faulty"
)

// TestPageShowsWhatStatusKnows: a full remote is not "uploading" on the page, and gives way to what comes after it.
func TestPageShowsWhatStatusKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStacked(t, 0)
		defer func() { s.close() }()
		d := &drive{space: s.space, cache: s.cache}
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
