package space_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/remote/faulty"
	"postern/remote/localfs/simfs"
	"postern/remote/mem"
	"postern/vfs/content"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/space"
)

// lateDevice is a device whose swaps can be held back on their way, and the files that it was told to keep.
type lateDevice struct {
	home
	line *faulty.Store
	s    *space.Space
}

// lateDevices returns two devices of one account, which commit only when the test says so.
func lateDevices(t *testing.T, clock *dial) (laptop, phone *lateDevice) {
	t.Helper()
	h := newHomeAt(t, mem.New(), clock.now())
	h.options.Now = clock.now
	d := &h.options.Deadlines
	d.Commit, d.Poll, d.Again, d.MaxAgain = time.Hour, time.Hour, time.Hour, time.Hour
	begin := func(h *home) *lateDevice {
		l := &lateDevice{home: *h, line: faulty.New(h.store, nil, faulty.Options{})}
		l.options.Store, l.options.FS = l.line, simfs.New()
		l.restart()
		return l
	}
	return begin(h), begin(h.device(2, "phone"))
}

func (d *lateDevice) restart() {
	d.t.Helper()
	if d.s != nil {
		d.close(d.s)
	}
	d.s = d.open()
}

// try makes one attempt to commit and reports whether it succeeded.
func (d *lateDevice) try(t *testing.T) bool {
	t.Helper()
	failures := d.s.Status().Failures
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	flushed := make(chan error, 1)
	go func() { flushed <- d.s.Flush(ctx) }()
	done := false
	awaitThat(t, "the end of an attempt", func() bool {
		select {
		case err := <-flushed:
			done = err == nil
			return true
		default:
			return d.s.Status().Failures > failures
		}
	})
	return done
}

// holdBack makes one attempt to commit, whose swap is held back on its way.
func (d *lateDevice) holdBack(t *testing.T) {
	t.Helper()
	d.line.SetPlan(faulty.Always(faulty.Late, faulty.Swap))
	if d.try(t) {
		t.Fatal("a swap that was held back is known to have happened")
	}
	d.line.SetPlan(nil)
}

