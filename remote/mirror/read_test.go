package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/mirror"
	"postern/remote/remotetest"
)

// distant is a store with some latency, on a clock that it advances.
type distant struct {
	remote.Store
	clock *atomic.Int64
	far   time.Duration
	reads int
}

func (d *distant) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	d.reads++
	d.clock.Add(int64(d.far))
	return d.Store.Get(ctx, name)
}

// TestNearest: once latencies are known, reads use the nearest member, and switch when that changes.
func TestNearest(t *testing.T) {
	var clock atomic.Int64
	o := quiet
	o.Clock = func() time.Time { return time.Unix(0, clock.Load()) }
	first := &distant{Store: mem.New(), clock: &clock, far: 50 * time.Millisecond}
	near := &distant{Store: mem.New(), clock: &clock, far: time.Millisecond}
	s := join(t, o, first, near)
	name := put(t, s, 1)[0]
	get := func(n int) {
		first.reads, near.reads = 0, 0
		for range n {
			if _, err := s.Get(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	get(2) // each is measured
	if get(10); first.reads != 0 || near.reads != 10 {
		t.Errorf("%d reads from afar, %d from nearby", first.reads, near.reads)
	}
	near.far = time.Second
	if get(20); first.reads < 10 {
		t.Errorf("%d reads from what is nearer now", first.reads)
	}
}

// TestDamagedCopies: if bytes do not fit their name, another member is read, and the damaged copy is healed.
func TestDamagedCopies(t *testing.T) {
	ctx := t.Context()
	name, data := blob(1, 5000)
	for what, damage := range map[string][]byte{"cut": data[:100],
		"changed": append(bytes.Clone(data[:4999]), ^data[4999])} {
		for ill := range 3 {
			kept := []*mem.Store{mem.New(), mem.New(), mem.New()}
			var stores []remote.Store
			for i, k := range kept {
				bytes := data
				if i == ill {
					bytes = damage
				}
				if err := k.Put(ctx, name, remote.BytesBody(bytes)); err != nil {
					t.Fatal(err)
				}
				stores = append(stores, k.Another())
			}
			s := join(t, eager, stores...)
			for range 4 { // unmeasured members come first, so each has its turn
				if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s at %d: %d bytes, %v", what, ill, len(got), err)
				}
			}
			p := make([]byte, 100)
			if err := s.GetRange(remote.PastCaches(ctx), name, 4900, p); err != nil || !bytes.Equal(p, data[4900:]) {
				t.Errorf("%s at %d, past caches: %v", what, ill, err)
			}
			settle(t, s)
			for i, k := range kept {
				if got, err := k.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s at %d: member %d has %d bytes, %v", what, ill, i, len(got), err)
				}
			}
		}
	}
}

// TestNobodyHasIt: the errors when no member has a blob.
func TestNobodyHasIt(t *testing.T) {
	ctx := t.Context()
	name, data := blob(1, 100)
	damaged := func() remote.Store {
		s := mem.New()
		if err := s.Put(ctx, name, remote.BytesBody(data[:50])); err != nil {
			t.Fatal(err)
		}
		return s
	}
	away := func() remote.Store { return faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{}) }
	empty := func() remote.Store { return mem.New() }
	for _, c := range []struct {
		members []func() remote.Store
		kind    error
	}{
		{[]func() remote.Store{empty, empty}, remote.ErrNotFound},
		{[]func() remote.Store{empty, away}, remote.ErrNotFound},
		{[]func() remote.Store{away, empty}, remote.ErrUnavailable},
		{[]func() remote.Store{away, away}, remote.ErrUnavailable},
		{[]func() remote.Store{empty, damaged}, remote.ErrCorrupt},
		{[]func() remote.Store{damaged, empty}, remote.ErrCorrupt},
		{[]func() remote.Store{damaged, away}, remote.ErrCorrupt},
	} {
		var stores []remote.Store
		for _, open := range c.members {
			stores = append(stores, open())
		}
		s := join(t, quiet, stores...)
		for range 3 {
			if _, err := s.Get(ctx, name); remote.KindOf(err) != c.kind {
				t.Errorf("want %v, got %v", c.kind, err)
			}
		}
	}
}

// TestAuthorityAway: loads return the newest signed state of the others; writes fail.
func TestAuthorityAway(t *testing.T) {
	ctx := t.Context()
	kept := []*mem.Store{mem.New(), mem.New(), mem.New(), mem.New()}
	liar := evil.New(kept[3], evil.Options{})
	away := faulty.New(kept[0], nil, faulty.Options{})
	key := crypto.NewWriterKey([32]byte{6})
	states := []crypto.Pointer{key.Sign(1, crypto.PointerValue{}), key.Sign(2, crypto.PointerValue{}),
		key.Sign(3, crypto.PointerValue{})}
	for i, k := range kept {
		if err := k.Swap(ctx, crypto.PointerHash{}, states[[]int{2, 0, 1, 1}[i]]); err != nil {
			t.Fatal(err)
		}
	}
	liar.SetLies(evil.ForgedSequence)
	s := join(t, quiet, away, kept[1], kept[2], liar)
	away.SetPlan(faulty.Always(faulty.Fail))
	if p, err := s.Load(ctx, key.ID()); err != nil || p != states[1] {
		t.Errorf("past the authority: %d, %v", p.Seq, err)
	}
	if liar.Told(evil.ForgedSequence) == 0 {
		t.Error("the liar wasn't asked")
	}
	if err := s.Swap(ctx, states[1].Hash(),
		key.Sign(4, crypto.PointerValue{})); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a swap without the authority: %v", err)
	}
	if _, err := s.Changed(ctx, ""); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("what moved, without the authority: %v", err)
	}
	if _, err := s.Load(ctx, crypto.PointerID{1}); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a pointer that the others do not have: %v", err)
	}
	name, data := blob(1, 100)
	if err := s.Put(ctx, name, remote.BytesBody(data)); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a put without the authority: %v", err)
	}
	if err := s.Delete(ctx, name); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a delete without the authority: %v", err)
	}
	away.SetPlan(nil)
	if p, err := s.Load(ctx, key.ID()); err != nil || p != states[2] {
		t.Errorf("when it is back: %d, %v", p.Seq, err)
	}
	away.SetPlan(faulty.Always(faulty.Fail))
	if p, err := s.Load(ctx, key.ID()); err != nil || p != states[2] {
		t.Errorf("what was seen before is not gone back on: %d, %v", p.Seq, err)
	}
}

