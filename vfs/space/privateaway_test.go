package space_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs/fsck"
	"postern/vfs/registry"
	"postern/vfs/space"
)

// TestNotesAfterLongAway keeps a gateway away until the base pages of its changes are collected. What it noted is
// joined with what others noted meanwhile, whether it was off or running.
func TestNotesAfterLongAway(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprint("restarted ", restarted), func(t *testing.T) {
			store, clock := mem.New(), newDial()
			h := newHomeAt(t, store, clock.now())
			h.options.Now, h.options.Keep = clock.now, space.Keep{All: time.Nanosecond}
			h.options.Deadlines.Commit, h.options.Registry = time.Hour, readingRegistry
			s := h.open()
			defer func() { h.close(s) }()
			for i := range 200 { // several pages
				put(t, s, fmt.Sprintf("/%03d", i), []byte("first"))
			}
			note(t, s, noteOf("bob", "name", "Bob"))
			flush(t, s)

			other, away := h.device(2, "phone"), &switched{Store: store}
			other.options.Store, other.options.PageMemory, other.options.Deadlines.Poll = away, 1, time.Hour
			o := other.open()
			defer func() { other.close(o) }()
			get(t, o, "/000")
			away.off.Store(true)
			put(t, o, "/000", []byte("phone"))
			note(t, o, noteOf("bob", "name", "Bobby"), noteOf("dave", "name", "Dave"))
			note(t, o, noteOf("bob", "name", "Robert"))

			note(t, s, noteOf("carol", "name", "Carol"), noteOf("bob", "door", "x"))
			for i := range 200 {
				put(t, s, fmt.Sprintf("/%03d", i), []byte("second"))
			}
			flush(t, s)
			collectDaily(t, s, clock, "/last")

			o = other.back(o, away, restarted)
			flush(t, o)
			look(t, s)
			for _, side := range []*space.Space{s, o} {
				wantNoted(t, side, "bob", "name", "Robert")
				wantNoted(t, side, "bob", "door", "x")
				wantNoted(t, side, "carol", "name", "Carol")
				wantNoted(t, side, "dave", "name", "Dave")
			}
			if !registry.Equal(s.Private(), o.Private()) {
				t.Error("the two differ")
			}
			other.close(o)
			o = other.open()
			if r, err := o.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || !r.Clean() {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// TestNotesInABundle lets two devices note at remotes that never meet, and carries the state of one to the other.
func TestNotesInABundle(t *testing.T) {
	ctx := t.Context()
	h, clock := newHome(t, mem.New()), newDial()
	clock.ns.Store(time.Now().Add(time.Hour).UnixNano())
	h.options.Now = clock.now
	s := h.open()
	defer func() { h.close(s) }()
	note(t, s, noteOf("bob", "name", "Bob"))
	first := h.at(s)
	o := h.elsewhere(first)
	desk := o.open()
	defer o.close(desk)
	clock.pass(time.Minute)
	note(t, s, noteOf("bob", "name", "Bobby"), noteOf("carol", "name", "Carol"))
	note(t, desk, noteOf("bob", "name", "Robert"), noteOf("dave", "name", "Dave"))
	o.at(desk)
	ours := h.at(s)
	h.carry(ours, o.store)
	note(t, desk, noteOf("erin", "name", "Erin"))
	if joined, err := desk.Keeper().Join(ctx, ours); err != nil || !joined {
		t.Fatal(joined, err)
	}
	back := o.at(desk)
	o.carry(back, h.store)
	if joined, err := s.Keeper().Join(ctx, back); err != nil || !joined {
		t.Fatal(joined, err)
	}
	flush(t, s)
	look(t, s)
	for _, side := range []*space.Space{s, desk} {
		wantNoted(t, side, "bob", "name", "Robert")
		for _, id := range []string{"Carol", "Dave", "Erin"} {
			wantNoted(t, side, strings.ToLower(id), "name", id)
		}
	}
	if !registry.Equal(s.Private(), desk.Private()) {
		t.Error("the two differ")
	}
}
