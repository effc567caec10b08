package transfer_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/transfer"
	"postern/remote/transfer/transfertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The test data is derived from numbers.
var (
	key   = transfertest.Key
	state = transfertest.State
	blob  = transfertest.Blob
)

// account returns a store with n blobs and a pointer of sequence 5.
func account(t testing.TB, n uint64) (*mem.Store, []crypto.BlobName) {
	t.Helper()
	s, names := transfertest.Store(t, n)
	if err := s.Swap(context.Background(), crypto.PointerHash{}, state(5, 0)); err != nil {
		t.Fatal(err)
	}
	return s, names
}

// holds checks that a store has all blobs of another, by name.
func holds(t testing.TB, s, all remote.Store) {
	t.Helper()
	for info := range all.List(context.Background()) {
		data, err := s.Get(context.Background(), info.Name)
		if err != nil || crypto.NameOf(data) != info.Name {
			t.Errorf("%v: %d bytes, %v", info.Name, len(data), err)
		}
	}
}

var ids = []crypto.PointerID{key.ID()}

func TestMovingHouse(t *testing.T) {
	ctx := t.Context()
	from, names := account(t, 30)
	to, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	// A disk that lost power may have such a file.
	if err := to.Put(ctx, names[3], remote.BytesBody(make([]byte, 7))); err != nil {
		t.Fatal(err)
	}
	var told []transfer.Progress
	got, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Progress: func(p transfer.Progress) {
		told = append(told, p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, to, from)
	if p, err := to.Load(ctx, key.ID()); err != nil || p != state(5, 0) {
		t.Errorf("the pointer: %v, %v", p.Seq, err)
	}
	const bytes = 30*100 + 29*30/2
	want := transfer.Progress{TotalBlobs: 30, TotalBytes: bytes, Copied: 30, CopiedBytes: bytes, Moved: 1}
	if got != want || len(told) != 31 || told[30] != want || told[29].Done() != 30 {
		t.Errorf("%+v, told %d times", got, len(told))
	}
	again, err := transfer.Copy(ctx, from, to, ids, transfer.Options{})
	if want := (transfer.Progress{TotalBlobs: -1, TotalBytes: -1, Skipped: 30, SkippedBytes: bytes,
		Kept: 1}); err != nil || again != want {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestInterrupted: wherever a copy is interrupted, the pointer refers to no missing blob, and further runs finish the
// copy.
func TestInterrupted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		from := mem.New()
		n := rapid.Uint64Range(0, 12).Draw(t, "blobs")
		for i := range n {
			name, data := blob(i, 50)
			if err := from.Put(ctx, name, remote.BytesBody(data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := from.Swap(ctx, crypto.PointerHash{}, state(5, 0)); err != nil {
			t.Fatal(err)
		}
		kept := mem.New()
		rates := faulty.Rates{faulty.Fail: 0.1, faulty.Lose: 0.1, faulty.Cut: 0.05, faulty.Full: 0.05}
		source := faulty.New(from.Another(), faulty.Random(rapid.Uint64().Draw(t, "source"), rates), faulty.Options{})
		target := faulty.New(kept.Another(), faulty.Random(rapid.Uint64().Draw(t, "target"), rates), faulty.Options{})
		o := transfer.Options{Workers: rapid.IntRange(1, 5).Draw(t, "workers"), ReadBack: rapid.Bool().Draw(t, "read back")}
		for run := 0; ; run++ {
			if run == 10 { // enough; with every blob read back a run without a fault is rare
				source.SetPlan(nil)
				target.SetPlan(nil)
			}
			at, err := transfer.Copy(ctx, source, target, ids, o)
			if _, there, _ := transfer.Current(ctx, kept, key.ID()); there {
				for info := range from.List(ctx) {
					if _, err := kept.Stat(ctx, info.Name); err != nil {
						t.Fatalf("the pointer came before %v", info.Name)
					}
				}
			} else if err == nil {
				t.Fatalf("done without the pointer: %+v", at)
			}
			if err == nil {
				break
			}
			if run > 10 {
				t.Fatalf("without faults: %v", err)
			}
		}
	})
}

// TestPointerRules checks every case of source and destination.
func TestPointerRules(t *testing.T) {
	forged := state(9, 0)
	forged.Seq = 10
	none := crypto.Pointer{}
	yes, no := transfer.Follows(transfer.BySequence),
		transfer.Follows(func(context.Context, crypto.Pointer, crypto.Pointer) (bool, error) {
			return false, nil
		})
	stuck := errors.New("no keys")
	fails := transfer.Follows(func(context.Context, crypto.Pointer, crypto.Pointer) (bool, error) { return false, stuck })
	for _, c := range []struct {
		what       string
		have, next crypto.Pointer
		follows    transfer.Follows
		moved      bool
		kind       error
		text       string
	}{
		{"none there", none, state(5, 0), nil, true, nil, ""},
		{"the same", state(5, 0), state(5, 0), nil, false, nil, ""},
		{"back", state(6, 0), state(5, 0), yes, false, remote.ErrRollback,
			"the destination is already at sequence 6 and would go back to 5"},
		{"fork of one sequence", state(5, 1), state(5, 0), yes, false, remote.ErrFork, "different states of sequence 5"},
		{"forward, unknown", state(4, 0), state(5, 0), nil, false, remote.ErrFork,
			"it is unknown whether sequence 5 builds on sequence 4"},
		{"forward", state(4, 0), state(5, 0), yes, true, nil, ""},
		{"over a fork", state(4, 1), state(5, 0), no, false, remote.ErrFork, "sequence 5 does not contain sequence 4"},
		{"who could tell fails", state(4, 1), state(5, 0), fails, false, nil, "no keys"},
		{"not signed", none, forged, yes, false, remote.ErrCorrupt, ""},
	} {
		ctx := t.Context()
		to := mem.New()
		if c.have != none {
			if err := to.Swap(ctx, crypto.PointerHash{}, c.have); err != nil {
				t.Fatal(err)
			}
		}
		moved, err := transfer.Forward(ctx, to, c.next, c.follows)
		if moved != c.moved || (err != nil) != (c.text != "" || c.kind != nil) {
			t.Errorf("%s: moved %v, %v", c.what, moved, err)
			continue
		}
		if err != nil && (remote.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %v", c.what, err)
		}
		want := c.have
		if c.moved {
			want = c.next
		}
		if p, there, err := transfer.Current(ctx, to, key.ID()); err != nil || there != (want != none) || p != want {
			t.Errorf("%s: it is at %d, %v", c.what, p.Seq, err)
		}
	}
}

// TestRefusedAtOnce: visible errors are rejected before a blob is copied.
func TestRefusedAtOnce(t *testing.T) {
	ctx := t.Context()
	for _, have := range []crypto.Pointer{state(6, 0), state(5, 1)} {
		from, _ := account(t, 5)
		to := mem.New()
		if err := to.Swap(ctx, crypto.PointerHash{}, have); err != nil {
			t.Fatal(err)
		}
		if _, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Follows: transfer.BySequence}); err == nil {
			t.Error("it is copied")
		}
		for info := range to.List(ctx) {
			t.Errorf("%v was copied", info.Name)
		}
	}
	from, _ := account(t, 1)
	if _, err := transfer.Copy(ctx, from, mem.New(), []crypto.PointerID{{1}},
		transfer.Options{}); remote.KindOf(err) != remote.ErrNotFound {
		t.Errorf("a pointer that isn't at the source: %v", err)
	}
}

// TestForwardSettlesLostReplies: Forward looks up an unknown outcome, and detects other writers.
func TestForwardSettlesLostReplies(t *testing.T) {
	ctx := t.Context()
	kept := mem.New()
	to := faulty.New(kept, faulty.Script([]faulty.Fault{faulty.Lose}, faulty.Swap), faulty.Options{})
	if moved, err := transfer.Forward(ctx, to, state(5, 0), nil); !moved || err != nil {
		t.Errorf("a lost reply: %v, %v", moved, err)
	}
	to.SetPlan(faulty.Script([]faulty.Fault{faulty.Fail}, faulty.Swap))
	if moved, err := transfer.Forward(ctx, to, state(6, 0), transfer.BySequence); moved ||
		remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a lost swap: %v, %v", moved, err)
	}
	var asked atomic.Int64
	rival := func(ctx context.Context, have, next crypto.Pointer) (bool, error) {
		if asked.Add(1) == 1 { // another writer is faster, with a commit that next does not contain
			return true, kept.Swap(ctx, have.Hash(), state(7, 9))
		}
		return have.Value != state(7, 9).Value, nil
	}
	if moved, err := transfer.Forward(ctx, kept, state(8, 0), rival); moved || remote.KindOf(err) != remote.ErrFork ||
		asked.Load() != 2 {
		t.Errorf("a rival: %v, %v", moved, err)
	}
}

