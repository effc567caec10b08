package gc_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote/mem"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/tree"
)

// gateway is one device of an account with its view of the drive.
type gateway struct {
	device
	d       *gctest.Drive
	backups []gc.Notes
}

// life is a schedule of several gateways.
type life struct {
	*rapid.T
	t     testing.TB
	store *watched
	now   time.Time
	all   []*gateway
	files int
	// wandering lets the last gateway's clock be behind at times; then it only collects, and the other clocks are right.
	wandering bool
}

// must ends the schedule on an unexpected error.
func (l *life) must(err error) {
	if err != nil {
		l.Fatal(err)
	}
}

func newLife(t *testing.T, rt *rapid.T) *life {
	l := &life{T: rt, t: t, now: start.Add(day), wandering: rapid.Bool().Draw(rt, "wandering")}
	l.store = &watched{Store: mem.New(), now: func() time.Time { return l.now }, last: map[crypto.BlobName]time.Time{}}
	first, err := gctest.New(t.Context(), l.store, l.now)
	l.must(err)
	for i := range 3 {
		g := &gateway{d: first}
		if i > 0 {
			g.d, err = first.Again(t.Context(), l.store)
			l.must(err)
			g.drawSkew(rt, l.wandering)
		}
		l.all = append(l.all, g)
	}
	l.store.reach = func() map[crypto.BlobName]bool {
		probe, err := first.Again(t.Context(), l.store.Store)
		l.must(err)
		names := map[crypto.BlobName]bool{probe.Base().Ref.Blob: true}
		l.walk(probe.Base().Tree, names)
		return names
	}
	l.store.live = l.store.reach()
	return l
}

// walk notes what a tree leads to, all of which must be there.
func (l *life) walk(of tree.Tree, names map[crypto.BlobName]bool) {
	err := tree.NewWalker(1).Walk(l.t.Context(), of, func(_ context.Context, v tree.Visit) error {
		if name, _, ok := v.Place(); ok {
			names[name] = true
		}
		return v.Err
	})
	l.must(err)
}

// ready updates a gateway, and its clock.
func (l *life) ready(g *gateway) *gctest.Drive {
	g.d.Now = l.now.Add(g.skew)
	l.must(g.d.Load(l.t.Context()))
	return g.d
}

func (l *life) do(g *gateway, ops ...tree.Op) {
	l.must(l.ready(g).Do(l.t.Context(), ops...))
}

func (l *life) put(g *gateway) {
	l.files++
	d := l.ready(g)
	op, err := d.File(l.t.Context(), fmt.Sprintf("/%d", l.files%3), body(l.files, 1000+l.files*7919%20_000))
	l.must(err)
	l.do(g, op)
}

func (l *life) remove(g *gateway) {
	paths, err := pathsOf(l.t.Context(), l.ready(g))
	l.must(err)
	for _, path := range paths {
		if rapid.Bool().Draw(l.T, "remove") {
			l.do(g, tree.Remove{Path: path})
		}
	}
	l.must(g.d.Forget(l.t.Context(), rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(l.T, "states")))
}

func (l *life) travel(g *gateway) {
	l.must(g.device.travel(l.t.Context(), l.T, l.store, l.ready(g), l.now))
}

func (l *life) collect(g *gateway, alone bool) gc.Report {
	o := gc.Options{
		Store: l.store, Roots: g.d.Roots(nil), Drive: g.d, Ledger: &g.ledger, Alone: alone, Parallel: 1,
		Now:      func() time.Time { return l.now.Add(g.skew) },
		NoRepack: l.wandering && g == l.all[len(l.all)-1], // commits that it dates don't show that it is behind
	}
	g.d.Now = o.Now()
	r, err := gc.Run(l.t.Context(), o)
	l.must(err)
	for _, e := range l.store.early {
		l.Fatal(e)
	}
	return r
}

func (l *life) step() {
	i := rapid.IntRange(0, len(l.all)-1).Draw(l.T, "gateway")
	g := l.all[i]
	wanders := l.wandering && i == len(l.all)-1
	switch what := rapid.IntRange(0, 14).Draw(l.T, "step"); {
	case what > 11 && !wanders: // a gateway that is away comes back; another one leaves
		leaves := g.carried.Kind == 0
		l.travel(g)
		if leaves {
			l.remove(l.all[0])
		}
	case what <= 3 || what > 11:
		l.now = l.now.Add(time.Duration(rapid.IntRange(6, 80).Draw(l.T, "hours")) * time.Hour)
	case what <= 5:
		l.collect(g, false)
	case what == 6:
		n, err := g.ledger.Load()
		l.must(err)
		g.backups = append(g.backups, n)
	case what == 7 && len(g.backups) > 0:
		l.must(g.ledger.Save(rapid.SampledFrom(g.backups).Draw(l.T, "backup")))
	case what == 8 && (wanders || !l.wandering):
		g.setBack(l.T, wanders)
	case wanders:
		l.collect(g, false)
	case g.carried.Kind != 0, what == 10:
		l.travel(g)
	case what == 9:
		l.remove(g)
	default:
		l.put(g)
	}
}

// TestSchedules runs random schedules of gateways with wrong clocks. They write, go away, come back, lose and restore
// their ledgers, and collect at any time. No blob may be deleted before a grace period in which no state led to it; and
// in the end, when they rest, all unneeded blobs are deleted.
func TestSchedules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLife(t, rt)
		for range rapid.IntRange(20, 60).Draw(rt, "steps") {
			l.step()
		}
		g := l.all[0]
		l.put(g)
		l.must(g.d.Forget(t.Context(), 1))
		var r gc.Report
		for range 10 { // with Alone, since lost ledgers no longer know some blobs
			l.now = l.now.Add(8 * day)
			r = l.collect(g, true)
		}
		if used := used(t, l.store); used != r.Needed.Bytes || float64(used) > 1.3*float64(r.Live)+8*crypto.MinBlobSize {
			rt.Errorf("%d bytes are taken, %d needed, %d alive: %+v", used, r.Needed.Bytes, r.Live, r)
		}
		l.walk(l.ready(g).Tree(), map[crypto.BlobName]bool{})
	})
}
