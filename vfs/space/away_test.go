package space_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/space"
)

// TestAwayFromTheFuture switches a gateway off for longer than the grace period. Its last commit came from a device
// with a fast clock, so by that date it was away for only two days.
func TestAwayFromTheFuture(t *testing.T) {
	store, clock := mem.New(), newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Keep = space.Keep{All: time.Nanosecond}
	h.options.Deadlines.Commit, h.options.Deadlines.Poll = time.Hour, time.Hour
	h.options.Now = func() time.Time { return clock.now().Add(10 * 24 * time.Hour) }
	s := h.open()
	defer func() { h.close(s) }()
	put(t, s, "/old", noise(1, 1<<20))
	flush(t, s)

	other := h.device(2, "phone")
	away := &switched{Store: store}
	other.options.Store, other.options.Now = away, clock.now
	var log bytes.Buffer
	other.options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	o := other.open()
	away.off.Store(true)
	if _, err := o.Copy(t.Context(), "/old", "/copy", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	other.close(o)

	if err := s.Remove(t.Context(), "/old", nil); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	clock.pass(time.Hour)
	put(t, s, "/new", nil)
	flush(t, s)
	var deleted int64
	for range 3 {
		r, err := s.Keeper().Collect(t.Context(), gc.Options{NoRepack: true})
		if err != nil {
			t.Fatal(err)
		}
		deleted += r.Deleted.Bytes
		clock.pass(6 * 24 * time.Hour)
	}
	clock.pass(-6 * 24 * time.Hour)
	if deleted < 1<<20 {
		t.Fatalf("%d bytes were deleted", deleted)
	}
	away.off.Store(false)
	o = other.open()
	defer func() { other.close(o) }()
	flush(t, o)
	if !strings.Contains(log.String(), "path=/copy") {
		t.Errorf("nothing is said of what is gone: %q", log.String())
	}
}