// TestSelection: Copy copies only the named blobs, and returns an error of the naming.
func TestSelection(t *testing.T) {
	ctx := t.Context()
	from, names := account(t, 6)
	chosen := func(fail error) iter.Seq2[crypto.BlobName, error] {
		return func(yield func(crypto.BlobName, error) bool) {
			for _, name := range names[:2] {
				if !yield(name, nil) {
					return
				}
			}
			if fail != nil {
				yield(crypto.BlobName{}, fail)
			}
		}
	}
	to := mem.New()
	at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Blobs: chosen(nil)})
	if err != nil || at.Copied != 2 || at.TotalBlobs != -1 {
		t.Errorf("%+v, %v", at, err)
	}
	failed := errors.New("the tree can't be read")
	to = mem.New()
	if at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Blobs: chosen(failed)}); !errors.Is(err, failed) ||
		at.Moved != 0 {
		t.Errorf("%+v, %v", at, err)
	}
	if _, there, _ := transfer.Current(ctx, to, key.ID()); there {
		t.Error("the pointer was moved")
	}
}

// TestLostAtTheSource: missing blobs are reported, the rest is copied, and pointers move only on request.
func TestLostAtTheSource(t *testing.T) {
	ctx := t.Context()
	from, names := account(t, 8)
	_, data := blob(1, 101)
	data[0] ^= 1
	missing, _ := blob(77, 10)
	if err := errors.Join(from.Delete(ctx, names[1]), from.Put(ctx, names[1], remote.BytesBody(data))); err != nil {
		t.Fatal(err)
	}
	all := func(yield func(crypto.BlobName, error) bool) {
		for _, name := range append(names, missing) {
			if !yield(name, nil) {
				return
			}
		}
	}
	to := mem.New()
	at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Blobs: all})
	lost, ok := errors.AsType[*transfer.Lost](err)
	if !ok || lost.Missing != 1 || lost.Damaged != 1 || len(lost.Names) != 2 || !errors.Is(err, remote.ErrNotFound) ||
		!errors.Is(err, remote.ErrCorrupt) {
		t.Fatalf("%v", err)
	}
	if at.Copied != 7 || at.Moved != 0 || at.Done() != 9 {
		t.Errorf("%+v", at)
	}
	at, err = transfer.Copy(ctx, from, to, ids, transfer.Options{Blobs: all, Salvage: true})
	if err != nil || at.Moved != 1 || at.Skipped != 7 {
		t.Errorf("to save what can be: %+v, %v", at, err)
	}
}

