package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/mirror"
	"postern/remote/transfer/transfertest"
)

// eager are options for tests of healing: comparisons only on request, and no pauses between attempts.
var eager = mirror.Options{FirstCheck: -1, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}

var blob = transfertest.Blob

// put stores blobs that differ by seed and returns their names.
func put(t testing.TB, s remote.Blobs, seeds ...uint64) []crypto.BlobName {
	t.Helper()
	var names []crypto.BlobName
	for _, seed := range seeds {
		name, data := blob(seed, 1000+int(seed))
		if err := s.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// contents reads all blobs of a store and checks their names.
func contents(t testing.TB, s remote.Store) map[crypto.BlobName]int64 {
	t.Helper()
	all := map[crypto.BlobName]int64{}
	for info, err := range s.List(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.Get(context.Background(), info.Name)
		if err != nil || crypto.NameOf(data) != info.Name {
			t.Fatalf("%v: %d bytes, %v", info.Name, len(data), err)
		}
		all[info.Name] = info.Size
	}
	return all
}

// same checks that two stores hold the same blobs.
func same(t testing.TB, a, b remote.Store) {
	t.Helper()
	inA, inB := contents(t, a), contents(t, b)
	for name := range inA {
		if _, there := inB[name]; !there {
			t.Errorf("%v is on the first only", name)
		}
	}
	for name := range inB {
		if _, there := inA[name]; !there {
			t.Errorf("%v is on the second only", name)
		}
	}
}

// settle waits until no member lags.
func settle(t testing.TB, s *mirror.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := s.Settle(ctx); err != nil {
		t.Fatalf("%v; %+v", err, s.Status())
	}
}

// numbers returns the numbers below n.
func numbers(n uint64) []uint64 {
	var all []uint64
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestMemberThatWasAway(t *testing.T) {
	ctx := t.Context()
	first, second := mem.New(), mem.New()
	away := faulty.New(second.Another(), nil, faulty.Options{})
	s := join(t, eager, first.Another(), away)
	key := crypto.NewWriterKey([32]byte{1})
	one, two := key.Sign(1, crypto.PointerValue{1}), key.Sign(2, crypto.PointerValue{2})

	names := put(t, s, numbers(10)...)
	if err := s.Swap(ctx, crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	same(t, first, second)
	if p, err := second.Load(ctx, one.ID); err != nil || p != one {
		t.Errorf("its pointer: %v, %v", p.Seq, err)
	}

	away.SetPlan(faulty.Always(faulty.Fail))
	put(t, s, 100, 101, 102)
	if err := s.Swap(ctx, one.Hash(), two); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, names[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, names[0]); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("what was deleted is read from who missed it: %v", err)
	}
	st := s.Status()[1]
	if st.Up || !st.Lagging || st.Missing != 3 || st.Deletes != 1 || st.Pointers != 1 || st.Err == nil {
		t.Errorf("while it is away: %+v", st)
	}
	if p, err := second.Load(ctx, one.ID); err != nil || p != one {
		t.Errorf("its pointer moved before its blobs: %v, %v", p.Seq, err)
	}

	away.SetPlan(nil)
	settle(t, s)
	same(t, first, second)
	if p, err := second.Load(ctx, one.ID); err != nil || p != two {
		t.Errorf("its pointer, healed: %v, %v", p.Seq, err)
	}
	if st := s.Status()[1]; !st.Up || st.Lagging || st.Err != nil || st.Healed != 3 ||
		st.HealedBytes != 3*1000+100+101+102 {
		t.Errorf("healed: %+v", st)
	}
}

// TestNothingIsForgotten: whatever calls are made while members fail, in the end all hold the same blobs.
func TestNothingIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := eager
		o.MaxNames = rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "names remembered")
		o.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
		kept := []*mem.Store{mem.New(), mem.New(), mem.New()}
		var stores []remote.Store
		var faults []*faulty.Store
		for i, k := range kept {
			f := faulty.New(k.Another(), nil, faulty.Options{})
			if i > 0 {
				f.SetPlan(faulty.Random(rapid.Uint64().Draw(t, "seed"),
					faulty.Rates{faulty.Fail: 0.3, faulty.Lose: 0.1, faulty.Full: 0.1, faulty.Cut: 0.1}))
			}
			stores, faults = append(stores, f), append(faults, f)
		}
		s, err := mirror.New(named(stores...), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx := context.Background()
		key := crypto.NewWriterKey([32]byte{2})
		var at crypto.Pointer
		there := map[crypto.BlobName][]byte{}
		for range rapid.IntRange(1, 40).Draw(t, "operations") {
			name, data := blob(rapid.Uint64Range(0, 8).Draw(t, "blob"), 500)
			switch rapid.IntRange(0, 4).Draw(t, "operation") {
			case 0, 1:
				if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
					t.Fatal(err)
				}
				there[name] = data
			case 2:
				if err := s.Delete(ctx, name); err != nil {
					t.Fatal(err)
				}
				delete(there, name)
			case 3:
				next := key.Sign(at.Seq+1, crypto.PointerValue{byte(at.Seq)})
				var old crypto.PointerHash
				if at.Seq > 0 {
					old = at.Hash()
				}
				if err := s.Swap(ctx, old, next); err != nil {
					t.Fatal(err)
				}
				at = next
			}
			got, err := s.Get(ctx, name)
			if want, ok := there[name]; ok && (err != nil || !bytes.Equal(got, want)) {
				t.Fatalf("get: %d bytes, %v", len(got), err)
			} else if !ok && !errors.Is(err, remote.ErrNotFound) && o.MaxNames > 8 {
				t.Fatalf("get of what was deleted: %v", err)
			}
		}
		for _, f := range faults {
			f.SetPlan(nil)
		}
		ended, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := s.Settle(ended); err != nil {
			t.Fatalf("%v: %+v", err, s.Status())
		}
		for i, k := range kept {
			for name, data := range there {
				if got, err := k.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("member %d lacks %v: %v", i, name, err)
				}
			}
			listed := 0
			for range k.List(ctx) {
				listed++
			}
			if listed != len(there) && o.MaxNames > 8 { // more deletes than are remembered leave garbage
				t.Fatalf("member %d has %d of %d blobs", i, listed, len(there))
			}
			if p, err := k.Load(ctx, key.ID()); at.Seq > 0 && (err != nil || p != at) {
				t.Fatalf("member %d is at %d of %d: %v", i, p.Seq, at.Seq, err)
			}
		}
	})
}