// settled brings both devices to one state, and checks that it has the wanted files, whole, on a third device.
func settled(t *testing.T, want map[string]string, all ...*lateDevice) {
	t.Helper()
	for range 2 {
		for _, d := range all {
			d.line.SetPlan(nil)
			flush(t, d.s)
			if err := d.s.Committer().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, d := range all {
		if at := d.s.Status().Copied; !at.IsZero() {
			t.Error("a device takes its own late commit for that of a copied home")
		}
		d.close(d.s)
	}
	other := all[0].device(9, "reader")
	other.options.Store, other.options.FS = other.store, simfs.New()
	o := other.open()
	defer other.close(o)
	got := bodies(t, o)
	for path := range want {
		if got[path] != want[path] {
			t.Errorf("%s has %d bytes, which are not the %d that were written", path, len(got[path]), len(want[path]))
		}
		delete(got, path)
	}
	for path := range got {
		t.Errorf("there is %s, too", path)
	}
	if r, err := o.Keeper().Fsck(t.Context(), fsck.Options{ReadData: true}); err != nil || len(r.Damage) > 0 {
		t.Errorf("the check found %v, %v", r.Damage, err)
	}
}

// TestLateSwap lets a swap arrive long after its gateway has been told that its outcome is unknown. Wherever it
// arrives, and whatever happened in between, no change is lost or made twice, and nothing that the pointer leads to was
// deleted.
func TestLateSwap(t *testing.T) {
	large := noise(1, content.SmallLimit+10) // has a blob of its own
	collect := func(t *testing.T, d *lateDevice, clock *dial, grace time.Duration) {
		t.Helper()
		for range 3 {
			clock.pass(time.Second)
			if _, err := d.s.Keeper().Collect(t.Context(), gc.Options{Grace: grace}); err != nil {
				t.Fatal(err)
			}
		}
	}
	land := func(t *testing.T, d *lateDevice, swaps int) {
		t.Helper()
		if got := len(d.line.Land()); got != swaps {
			t.Fatalf("%d swaps were under way, not %d", got, swaps)
		}
	}
	for _, c := range []struct {
		what string
		do   func(t *testing.T, laptop, phone *lateDevice, clock *dial)
		want map[string]string // besides /a, /b and /large
	}{
		{"before the next attempt looks", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			land(t, laptop, 1)
		}, nil},
		{"after a look", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			if err := laptop.s.Committer().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			land(t, laptop, 1)
		}, nil},
		{"after the next commit of the device", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			put(t, laptop.s, "/c", []byte("c"))
			flush(t, laptop.s)
			land(t, laptop, 1)
		}, map[string]string{"/c": "c"}},
		{"after the same commit was sent again", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			flush(t, laptop.s)
			land(t, laptop, 1)
		}, nil},
		{"amid the next attempt", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			put(t, laptop.s, "/a", []byte("a again"))
			laptop.line.SetPlan(func(c faulty.Call) faulty.Fault {
				if c.Op == faulty.Swap {
					laptop.line.Land()
				}
				return faulty.Fine
			})
			flush(t, laptop.s)
		}, map[string]string{"/a": "a again"}},
		{"after several attempts that were all held back", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			put(t, laptop.s, "/c", []byte("c"))
			laptop.holdBack(t)
			put(t, laptop.s, "/d", []byte("d"))
			laptop.holdBack(t)
			land(t, laptop, 3)
		}, map[string]string{"/c": "c", "/d": "d"}},
		{"after another device's commit", func(t *testing.T, laptop, phone *lateDevice, _ *dial) {
			put(t, phone.s, "/c", []byte("c"))
			flush(t, phone.s)
			land(t, laptop, 1)
		}, map[string]string{"/c": "c"}},
		{"and another device builds on it", func(t *testing.T, laptop, phone *lateDevice, _ *dial) {
			if err := laptop.s.Committer().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			put(t, laptop.s, "/a", []byte("a again"))
			land(t, laptop, 1)
			put(t, phone.s, "/c", []byte("c"))
			flush(t, phone.s)
		}, map[string]string{"/a": "a again", "/c": "c"}},
		{"after a collection by the device", func(t *testing.T, laptop, _ *lateDevice, clock *dial) {
			put(t, laptop.s, "/c", []byte("c"))
			laptop.line.SetPlan(faulty.Always(faulty.Fail, faulty.Swap))
			laptop.try(t) // this attempt was never there
			collect(t, laptop, clock, -1)
			land(t, laptop, 1)
			laptop.line.SetPlan(faulty.Always(faulty.Fail, faulty.Put))
		}, map[string]string{"/c": "c"}},
		{"after a collection that no commit follows", func(t *testing.T, laptop, _ *lateDevice, clock *dial) {
			laptop.line.SetPlan(faulty.Always(faulty.Fail, faulty.Swap))
			laptop.try(t)
			laptop.try(t)
			collect(t, laptop, clock, -1)
			land(t, laptop, 1)
		}, nil},
		{"after a collection by another device", func(t *testing.T, laptop, phone *lateDevice, clock *dial) {
			collect(t, phone, clock, -1)
			clock.pass(8 * 24 * time.Hour)
			collect(t, phone, clock, 0)
			land(t, laptop, 1)
		}, nil},
		{"after a restart", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			laptop.restart()
			put(t, laptop.s, "/a", []byte("a again"))
			land(t, laptop, 1)
		}, map[string]string{"/a": "a again"}},
		{"before a restart looks", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			land(t, laptop, 1)
			laptop.restart()
		}, nil},
		{"after a restart and the next commit", func(t *testing.T, laptop, _ *lateDevice, _ *dial) {
			laptop.restart()
			put(t, laptop.s, "/c", []byte("c"))
			flush(t, laptop.s)
			land(t, laptop, 1)
		}, map[string]string{"/c": "c"}},
		{"after a restart, and another device builds on it", func(t *testing.T, laptop, phone *lateDevice, _ *dial) {
			laptop.restart()
			put(t, laptop.s, "/a", []byte("a again"))
			land(t, laptop, 1)
			put(t, phone.s, "/c", []byte("c"))
			flush(t, phone.s)
		}, map[string]string{"/a": "a again", "/c": "c"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			clock := newDial()
			laptop, phone := lateDevices(t, clock)
			put(t, laptop.s, "/b", []byte("b"))
			flush(t, laptop.s)
			clock.pass(time.Minute)
			put(t, laptop.s, "/a", []byte("a"))
			put(t, laptop.s, "/large", large)
			laptop.holdBack(t)
			clock.pass(time.Minute)
			c.do(t, laptop, phone, clock)
			want := map[string]string{"/a": "a", "/b": "b", "/large": string(large)}
			maps.Copy(want, c.want)
			settled(t, want, laptop, phone)
		})
	}
}

