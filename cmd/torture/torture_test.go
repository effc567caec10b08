package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"postern/remote/s3/s3test"
)

// TestMain lets the test binary serve as the gateways, like the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	os.Exit(m.Run())
}

// TestTorture is a short run; `make torture` does long ones.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starts and kills processes for some seconds")
	}
	for _, seed := range []uint64{1, 2} {
		tortured(t, options{seed: seed, ops: 1000})
	}
}

// TestTortureInBucket is a short run with the remote in a bucket.
func TestTortureInBucket(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starts and kills processes for some seconds")
	}
	tortured(t, options{seed: 4, ops: 1000, remote: s3test.Fake(t)().String()})
}

// tortured does a run that must go well.
func tortured(t *testing.T, o options) {
	t.Helper()
	o.workers, o.dir, o.out = 3, t.TempDir(), t.Output()
	r, err := torture(o)
	t.Logf("seed %d: %s", o.seed, r.summary())
	if err != nil {
		r.print(t.Output())
		t.Fatalf("seed %d: %v", o.seed, err)
	}
}

func TestBodies(t *testing.T) {
	a, b := bodyOf(id{1, 2}, 1000), bodyOf(id{1, 3}, 1000)
	if c, err := readBody(a); err != nil || c != (id{1, 2}) {
		t.Fatalf("a whole body reads as %v, %v", c, err)
	}
	for what, body := range map[string][]byte{
		"cut": a[:999], "longer": append(bytes.Clone(a), 0), "mixed": append(bytes.Clone(a[:500]), b[500:]...), "empty": nil,
		"another head": append(bytes.Clone(b[:headerSize]), a[headerSize:]...), "zeros": make([]byte, 1000),
		"short": a[:headerSize],
	} {
		if _, err := readBody(body); err == nil {
			t.Errorf("%s: read as whole", what)
		}
	}
	r := newRecord()
	if _, err := r.read(a, "x"); err == nil {
		t.Error("a body that was never sent is taken")
	}
	c, body := r.fresh(1, 10)
	_, other := r.fresh(1, 10)
	if got, err := r.read(body, "x"); err != nil || got != c {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := r.read(other, "x"); err == nil {
		t.Error("one entity tag for two bodies is taken")
	}
}

// TestOwned plants faults of a drive, and checks that the model detects them.
func TestOwned(t *testing.T) {
	file := id{1, 1}
	do := func(c id) change { return func(s state) (state, bool) { return s.put("/own/f", c) } }
	ok, refused, unknown, away := reply{code: 201}, reply{code: 409}, reply{}, reply{code: 503}
	holds := func(c id) func(state) error {
		return func(s state) error {
			if s["/own/f"].content != c {
				return errors.New("another")
			}
			return nil
		}
	}
	o := newOwned("/own")
	if err := o.answered(ok, do(file)); err != nil {
		t.Fatal(err)
	}
	if err := o.see("", holds(id{})); err == nil {
		t.Error("a lost file is not found")
	}
	if err := o.answered(refused, do(id{1, 2})); err == nil {
		t.Error("a refusal without a reason is not found")
	}
	if err := o.answered(ok, func(s state) (state, bool) { return s.mkcol("/own/f") }); err == nil {
		t.Error("a folder over a file is not found")
	}
	if err := o.answered(away, do(id{1, 3})); err != nil {
		t.Fatal(err)
	}
	if err := o.see("", holds(id{1, 3})); err == nil {
		t.Error("what was answered 503 and happened is not found")
	}
	if err := o.answered(unknown, do(id{1, 4})); err != nil || len(o.states) != 2 {
		t.Fatalf("%d states after an unknown end, %v", len(o.states), err)
	}
	if err := o.see("", holds(id{1, 4})); err != nil {
		t.Fatal(err)
	}
	if err := o.see("", holds(file)); err == nil {
		t.Error("a file that comes back is not found")
	}
	s := o.states[0]
	for what, listed := range map[string]map[string]resource{
		"missing": {}, "a folder": {"/own/f": {folder: true}}, "more": {"/own/f": {}, "/own/g": {}},
		"a property": {"/own/f": {prop: "1"}},
	} {
		if s.matches("/own", listed, nil) == nil {
			t.Errorf("%s: not found", what)
		}
	}
	if err := s.matches("/own", map[string]resource{"/own/f": {}}, map[string]id{"/own/f": {1, 4}}); err != nil {
		t.Error(err)
	}
}

// TestTransfer checks COPY and MOVE in the model.
func TestTransfer(t *testing.T) {
	s := state{"/o": {folder: true}, "/o/a": {folder: true}, "/o/a/f": {content: id{1, 1}}, "/o/g": {content: id{1, 2}}}
	for _, c := range []struct {
		from, to                 string
		moving, replace, shallow bool
		want                     string // paths, or "" for a refusal
	}{
		{"/o/a", "/o/b", true, false, false, "/o /o/b /o/b/f /o/g"},
		{"/o/a", "/o/b", false, false, true, "/o /o/a /o/a/f /o/b /o/g"},
		{"/o/a", "/o/g", true, true, false, "/o /o/g /o/g/f"},
		{"/o/a", "/o/g", true, false, false, ""},
		{"/o/a", "/o/a/b", false, true, false, ""},
		{"/o/a/f", "/o/a", true, true, false, ""},
		{"/o/g", "/o/x/y", true, true, false, ""},
		{"/o/none", "/o/y", true, true, false, ""},
	} {
		got, ok := s.transfer(c.from, c.to, c.moving, c.replace, c.shallow)
		var paths []string
		for line := range strings.Lines(got.key()) {
			paths = append(paths, strings.Fields(line)[0])
		}
		if ok != (c.want != "") || strings.Join(paths, " ") != c.want {
			t.Errorf("%+v: got %v, %v", c, paths, ok)
		}
	}
}

// TestShared plants lost files.
func TestShared(t *testing.T) {
	const a, b = "/s/a.txt", "/s/b.txt"
	now := time.Now()
	s := newShared()
	s.setOnline(0, true, now)
	s.setOnline(1, true, now)
	one := s.begin(0, id{1, 1}, a)
	s.end(one, reply{code: 201})
	two := s.begin(1, id{2, 1}, a)
	s.end(two, reply{code: 201})
	s.end(s.begin(0, id{1, 9}, a), reply{}) // unknown outcome: no claim
	both := map[string]id{a: {1, 1}, "/s/a (conflict, gateway1, 2026-11-20, 2).txt": {2, 1}}
	if v, err := s.check(both); err != nil || v != (verdict{held: 2, conflicts: 1, gone: 1}) {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := s.check(map[string]id{a: {1, 1}}); err == nil {
		t.Error("a lost conflict is not found")
	}
	if _, err := s.check(map[string]id{a: {1, 1}, b: {2, 1}}); err == nil {
		t.Error("a file in another place is not found")
	}
	s.moveFile(1, id{2, 1}, a, b)
	if _, err := s.check(map[string]id{a: {1, 1}, b: {2, 1}}); err != nil {
		t.Error(err)
	}
	s.takeFile(id{1, 1}, a)
	if _, err := s.check(map[string]id{b: {2, 1}}); err != nil {
		t.Error(err)
	}
	// A gateway without the remote cannot remove later contents.
	s.setOnline(0, false, time.Now())
	three := s.begin(1, id{2, 3}, "/s/x/f")
	s.end(three, reply{code: 201})
	s.takeFolder(0, "/s/x")
	if _, err := s.check(map[string]id{b: {2, 1}}); err == nil {
		t.Error("what an absent gateway could not see counts as taken by it")
	}
	s.setOnline(0, true, time.Now())
	s.takeFolder(0, "/s/x")
	if _, err := s.check(map[string]id{b: {2, 1}}); err != nil {
		t.Error(err)
	}
}

// TestSeed: equal seeds give equal phases and tasks, different ones do not.
func TestSeed(t *testing.T) {
	all := func(seed uint64) string {
		var b strings.Builder
		for n := range 20 {
			p := phaseOf(seed, n, 3)
			b.WriteString(p.String())
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for range 20 {
				b.WriteString(draw(r, p, 1, 2).String())
			}
		}
		return b.String()
	}
	if all(7) != all(7) || all(7) == all(8) {
		t.Error("two runs of one seed differ")
	}
}