// TestComparison: a comparison finds blobs that a member lost silently, even with more blobs than it holds at once.
func TestComparison(t *testing.T) {
	for _, names := range []int{1, 2, 100} {
		ctx := t.Context()
		o := eager
		o.MaxNames = names
		first, second := mem.New(), mem.New()
		all := put(t, first, numbers(60)...)
		put(t, second, 3, 4, 5, 500, 501) // the last two are garbage
		_, whole := blob(7, 1007)
		if err := second.Put(ctx, all[7], remote.BytesBody(whole[:500])); err != nil {
			t.Fatal(err)
		}
		_, other := blob(8, 1008)
		if err := first.Delete(ctx, all[8]); err != nil { // here the authority's copy was cut
			t.Fatal(err)
		}
		if err := errors.Join(first.Put(ctx, all[8], remote.BytesBody(other[:10])),
			second.Put(ctx, all[8], remote.BytesBody(other))); err != nil {
			t.Fatal(err)
		}
		p := crypto.NewWriterKey([32]byte{3}).Sign(9, crypto.PointerValue{9})
		if err := first.Swap(ctx, crypto.PointerHash{}, p); err != nil {
			t.Fatal(err)
		}
		o.Pointers = []crypto.PointerID{p.ID, {4}}
		s := join(t, o, first.Another(), second.Another())
		s.Recheck()
		settle(t, s)
		if err := second.Delete(ctx, put(t, second, 500)[0]); err != nil {
			t.Fatal(err)
		}
		if err := second.Delete(ctx, put(t, second, 501)[0]); err != nil {
			t.Fatal(err)
		}
		same(t, first, second)
		if st := s.Status()[1]; st.Extra != 2 || st.Err != nil {
			t.Errorf("%+v", st)
		}
		if got, err := second.Load(ctx, p.ID); err != nil || got != p {
			t.Errorf("its pointer: %v, %v", got.Seq, err)
		}
	}
}

// TestForkedMember: a member with its own history is left alone and reported.
func TestForkedMember(t *testing.T) {
	ctx := t.Context()
	first, second := mem.New(), mem.New()
	key := crypto.NewWriterKey([32]byte{5})
	ours, theirs := key.Sign(4, crypto.PointerValue{1}), key.Sign(4, crypto.PointerValue{2})
	if err := errors.Join(first.Swap(ctx, crypto.PointerHash{}, ours),
		second.Swap(ctx, crypto.PointerHash{}, theirs)); err != nil {
		t.Fatal(err)
	}
	o := eager
	o.Pointers = []crypto.PointerID{key.ID()}
	s := join(t, o, first.Another(), second.Another())
	s.Recheck()
	settle(t, s)
	if p, err := second.Load(ctx, key.ID()); err != nil || p != theirs {
		t.Errorf("it was moved: %v", err)
	}
	if st := s.Status()[1]; remote.KindOf(st.Err) != remote.ErrFork {
		t.Errorf("%+v", st)
	}
}

// counting counts concurrent Puts.
type counting struct {
	remote.Store
	now, most atomic.Int64
}

func (c *counting) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	return c.Store.Put(ctx, name, body)
}

func TestHealingIsBounded(t *testing.T) {
	first := mem.New()
	put(t, first, numbers(50)...)
	c := &counting{Store: mem.New()}
	o := eager
	o.Workers = 3
	s := join(t, o, first.Another(), c)
	s.Recheck()
	settle(t, s)
	same(t, first, c.Store)
	if most := c.most.Load(); most < 1 || most > 3 {
		t.Errorf("%d blobs at a time", most)
	}
}

// pass lets time pass on the clock of a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }

