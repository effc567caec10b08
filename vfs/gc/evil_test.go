package gc_test

import (
	"fmt"
	"testing"
	"time"

	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/tree"
)

// shrunk returns a drive from which most was removed, so that there is much to collect and to rewrite.
func shrunk(t testing.TB, d *gctest.Drive) map[string][]byte {
	t.Helper()
	want := furnish(t, d, 60)
	var ops []tree.Op
	for path := range want {
		if path[len(path)-5] != '3' {
			ops = append(ops, tree.Remove{Path: path})
			delete(want, path)
		}
	}
	do(t, d, ops...)
	if err := d.Forget(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return want
}

// TestEvil collects while the remote tells each lie. No needed blob may be deleted, or moved to a place where it is
// missing.
func TestEvil(t *testing.T) {
	for _, lie := range evil.Lies() {
		if lie == evil.ForkedPointer { // this lie needs a second view
			continue
		}
		for _, rate := range []float64{0, 0.1} {
			store := mem.New()
			liar := evil.New(store, evil.Options{Seed: uint64(lie), Rate: rate})
			d := newDrive(t, verify.New(liar, &verify.MemoryPins{}))
			want := shrunk(t, d)
			o := options(d)
			run(t, o)
			liar.SetLies(lie)
			for range 4 {
				_, _ = gc.Run(t.Context(), o) // a lie may cause an error
			}
			liar.SetLies()
			if err := d.Load(t.Context()); err != nil {
				if lie == evil.DropPuts || lie == evil.SpoilPuts {
					continue // the lie hit the commit itself, which no gateway can undo
				}
				t.Fatalf("%v: %v", lie, err)
			}
			check(t, d, want)
			for range 4 {
				if _, err := gc.Run(t.Context(), o); err != nil && lie != evil.DropPuts && lie != evil.SpoilPuts {
					t.Errorf("%v, and honest again: %v", lie, err)
				}
			}
			check(t, d, want)
		}
	}
}

// TestFaulty collects over a line that fails at random, until a run succeeds.
func TestFaulty(t *testing.T) {
	for seed := range uint64(20) {
		store := mem.New()
		bad := faulty.New(store, nil, faulty.Options{})
		d := newDrive(t, bad)
		want := shrunk(t, d)
		before := used(t, store)
		o := options(d)
		bad.SetPlan(faulty.Random(seed, faulty.Rates{faulty.Fail: 0.02, faulty.Lose: 0.02, faulty.Cut: 0.02}))
		done := 0
		for tries := 0; done < 4 && tries < 1000; tries++ {
			if _, err := gc.Run(t.Context(), o); err == nil {
				done++
			}
		}
		bad.SetPlan(nil)
		if err := d.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, d, want)
		if after := used(t, store); done < 4 || after > before/2 {
			t.Errorf("seed %d: %d runs, %d bytes became %d", seed, done, before, after)
		}
	}
}

// TestLag collects while listings show an earlier state: none at all, one from before the newest files, and one that
// still has blobs which are gone.
func TestLag(t *testing.T) {
	store := mem.New()
	bad := faulty.New(store, faulty.Always(faulty.Lag, faulty.List), faulty.Options{})
	d := newDrive(t, bad)
	want := shrunk(t, d)
	o := options(d)
	collect := func() {
		t.Helper()
		for range 4 {
			_, _ = gc.Run(t.Context(), o) // a listing that lacks needed blobs may be an error
		}
		if err := d.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, d, want)
	}
	collect()
	before := used(t, store)
	for round := range 3 {
		bad.SetPlan(nil)
		for range bad.List(t.Context()) { // the listing that is shown from now on
		}
		bad.SetPlan(faulty.Always(faulty.Lag, faulty.List))
		path := fmt.Sprintf("/new%d.txt", round)
		want[path] = body(1000+round, 3000)
		do(t, d, file(t, d, path, want[path]))
		if err := d.Forget(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		collect()
	}
	bad.SetPlan(nil)
	for range 4 {
		run(t, o)
	}
	check(t, d, want)
	if after := used(t, store); after > before/2 {
		t.Errorf("%d bytes became %d", before, after)
	}
}

// TestOldPointer shows an old state to a gateway without pins. Blobs of newer states wait for the grace period like all
// others, and outlive it.
func TestOldPointer(t *testing.T) {
	liar := evil.New(mem.New(), evil.Options{})
	d := newDrive(t, liar)
	want := furnish(t, d, 20)
	now := start.Add(day)
	o := options(d)
	o.Grace, o.Alone, o.Now = 0, true, func() time.Time { return now }
	liar.SetLies(evil.PreviousPointer)
	run(t, o)
	liar.SetLies()
	now = now.Add(2 * gc.DefaultGrace)
	if r := run(t, o); r.Deleted.Bytes != 0 {
		t.Errorf("%+v", r)
	}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, d, want)
}
