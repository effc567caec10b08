package gc_test

import (
	"context"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// schedule is a drive with one watched blob, the clock of the gateway that collects, and its ledger. Days are by that
// clock.
type schedule struct {
	*testing.T
	store  *mem.Store
	d      *gctest.Drive
	put    tree.Put // leads to the blob
	name   crypto.BlobName
	now    time.Time
	ledger *gc.Memory
}

func newSchedule(t *testing.T) *schedule {
	t.Helper()
	s := &schedule{T: t, store: mem.New(), now: start, ledger: new(gc.Memory)}
	s.d = newDrive(t, s.store)
	s.put = file(t, s.d, "/x", body(1, 1<<20)).(tree.Put)
	s.name = s.put.Entry.Content.Chunks[0].Blob
	s.need()
	return s
}

// on sets the clocks of the gateway and of the drive's next commit.
func (s *schedule) on(d float64) {
	s.now = start.Add(time.Duration(d * float64(day)))
	s.d.Now = s.now.Add(-time.Minute) // each commit adds a second
}

func (s *schedule) need() {
	s.Helper()
	do(s.T, s.d, s.put)
}

// drop removes the file and all states of the history that hold it.
func (s *schedule) drop() {
	s.Helper()
	do(s.T, s.d, tree.Remove{Path: "/x"})
	if err := s.d.Forget(s.Context(), 0); err != nil {
		s.Fatal(err)
	}
}

func (s *schedule) options() gc.Options {
	return gc.Options{Store: s.store, Roots: s.d.Roots(nil), Drive: s.d, Ledger: s.ledger, NoRepack: true,
		Now: func() time.Time { return s.now }}
}

func (s *schedule) collect() gc.Report {
	s.Helper()
	return run(s.T, s.options())
}

func (s *schedule) there() bool {
	_, err := s.store.Stat(context.Background(), s.name)
	return err == nil
}

// kept checks that the blob outlives a collection.
func (s *schedule) kept(d float64) {
	s.Helper()
	s.on(d)
	if s.collect(); !s.there() {
		s.Fatalf("on day %v it was deleted", d)
	}
}

// gone checks that a collection deletes the blob.
func (s *schedule) gone(d float64) {
	s.Helper()
	s.on(d)
	if s.collect(); s.there() {
		s.Fatalf("on day %v it is still there", d)
	}
}

// TestNeededAgain drops a candidate that was needed again. Its grace period restarts, though no collection has seen
// that it was needed.
func TestNeededAgain(t *testing.T) {
	s := newSchedule(t)
	s.drop()
	s.kept(0)
	s.on(3)
	s.need()
	s.on(6)
	s.drop()
	s.kept(8)
	s.kept(14.9)
	s.gone(15)
}

// TestOldLedger collects with a ledger restored from a backup, made before another collection saw that a blob was
// needed again.
func TestOldLedger(t *testing.T) {
	s := newSchedule(t)
	s.drop()
	s.kept(0)
	backup, err := s.ledger.Load()
	if err != nil {
		t.Fatal(err)
	}
	s.on(3)
	s.need()
	s.kept(4)
	s.on(6)
	s.drop()
	s.kept(7)
	save(t, s.ledger, backup)
	s.kept(8)
	s.kept(14.9)
	s.gone(15)
}

// TestChainCollected makes another gateway collect the commits since the last run of this one, which then can't know
// what they led to.
func TestChainCollected(t *testing.T) {
	s := newSchedule(t)
	blob, err := s.store.Get(t.Context(), s.name)
	if err != nil {
		t.Fatal(err)
	}
	s.drop()
	s.kept(0)
	mine := s.ledger
	s.on(1)
	s.need()
	s.on(2)
	s.drop()
	s.ledger = new(gc.Memory)
	for _, d := range []float64{3, 11, 20} { // longer than any grace
		s.on(d)
		do(t, s.d, file(t, s.d, "/other", body(int(d), 2000)))
		if err := s.d.Forget(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		s.collect()
	}
	// A device that came back has put the blob again.
	if err := s.store.Put(t.Context(), s.name, remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
	s.on(21)
	s.need()
	s.on(22)
	s.drop()
	s.ledger = new(gc.Memory)
	for _, d := range []float64{22, 30} { // deletes the commits of these days, but not the unknown blob
		o := s.options()
		s.on(d)
		o.Grace = -1
		run(t, o)
		if err := s.store.Put(t.Context(), s.name, remote.BytesBody(blob)); err != nil {
			t.Fatal(err)
		}
	}
	s.ledger = mine
	s.kept(30)
	s.kept(36.9)
	s.gone(37)
}

// meanwhile calls a function when the newest state is loaded for the n-th time.
type meanwhile struct {
	gc.Roots
	n  int
	do func()
}

func (m *meanwhile) Heads(ctx context.Context, met []roots.Space) ([]roots.Head, error) {
	if m.n--; m.n == 0 {
		m.do()
	}
	return m.Roots.Heads(ctx, met)
}

// TestNeededWhileDeleting makes the blob needed and dropped again between the look at the newest state and the
// deletion.
func TestNeededWhileDeleting(t *testing.T) {
	s := newSchedule(t)
	s.drop()
	s.kept(0)
	s.on(8)
	o := s.options()
	o.Roots = &meanwhile{o.Roots, 3, func() { s.need(); s.drop() }}
	if run(t, o); !s.there() {
		t.Fatal("it was deleted right after it was needed")
	}
	s.kept(9)
	s.kept(15.9)
	s.gone(16)
}

// TestDroppedWhileLooking lets days pass, as on a suspended machine, while the newest state is loaded.
func TestDroppedWhileLooking(t *testing.T) {
	s := newSchedule(t)
	s.kept(0)
	o := s.options()
	o.Roots = &meanwhile{o.Roots, 1, func() { s.on(6); s.drop() }}
	run(t, o)
	s.kept(7)
	s.kept(12.9)
	s.gone(13)
}

// TestClockBehind drops the blob right before a collection with a slow clock, and collects again once the clock is
// right.
func TestClockBehind(t *testing.T) {
	for name, behind := range map[string]time.Duration{
		"a fortnight": 14 * day, "two years": 730 * day,
		"since the epoch": time.Duration(start.UnixNano() - 1), "before it": time.Duration(start.UnixNano() + int64(day)),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchedule(t)
			s.kept(0)
			s.on(1)
			s.drop()
			s.now = s.now.Add(-behind)
			s.collect()
			s.kept(1.5)
			s.kept(7.9)
			s.gone(16)
		})
	}
}

// TestClockSetBack collects with a clock that was ahead when the blob became a candidate.
func TestClockSetBack(t *testing.T) {
	for _, ahead := range []time.Duration{3 * day, 100 * day, 20_000 * day} {
		s := newSchedule(t)
		s.drop()
		s.now = s.now.Add(ahead)
		s.collect()
		s.kept(1)
		s.kept(7)
		s.gone(16)
	}
}

// TestCommitOfTheFuture makes a device with a fast clock commit, and others every day after it. Blobs that its commits
// needed are deleted a grace period after they are dropped, and so are the packs of its commits.
func TestCommitOfTheFuture(t *testing.T) {
	for _, ahead := range []time.Duration{2 * day, 6 * day, 100 * day, 25_000 * day} {
		s := newSchedule(t)
		packs := map[crypto.BlobName]bool{}
		for i := range 5 {
			s.d.Now = start.Add(ahead)
			do(t, s.d, file(t, s.d, "/other", body(i, 3000)))
			packs[s.d.Base().Ref.Blob] = true
		}
		s.drop()
		for d := range 30 {
			s.on(float64(d))
			do(t, s.d, file(t, s.d, "/other", body(d, 3000)))
			if err := s.d.Forget(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if s.collect(); !s.there() && d < 7 || s.there() && d >= 14 {
				t.Fatalf("%v ahead: on day %d it is there: %v", ahead, d, s.there())
			}
		}
		for name := range packs {
			if _, err := s.store.Stat(t.Context(), name); err == nil {
				t.Errorf("%v ahead: the pack of its commit is still there", ahead)
			}
		}
	}
}

// TestDeviceAlwaysAhead makes a device whose clock is ahead of the collector's commit all the time. All garbage must
// still be deleted in the end.
func TestDeviceAlwaysAhead(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 2 * day, 6 * day, 40 * day, 1000 * day} {
		for _, pause := range []int{1, 3, 10} {
			s := newSchedule(t)
			for d := 0; d <= 60; d += pause {
				s.on(float64(d))
				s.d.Now = s.now.Add(ahead)
				do(t, s.d, file(t, s.d, "/other", body(d, 3000)))
				if d == 2*pause {
					s.drop()
				}
				if s.collect(); !s.there() && d < 2*pause+7 {
					t.Fatalf("%v ahead, collected every %d days: on day %d it is gone", ahead, pause, d)
				}
			}
			if s.there() {
				t.Errorf("%v ahead, collected every %d days: it is still there", ahead, pause)
			}
		}
	}
}

// TestClockLongBehind collects several times with a clock that falls further behind, before it is set right.
func TestClockLongBehind(t *testing.T) {
	s := newSchedule(t)
	s.kept(0)
	s.on(1)
	s.drop()
	for i := range 5 {
		s.now = start.Add(day - time.Duration(20+i)*day)
		s.collect()
	}
	s.kept(2)
	s.kept(7.9)
	s.gone(16)
}

// TestClockPutRight drops the blob right before a collection with a slow clock, and collects again at once, each time
// that the clock is put forward. The commit is still ahead of the collector's clock once that one is right, since the
// device's clock is ahead: by some seconds at least.
func TestClockPutRight(t *testing.T) {
	for _, ahead := range []time.Duration{0, 2 * time.Minute, 10 * time.Hour, 50 * day} {
		for _, steps := range [][]float64{{100}, {1}, {100, 10, 1}, {3, 2.5, 2, 1.5, 1, 0.5}} {
			t.Run(fmt.Sprint(ahead, steps), func(t *testing.T) {
				s := newSchedule(t)
				s.kept(0)
				s.on(1)
				s.d.Now = s.now.Add(ahead)
				s.drop()
				for _, behind := range steps {
					s.now = start.Add(day - time.Duration(behind*float64(day)))
					s.collect()
				}
				s.kept(1)
				s.d.Now = s.now.Add(ahead)
				do(t, s.d, file(t, s.d, "/other", body(1, 3000)))
				s.kept(1.1)
				s.kept(7.9)
				s.gone(60)
			})
		}
	}
}

// TestClockPutRightDuringRun puts a slow clock right while a collection runs, after another one with the slow clock.
func TestClockPutRightDuringRun(t *testing.T) {
	s := newSchedule(t)
	s.kept(0)
	s.on(1)
	s.drop()
	s.now = s.now.Add(-100 * day)
	s.collect()
	o := s.options()
	o.Roots = &meanwhile{o.Roots, 1, func() { s.on(1.5) }}
	if run(t, o); !s.there() {
		t.Fatal("it was deleted at once")
	}
	s.kept(7.9)
	s.gone(16)
}

// TestApart checks times in which a machine is suspended, when the monotonic clock stops, and in which the wall clock
// is set back.
func TestApart(t *testing.T) {
	now := time.Now()
	suspended := now.Add(8 * day)
	monotonic(&suspended, now)
	if suspended.Sub(now) != 0 {
		t.Fatal("the monotonic clock does not stand still, so this tests nothing")
	}
	if got := gc.Apart(now, suspended); got != 8*day {
		t.Errorf("a machine was suspended for 8 days, and %v have passed", got)
	}
	set := now
	later := now.Add(8 * day)
	monotonic(&set, later)
	if got := gc.Apart(now, set); got != 8*day {
		t.Errorf("the clock was set back, and %v have passed", got)
	}
}

// monotonic copies the monotonic part of one clock reading to another: the second of the three words of a time.Time.
func monotonic(t *time.Time, of time.Time) {
	(*[3]uint64)(unsafe.Pointer(t))[1] = (*[3]uint64)(unsafe.Pointer(&of))[1]
}