// TestLyingDestination: with ReadBack, a destination that loses or damages blobs is detected before a pointer moves.
func TestLyingDestination(t *testing.T) {
	for _, lie := range []evil.Lie{evil.DropPuts, evil.SpoilPuts, evil.FlipGet, evil.Zero, evil.LoseBlobs,
		evil.SwapBlobs} {
		from, _ := account(t, 4)
		to := evil.New(mem.New(), evil.Options{})
		to.SetLies(lie)
		_, err := transfer.Copy(t.Context(), from, to, ids, transfer.Options{ReadBack: true, Workers: 1})
		if remote.KindOf(err) != remote.ErrCorrupt || to.Told(lie) == 0 {
			t.Errorf("%v, told %d times: %v", lie, to.Told(lie), err)
		}
		to.SetLies()
		if _, there, _ := transfer.Current(t.Context(), to, key.ID()); there {
			t.Errorf("%v: the pointer was moved", lie)
		}
	}
}

// TestLyingSource: bytes that do not fit their name are never copied, nor is an unsigned pointer.
func TestLyingSource(t *testing.T) {
	for _, lie := range evil.Lies() {
		honest, _ := account(t, 4)
		from := evil.New(honest, evil.Options{})
		from.SetLies(lie)
		to := mem.New()
		_, _ = transfer.Copy(t.Context(), from, to, ids, transfer.Options{})
		for info := range to.List(t.Context()) {
			if data, err := to.Get(t.Context(), info.Name); err != nil || crypto.NameOf(data) != info.Name {
				t.Errorf("%v: %v arrived with other bytes", lie, info.Name)
			}
		}
		if _, _, err := transfer.Current(t.Context(), to, key.ID()); err != nil {
			t.Errorf("%v: %v", lie, err)
		}
	}
}

// TestEnded: a cancelled context is the error, and the destination has no partial blob.
func TestEnded(t *testing.T) {
	from, _ := account(t, 20)
	ctx, end := context.WithCancel(t.Context())
	to := mem.New()
	at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{Workers: 2, Progress: func(p transfer.Progress) {
		if p.Copied == 5 {
			end()
		}
	}})
	if !errors.Is(err, context.Canceled) || at.Copied < 5 || at.Copied > 8 || at.Moved != 0 {
		t.Errorf("%+v, %v", at, err)
	}
}

// TestDamagedAtTheDestination: a blob of another size is replaced, even if the store keeps existing blobs.
func TestDamagedAtTheDestination(t *testing.T) {
	ctx := t.Context()
	from, names := account(t, 4)
	to := mem.New()
	if err := to.Put(ctx, names[2], remote.BytesBody([]byte("cut"))); err != nil {
		t.Fatal(err)
	}
	if at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{}); err != nil || at.Copied != 4 {
		t.Errorf("%+v, %v", at, err)
	}
	holds(t, to, from)

	_, data := blob(3, 103)
	data[50] ^= 1 // the right size; only reading back detects it
	if err := errors.Join(to.Delete(ctx, names[3]), to.Put(ctx, names[3], remote.BytesBody(data))); err != nil {
		t.Fatal(err)
	}
	if at, err := transfer.Copy(ctx, from, to, ids, transfer.Options{ReadBack: true}); err != nil || at.Copied != 1 ||
		at.Skipped != 3 {
		t.Errorf("read back: %+v, %v", at, err)
	}
	holds(t, to, from)
}