func TestSpaceIsTheLeast(t *testing.T) {
	away := faulty.New(mem.NewSized(1), faulty.Always(faulty.Fail), faulty.Options{})
	s := join(t, quiet, mem.New(), mem.NewSized(5000), mem.NewSized(300), away)
	if space, err := s.Space(t.Context()); err != nil || space.Free != 300 {
		t.Errorf("%+v, %v", space, err)
	}
	s = join(t, quiet, faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{}))
	if _, err := s.Space(t.Context()); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("nobody answers: %v", err)
	}
}

func TestMembers(t *testing.T) {
	for what, members := range map[string][]mirror.Member{
		"none": nil, "twice": {{Name: "a", Store: mem.New()}, {Name: "a", Store: mem.New()}}, "nothing": {{Name: "a"}},
	} {
		if _, err := mirror.New(members, quiet); remote.KindOf(err) != remote.ErrRefused {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestPointersAreLinearizable runs several mirrors over the same members. The authority loses swaps and replies, and
// the others fail at random.
func TestPointersAreLinearizable(t *testing.T) {
	kept := []*mem.Store{mem.New(), mem.New(), mem.New()}
	lossy := faulty.Random(3, faulty.Rates{faulty.Fail: 0.15, faulty.Lose: 0.15})
	authority := func(c faulty.Call) faulty.Fault {
		if c.Op != faulty.Swap {
			return faulty.Fine // a load without the authority may be old
		}
		return lossy(c)
	}
	key := crypto.NewWriterKey([32]byte{7})
	stores := make([]remote.Store, 4)
	for client := range stores {
		stores[client] = join(t, eager,
			faulty.New(kept[0].Another(), authority, faulty.Options{}),
			faulty.New(kept[1].Another(), faulty.Random(uint64(client), faulty.Rates{faulty.Fail: 0.5}), faulty.Options{}),
			faulty.New(kept[2].Another(), nil, faulty.Options{}))
	}
	if err := remotetest.Linearizable(t.Context(), stores, key); err != nil {
		t.Error(err)
	}
	final, err := kept[0].Load(t.Context(), key.ID())
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range kept[1:] {
		if p, err := k.Load(t.Context(), key.ID()); err == nil && p.Seq > final.Seq {
			t.Errorf("member %d is ahead of the authority", i+1)
		}
	}
}

// TestSilentMemberIsNotWaitedFor: once a member is known to be silent, no call waits for it again; on a fake clock.
func TestSilentMemberIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		silent := faulty.New(mem.New(), faulty.Always(faulty.Hang), faulty.Options{})
		s := join(t, mirror.Options{FirstCheck: -1}, mem.New(), silent)
		name, _ := blob(1, 10)
		for round := range 2 {
			start := time.Now()
			_, err := s.Get(ctx, name)
			if !errors.Is(err, remote.ErrNotFound) {
				t.Errorf("get: %v", err)
			}
			if _, err := s.Space(ctx); err != nil {
				t.Errorf("space: %v", err)
			}
			if took := time.Since(start); round == 0 && took > 4*remote.Shipped.Member || round == 1 && took != 0 {
				t.Errorf("round %d took %v", round, took)
			}
		}
	})
}

// TestLaggingWitness: while the authority is away, a member's state of the pointer counts, unless a newer one was seen
// before.
func TestLaggingWitness(t *testing.T) {
	first, second, key := mem.New(), mem.New(), crypto.NewWriterKey([32]byte{1})
	if err := second.Swap(t.Context(), crypto.PointerHash{}, key.Sign(3, crypto.PointerValue{})); err != nil {
		t.Fatal(err)
	}
	away := faulty.New(first, nil, faulty.Options{})
	away.SetPlan(faulty.Always(faulty.Fail))
	for seen, want := range map[uint64]error{0: nil, 3: nil, 4: remote.ErrUnavailable} {
		o := eager
		o.Seen = func(crypto.PointerID) uint64 { return seen }
		s := join(t, o, away, second)
		if p, err := s.Load(t.Context(), key.ID()); !errors.Is(err, want) || err == nil && p.Seq != 3 {
			t.Errorf("seen %d: %d, %v", seen, p.Seq, err)
		}
		// A Stat of the zero name asks whether any member answers.
		if _, err := s.Stat(t.Context(), crypto.BlobName{}); !errors.Is(err, remote.ErrNotFound) {
			t.Errorf("nobody answers: %v", err)
		}
		name, _ := blob(1, 10)
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, remote.ErrUnavailable) {
			t.Errorf("the authority may have it: %v", err)
		}
	}
}