// TestLateSwapOfRepacking collects again and again while the commit that moves to the new packs is on its way.
func TestLateSwapOfRepacking(t *testing.T) {
	clock := newDial()
	laptop, phone := lateDevices(t, clock)
	want := map[string]string{}
	for i := range 60 {
		path := fmt.Sprintf("/%02d", i)
		want[path] = string(noise(uint64(i), 8000))
		put(t, laptop.s, path, []byte(want[path]))
	}
	flush(t, laptop.s)
	for path := range want {
		if path[2] != '5' {
			delete(want, path)
			if err := laptop.s.Remove(t.Context(), path, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush(t, laptop.s)
	clock.pass(4 * month)
	put(t, laptop.s, "/last", []byte("last"))
	want["/last"] = "last"
	flush(t, laptop.s)
	laptop.line.SetPlan(faulty.Script([]faulty.Fault{faulty.Late}, faulty.Swap))
	failed := 0
	for range 4 {
		clock.pass(time.Second)
		o := gc.Options{Grace: -1, NoRepack: failed > 0}
		if _, err := laptop.s.Keeper().Collect(t.Context(), o); err != nil {
			failed++
			laptop.line.SetPlan(faulty.Always(faulty.Fail, faulty.Swap))
		}
	}
	if landed := laptop.line.Land(); failed == 0 || len(landed) != 1 || landed[0] != nil {
		t.Fatalf("%d collections failed; late: %v", failed, landed)
	}
	laptop.line.SetPlan(nil)
	put(t, laptop.s, "/new", []byte("new"))
	want["/new"] = "new"
	settled(t, want, laptop, phone)
}

// TestLateSwaps lets two devices write, commit, restart and collect, while swaps get lost, or arrive at any later time.
func TestLateSwaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := newDial()
		laptop, phone := lateDevices(t, clock)
		all := []*lateDevice{laptop, phone}
		if rapid.Bool().Draw(rt, "one device") {
			all = all[:1]
			phone.close(phone.s)
		}
		want := map[string]string{}
		for n := range rapid.IntRange(5, 40).Draw(rt, "steps") {
			d := all[rapid.IntRange(0, len(all)-1).Draw(rt, "device")]
			clock.pass(time.Second)
			switch step := rapid.SampledFrom([]string{
				"write", "write", "rewrite", "commit", "commit", "late", "late", "late", "land", "land", "look", "restart",
				"collect",
			}).Draw(rt, "step"); step {
			case "write", "rewrite": // each device has paths of its own, so nothing conflicts
				path := fmt.Sprintf("/%s %d", d.options.Device.Name, n)
				size := rapid.SampledFrom([]int{10, content.SmallLimit + 10}).Draw(rt, "size")
				if step == "rewrite" {
					path = "/" + d.options.Device.Name
				}
				want[path] = string(noise(uint64(n), size))
				put(t, d.s, path, []byte(want[path]))
			case "commit":
				if rapid.Bool().Draw(rt, "lost") {
					d.line.SetPlan(faulty.Script([]faulty.Fault{faulty.Lose}, faulty.Swap))
				}
				d.try(t)
				d.line.SetPlan(nil)
			case "late":
				d.line.SetPlan(faulty.Always(faulty.Late, faulty.Swap))
				d.try(t)
				d.line.SetPlan(nil)
			case "land":
				d.line.Land()
			case "look":
				if err := d.s.Committer().Look(t.Context()); err != nil {
					rt.Fatal(err)
				}
			case "restart":
				d.restart()
			case "collect":
				o := gc.Options{NoRepack: rapid.Bool().Draw(rt, "no repacking")}
				if len(all) == 1 {
					o.Grace = -1
				}
				d.line.SetPlan(faulty.Always(faulty.Late, faulty.Swap))
				for range 2 { // one notes, the next deletes
					clock.pass(time.Second)
					_, _ = d.s.Keeper().Collect(t.Context(), o) // a repacking may fail
				}
				d.line.SetPlan(nil)
			}
		}
		for _, d := range all {
			d.line.Land()
		}
		settled(t, want, all...)
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}
