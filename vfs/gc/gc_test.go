package gc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// body returns the bytes of the file with a number, different for each.
func body(n, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(size)})
	_, _ = io.ReadFull(r, b) // it never fails
	return b
}

func newDrive(t testing.TB, store remote.Store) *gctest.Drive {
	t.Helper()
	d, err := gctest.New(t.Context(), store, start)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func do(t testing.TB, d *gctest.Drive, ops ...tree.Op) {
	t.Helper()
	if err := d.Do(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
}

func file(t testing.TB, d *gctest.Drive, path string, b []byte) tree.Op {
	t.Helper()
	op, err := d.File(t.Context(), path, b)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func run(t testing.TB, o gc.Options) gc.Report {
	t.Helper()
	r, err := gc.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func used(t testing.TB, s remote.Store) int64 {
	t.Helper()
	space, err := s.Space(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return space.Used
}

// clock is a ticking clock.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time {
	c.now = c.now.Add(time.Second)
	return c.now
}

// options returns options without a grace period.
func options(d *gctest.Drive) gc.Options {
	return gc.Options{Store: d.Store, Roots: d.Roots(nil), Drive: d, Ledger: new(gc.Memory), Grace: -1,
		Now: (&clock{start.Add(day)}).Now}
}

// furnish fills a drive with files in folders, with a commit for every few, and returns the files.
func furnish(t testing.TB, d *gctest.Drive, files int) map[string][]byte {
	t.Helper()
	want := map[string][]byte{}
	for folder := range (files + 9) / 10 {
		ops := []tree.Op{tree.Mkdir{Path: fmt.Sprintf("/%03d", folder), Time: start}}
		for i := range min(10, files-folder*10) {
			n := folder*10 + i
			path := fmt.Sprintf("/%03d/%04d.txt", folder, n)
			want[path] = body(n, 1000+n*97%20000)
			ops = append(ops, file(t, d, path, want[path]))
		}
		do(t, d, ops...)
	}
	return want
}

func check(t testing.TB, d *gctest.Drive, want map[string][]byte) {
	t.Helper()
	for path, b := range want {
		if got, err := d.Read(context.WithoutCancel(t.Context()), "/files"+path); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%s: %d bytes instead of %d, %v", path, len(got), len(b), err)
		}
	}
}

// TestNineTenthsGone deletes nine files of ten and the history. The rest must take little more than it needs.
func TestNineTenthsGone(t *testing.T) {
	for _, how := range []string{"by folder", "everywhere"} {
		t.Run(how, func(t *testing.T) {
			store := mem.New()
			d := newDrive(t, store)
			want := furnish(t, d, 400)
			want["/large"] = body(1, 12<<20)
			do(t, d, file(t, d, "/large", want["/large"]))
			do(t, d, file(t, d, "/gone", body(2, 30<<20)))
			ops := []tree.Op{tree.Remove{Path: "/gone"}, tree.Remove{Path: "/large"}}
			delete(want, "/large")
			for path := range want {
				n := path[len("/000/"):]
				if how == "by folder" && path[:4] > "/003" || how == "everywhere" && n[3] != '7' {
					ops = append(ops, tree.Remove{Path: path})
					delete(want, path)
				}
			}
			do(t, d, ops...)
			if err := d.Forget(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			before := used(t, store)
			o := options(d)
			var r gc.Report
			for range 4 {
				r = run(t, o)
			}
			var left int64
			for _, b := range want {
				left += int64(len(b))
			}
			if after := used(t, store); float64(after) > 1.3*float64(left) || after > before/5 {
				t.Errorf("%d bytes of files take %d (%d before)\n%+v", left, after, before, r)
			}
			check(t, d, want)
			other, err := d.Again(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			check(t, other, want)
			if quiet := run(t, o); quiet.Repacked.Blobs != 0 || quiet.Deleted.Blobs != 0 {
				t.Errorf("there is no end: %+v", quiet)
			}
		})
	}
}

// TestGrace checks that nothing is deleted too early, and nothing that is needed again.
func TestGrace(t *testing.T) {
	store := mem.New()
	d := newDrive(t, store)
	do(t, d, file(t, d, "/a", body(1, 1<<20)))
	put := file(t, d, "/b", body(2, 1<<20)).(tree.Put)
	do(t, d, put)
	do(t, d, tree.Remove{Path: "/a"}, tree.Remove{Path: "/b"})
	if err := d.Forget(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Hour)
	o := options(d)
	o.Grace, o.Now, o.NoRepack = 0, func() time.Time { return now }, true
	has := func(op tree.Op) bool {
		_, err := store.Stat(t.Context(), op.(tree.Put).Entry.Content.Chunks[0].Blob)
		return err == nil
	}
	if r := run(t, o); r.Candidates.Bytes < 2<<20 || r.Deleted.Blobs != 0 || !r.Due.Equal(now.Add(gc.DefaultGrace)) {
		t.Fatalf("the first run: %+v", r)
	}
	now = now.Add(gc.DefaultGrace - time.Second)
	if r := run(t, o); r.Deleted.Blobs != 0 {
		t.Fatalf("a second too early: %+v", r)
	}
	do(t, d, put) // for example from another gateway's journal
	now = now.Add(2 * time.Second)
	o.DryRun = true
	if r := run(t, o); r.Deleted.Bytes < 1<<20 || r.Deleted.Bytes > 2<<20 {
		t.Fatalf("a dry run: %+v", r)
	}
	o.DryRun = false
	before := used(t, store)
	r := run(t, o)
	if r.Deleted.Bytes < 1<<20 || used(t, store) != before-r.Deleted.Bytes {
		t.Fatalf("in time: %+v, and %d of %d bytes are left", r, used(t, store), before)
	}
	if !has(put) {
		t.Error("what is needed again was deleted")
	}
	do(t, d, tree.Remove{Path: "/b"})
	if err := d.Forget(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if run(t, o); !has(put) {
		t.Error("what was needed meanwhile did not wait anew")
	}
}

// TestOthers collects beside another account's drive, which must not be touched.
func TestOthers(t *testing.T) {
	store := mem.New()
	mine, theirs := newDrive(t, store), newDrive(t, store)
	wantMine, wantTheirs := furnish(t, mine, 30), furnish(t, theirs, 30)
	o := options(mine)
	var r gc.Report
	for range 3 {
		r = run(t, o)
	}
	if r.Others.Blobs == 0 || r.Candidates.Blobs != 0 {
		t.Errorf("%+v", r)
	}
	check(t, mine, wantMine)
	check(t, theirs, wantTheirs)
	for name := range theirs.Tree().List(t.Context(), "/history") {
		if _, err := theirs.Tree().Lookup(t.Context(), "/history/"+name.Info().Name); err != nil {
			t.Error(err)
		}
	}
	o.Alone = true // unknown blobs are deleted only with this option
	run(t, o)
	run(t, o)
	if theirs.Load(t.Context()) == nil {
		t.Error("another's drive outlived a collection that was told that there is none")
	}
}

// TestStopped stops a run at each call of the remote in turn. Nothing is lost, and a later run does the rest.
func TestStopped(t *testing.T) {
	for calls := 0; ; calls++ {
		store := mem.New()
		d := newDrive(t, store)
		want := furnish(t, d, 40)
		ops := []tree.Op{tree.Copy{From: "/000", To: "/copy"}}
		for path, b := range want {
			if path < "/001" {
				want["/copy"+path[4:]] = b
			}
		}
		for path := range want {
			if path > "/002" && path < "/c" && path[len(path)-5] != '3' {
				ops = append(ops, tree.Remove{Path: path})
				delete(want, path)
			}
		}
		do(t, d, ops...)
		if err := d.Forget(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		o := options(d)
		o.Parallel = 1
		run(t, gc.Options{Store: store, Roots: d.Roots(nil), Drive: d, Ledger: o.Ledger, Grace: -1, NoRepack: true,
			Now: o.Now})

		stopping := gctest.NewStopping(store, calls)
		again, err := d.Again(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		again.Store = stopping
		broken := o
		broken.Store, broken.Roots, broken.Drive = stopping, again.Roots(nil), again
		_, failed := gc.Run(t.Context(), broken)
		if failed != nil && !errors.Is(failed, remote.ErrUnavailable) {
			t.Fatalf("stopped after %d calls: %v", calls, failed)
		}
		if err := d.Load(t.Context()); err != nil {
			t.Fatalf("stopped after %d calls: %v", calls, err)
		}
		check(t, d, want)
		for range 4 {
			run(t, o)
		}
		check(t, d, want)
		if failed == nil {
			if calls < 30 {
				t.Errorf("a run takes only %d calls", calls)
			}
			return
		}
	}
}

// TestSharing checks that files, folders and history still share what they share after it is moved.
func TestSharing(t *testing.T) {
	store := mem.New()
	d := newDrive(t, store)
	want := furnish(t, d, 100)
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
	for i := range 8 { // eight copies of everything, and some states of history
		do(t, d, tree.Copy{From: "/00" + fmt.Sprint(i), To: fmt.Sprintf("/copy%d", i)},
			tree.Copy{From: "/000", To: fmt.Sprintf("/again%d", i)})
	}
	o := options(d)
	before := used(t, store)
	for range 3 {
		run(t, o)
	}
	if after := used(t, store); after > before/2 {
		t.Errorf("%d bytes became %d", before, after)
	}
	check(t, d, want)
	seen := map[crypto.BlobName]bool{}
	places := map[string]string{}
	for _, path := range []string{"/files/000/0003.txt", "/files/copy0/0003.txt", "/files/again5/0003.txt"} {
		e, err := d.Tree().Lookup(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := e.Content().Load()
		seen[c.Chunks[0].Blob] = true
		places[fmt.Sprint(c.Chunks[0].Blob, c.Chunks[0].Off)] = path
	}
	if len(seen) != 1 || len(places) != 1 {
		t.Errorf("one file lies in %d places now: %v", len(places), places)
	}
}

// TestUnderWay checks that blobs that this gateway and others have put for later commits are kept.
func TestUnderWay(t *testing.T) {
	store := mem.New()
	d := newDrive(t, store)
	furnish(t, d, 10)
	o := options(d)
	o.Alone = true
	mine := file(t, d, "/mine", body(1, 1<<20)).(tree.Put)
	d.GivenUp() // it is not
	d.HeldNow = []crypto.BlobName{mine.Entry.Content.Chunks[0].Blob}
	for range 3 {
		run(t, o)
	}
	o.Grace = 0
	other, err := d.Again(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	theirs := file(t, other, "/theirs", body(2, 1<<20))
	for range 3 {
		run(t, o)
	}
	do(t, other, theirs)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, d, mine)
	check(t, d, map[string][]byte{"/mine": body(1, 1<<20), "/theirs": body(2, 1<<20)})
}

// asked counts how often the newest state was loaded.
type asked struct {
	gc.Roots
	n atomic.Int64
}

func (a *asked) Heads(ctx context.Context, met []roots.Space) ([]roots.Head, error) {
	a.n.Add(1)
	return a.Roots.Heads(ctx, met)
}

// slow is a remote on which each deletion takes a minute.
type slow struct {
	remote.Store
	passed *atomic.Int64
}

func (s slow) Delete(ctx context.Context, name crypto.BlobName) error {
	s.passed.Add(int64(time.Minute))
	return s.Store.Delete(ctx, name)
}

// TestSlowDeletions checks that the pointer is loaded again when the last look is too old to delete by.
func TestSlowDeletions(t *testing.T) {
	for pace, looks := range map[string][2]int64{"quick": {1, 6}, "slow": {8, 100}} {
		var passed atomic.Int64
		store := mem.New()
		d := newDrive(t, store)
		for i := range 60 {
			do(t, d, file(t, d, "/x", body(i, 600_000)))
		}
		if err := d.Forget(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		o := options(d)
		o.NoRepack, o.Now = true, func() time.Time { return start.Add(day + time.Duration(passed.Load())) }
		run(t, o)
		passed.Add(int64(time.Second))
		counted := &asked{Roots: o.Roots}
		if o.Roots = counted; pace == "slow" {
			o.Store = slow{store, &passed}
		}
		before := used(t, store)
		r := run(t, o)
		if n := counted.n.Load(); n < looks[0] || n > looks[1] {
			t.Errorf("%s: %d looks at the pointer", pace, n)
		}
		if after := used(t, store); r.Deleted.Blobs < 59 || before-after != r.Deleted.Bytes {
			t.Errorf("%s: %+v, but %d bytes are gone", pace, r.Deleted, before-after)
		}
		check(t, d, map[string][]byte{"/x": body(59, 600_000)})
	}
}

// TestGivenUp collects blobs that were put for abandoned commits.
func TestGivenUp(t *testing.T) {
	store := mem.New()
	d := newDrive(t, store)
	furnish(t, d, 10)
	o := options(d)
	before := used(t, store)
	file(t, d, "/never", body(1, 1<<20))
	for range 3 {
		run(t, o)
	}
	if after := used(t, store); after > before {
		t.Errorf("%d bytes became %d", before, after)
	}
}

// TestDamaged checks that nothing is deleted from a damaged drive, unless the options ask for it.
func TestDamaged(t *testing.T) {
	store := mem.New()
	d := newDrive(t, store)
	want := furnish(t, d, 40)
	e, err := d.Tree().Lookup(t.Context(), "/files/001")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := e.Object()
	if err := store.Delete(t.Context(), o.Root.Blob); err != nil {
		t.Fatal(err)
	}
	opts := options(d)
	r, err := gc.Run(t.Context(), opts)
	if !errors.Is(err, gc.ErrDamaged) || len(r.Damaged) == 0 || r.Deleted.Blobs != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	opts.DespiteDamage = true
	for range 3 {
		run(t, opts)
	}
	for path := range want {
		if path[:4] == "/001" {
			delete(want, path)
		}
	}
	check(t, d, want)
}