// TestSilentHealing: a member that falls silent during healing is healed when it is back.
func TestSilentHealing(t *testing.T) {
	for _, op := range []faulty.Op{faulty.Stat, faulty.Put, faulty.List, faulty.Load, faulty.Swap} {
		synctest.Test(t, func(t *testing.T) {
			first, second := mem.New(), mem.New()
			put(t, first, numbers(5)...)
			p := crypto.NewWriterKey([32]byte{8}).Sign(1, crypto.PointerValue{})
			if err := first.Swap(t.Context(), crypto.PointerHash{}, p); err != nil {
				t.Fatal(err)
			}
			silent := faulty.New(second.Another(), faulty.Script([]faulty.Fault{faulty.Hang, faulty.Hang, faulty.Hang}, op),
				faulty.Options{})
			s := join(t, mirror.Options{Pointers: []crypto.PointerID{p.ID}}, first.Another(), silent)
			s.Recheck()
			synctest.Wait()
			if st := s.Status()[1]; !st.Lagging {
				t.Errorf("silent at %v: %+v", op, st)
			}
			for s.Status()[1].Lagging {
				pass(time.Second)
			}
			same(t, first, second)
			if got, err := second.Load(t.Context(), p.ID); err != nil || got != p {
				t.Errorf("silent at %v: its pointer %v, %v", op, got.Seq, err)
			}
		})
	}
}

// TestSilentMember: a put waits for a silent member for the grace period at most, the next put not at all, and the
// member is healed in the end. It runs on a fake clock.
func TestSilentMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := mem.New(), mem.New()
		silent := faulty.New(second.Another(), faulty.Always(faulty.Hang), faulty.Options{})
		s := join(t, mirror.Options{}, first.Another(), silent)
		start := time.Now()
		put(t, s, 1)
		if took := time.Since(start); took != remote.Shipped.Lag {
			t.Errorf("the first put took %v", took)
		}
		start = time.Now()
		put(t, s, 2, 3)
		if took := time.Since(start); took != 0 {
			t.Errorf("the next took %v", took)
		}
		if st := s.Status()[1]; st.Missing != 3 || !st.Lagging {
			t.Errorf("%+v", st)
		}
		silent.SetPlan(nil)
		settle(t, s)
		same(t, first, second)
		pass(mirror.DefaultFirstCheck)
		synctest.Wait()
		for info := range second.List(t.Context()) { // lost without the mirror's knowledge
			if err := second.Delete(t.Context(), info.Name); err != nil {
				t.Fatal(err)
			}
		}
		pass(mirror.DefaultCheckEvery)
		synctest.Wait()
		settle(t, s)
		same(t, first, second)
	})
}

// TestCloseAmidHealing: all goroutines end, whatever members do; TestMain counts them.
func TestCloseAmidHealing(t *testing.T) {
	for _, plan := range []faulty.Plan{faulty.Always(faulty.Hang), faulty.Always(faulty.Hang, faulty.Put),
		faulty.Always(faulty.Fail), nil} {
		first := mem.New()
		put(t, first, numbers(20)...)
		s, err := mirror.New(named(first, faulty.New(mem.New(), plan, faulty.Options{})),
			mirror.Options{Deadlines: remote.Deadlines{Lag: time.Millisecond}, FirstCheck: -1})
		if err != nil {
			t.Fatal(err)
		}
		s.Recheck()
		put(t, s, 100, 101)
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := s.Settle(context.Background()); err != nil && !errors.Is(err, remote.ErrClosed) {
				t.Error(err)
			}
		})
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		waiting.Wait()
	}
}

// orderly is a member that checks at each move of a pointer whether the blobs are there.
type orderly struct {
	*mem.Store
	needs []crypto.BlobName
	early atomic.Int64
}

func (o *orderly) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	for _, name := range o.needs {
		if _, err := o.Stat(ctx, name); err != nil {
			o.early.Add(1)
		}
	}
	return o.Store.Swap(ctx, old, next)
}

// TestBlobsBeforePointers: blobs come before pointers, whether the member's backlog is known or found by a comparison.
func TestBlobsBeforePointers(t *testing.T) {
	for _, compared := range []bool{false, true} {
		first, second := mem.New(), &orderly{Store: mem.New()}
		away := faulty.New(second, faulty.Always(faulty.Fail), faulty.Options{})
		p := crypto.NewWriterKey([32]byte{9}).Sign(1, crypto.PointerValue{})
		o := eager
		o.Pointers = []crypto.PointerID{p.ID}
		s := join(t, o, first.Another(), away)
		var at remote.Store = s
		if compared {
			at = first
		}
		second.needs = put(t, at, numbers(20)...)
		if err := at.Swap(t.Context(), crypto.PointerHash{}, p); err != nil {
			t.Fatal(err)
		}
		away.SetPlan(nil)
		if compared {
			s.Recheck()
		}
		settle(t, s)
		if got, err := second.Load(t.Context(), p.ID); err != nil || got != p {
			t.Errorf("compared %v: the pointer %v, %v", compared, got.Seq, err)
		}
		if n := second.early.Load(); n > 0 {
			t.Errorf("compared %v: the pointer came before %d blobs", compared, n)
		}
	}
}
