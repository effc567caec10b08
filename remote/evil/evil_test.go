package evil_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

func TestHonestKeepsTheContract(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) { return evil.New(s.Another(), evil.Options{}), nil }
	})
}

// TestForkKeepsTheContract proves that each view of a forked remote alone keeps the contract.
func TestForkKeepsTheContract(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store { return evil.New(mem.New(), evil.Options{}).Fork() })
}

// world is a liar with material to lie about, seen through verify.
type world struct {
	liar  *evil.Store
	seen  remote.Store
	blobs map[crypto.BlobName][]byte
	names []crypto.BlobName // in the order in which they were put
	never crypto.BlobName
	key   crypto.WriterKey
	other crypto.WriterKey
	state crypto.Pointer // the newest
	shown crypto.Pointer // the newest of a listed pointer

	inbox  crypto.InboxID
	letter crypto.Letter // in it
	secret crypto.AccountSecret
	record crypto.NameRecord // of alice
}

// newWorld returns a world without lies so far: four blobs of a few segments, a pointer that moved to sequence 3, a
// second pointer, and another device with its own sequence 3.
func newWorld(t *testing.T, o evil.Options) *world {
	t.Helper()
	ctx := t.Context()
	liar := evil.New(mem.New(), o)
	w := &world{liar: liar, seen: verify.New(liar, new(verify.MemoryPins)), blobs: map[crypto.BlobName][]byte{}}
	random := rand.NewChaCha8([32]byte{1})
	for range 4 {
		data := make([]byte, 3*crypto.SealedSegmentSize)
		_, _ = random.Read(data)
		name := crypto.NameOf(data)
		w.blobs[name] = data
		w.names = append(w.names, name)
		must(t, w.seen.Put(ctx, name, remote.BytesBody(data)))
	}
	_, _ = random.Read(w.never[:])
	w.key = crypto.NewWriterKey([32]byte{2})
	w.other = crypto.NewWriterKey([32]byte{3})
	must(t, w.seen.Swap(ctx, crypto.PointerHash{}, w.other.Sign(9, crypto.PointerValue{9})))
	listed := crypto.NewWriterKey([32]byte{4})
	old := listed.SignListed(1, crypto.PointerValue{1})
	w.shown = listed.SignListed(2, crypto.PointerValue{2})
	must(t, w.seen.Swap(ctx, crypto.PointerHash{}, old))
	must(t, w.seen.Swap(ctx, old.Hash(), w.shown))
	one, two := w.key.Sign(1, crypto.PointerValue{1}), w.key.Sign(2, crypto.PointerValue{2})
	must(t, w.seen.Swap(ctx, crypto.PointerHash{}, one))
	must(t, w.seen.Swap(ctx, one.Hash(), two))
	fork := liar.Fork()
	if _, err := fork.Load(ctx, w.key.ID()); err != nil {
		t.Fatal(err)
	}
	w.state = w.key.Sign(3, crypto.PointerValue{3})
	must(t, w.seen.Swap(ctx, two.Hash(), w.state))
	must(t, fork.Swap(ctx, two.Hash(), w.key.Sign(3, crypto.PointerValue{33})))
	_, _ = rand.NewChaCha8([32]byte{}).Read(w.letter[:crypto.LetterSize-8])
	copy(w.letter[crypto.LetterSize-3:], []byte{0x02, 0x81, 0x68}) // its stamp
	must(t, w.seen.Roles().Inbox.Drop(ctx, w.inbox, w.letter))
	var err error
	w.record, err = w.secret.SealName("alice", 1, nil, random)
	must(t, err)
	must(t, w.seen.Roles().Names.Claim(ctx, crypto.NameIDOf("alice"), w.record))
	return w
}

// letters reads all letters, and fails if a lie is believed.
func (w *world) letters(ctx context.Context) error {
	all, err := w.seen.Roles().Inbox.Letters(ctx, w.inbox)
	if err != nil {
		return err
	}
	if len(all) != 1 || all[0] != w.letter.Name() {
		return errBelieved
	}
	letter, err := w.seen.Roles().Inbox.Fetch(ctx, w.inbox, all[0])
	if err == nil && letter != w.letter {
		return errBelieved
	}
	return err
}

// lookUp looks up the record of alice.
func (w *world) lookUp(ctx context.Context) error {
	record, err := w.seen.Roles().Names.LookUp(ctx, crypto.NameIDOf("alice"))
	if err == nil && record != w.record {
		return errBelieved
	}
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get reads all blobs.
func (w *world) get(ctx context.Context) error {
	for name, data := range w.blobs {
		got, err := w.seen.Get(ctx, name)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return errBelieved
		}
	}
	return nil
}

// errBelieved means that a lie was believed.
var errBelieved = errors.New("the lie was believed")

// load loads the pointer.
func (w *world) load(ctx context.Context) error {
	p, err := w.seen.Load(ctx, w.key.ID())
	if err == nil && p != w.state {
		return errBelieved
	}
	return err
}

// changed reads the changes, and fails if a lie is believed.
func (w *world) changed(ctx context.Context) error {
	page, err := w.seen.Changed(ctx, "")
	switch {
	case err != nil:
		return err
	case len(page.Suspect) > 0:
		return fmt.Errorf("%w: %v is suspect", remote.ErrCorrupt, page.Suspect)
	case len(page.Pointers) != 1 || page.Pointers[0] != w.shown:
		return errBelieved
	}
	return nil
}

// lied are the lies that package verify detects, each with a call and its error.
var lied = map[evil.Lie]struct {
	ask  func(*world, context.Context) error
	kind error
}{
	evil.FlipGet:          {(*world).get, remote.ErrCorrupt},
	evil.Truncate:         {(*world).get, remote.ErrCorrupt},
	evil.Grow:             {(*world).get, remote.ErrCorrupt},
	evil.Zero:             {(*world).get, remote.ErrCorrupt},
	evil.Garbage:          {(*world).get, remote.ErrCorrupt},
	evil.SwapBlobs:        {(*world).get, remote.ErrCorrupt},
	evil.OtherBlob:        {(*world).get, remote.ErrCorrupt},
	evil.LoseBlobs:        {(*world).get, remote.ErrNotFound},
	evil.OldPointer:       {(*world).load, remote.ErrRollback},
	evil.PreviousPointer:  {(*world).load, remote.ErrRollback},
	evil.LosePointer:      {(*world).load, remote.ErrRollback},
	evil.ForgedSequence:   {(*world).load, remote.ErrCorrupt},
	evil.ForgedValue:      {(*world).load, remote.ErrCorrupt},
	evil.ForgedSignature:  {(*world).load, remote.ErrCorrupt},
	evil.StrangeSignature: {(*world).load, remote.ErrCorrupt},
	evil.OtherPointer:     {(*world).load, remote.ErrCorrupt},
	evil.GarbagePointer:   {(*world).load, remote.ErrCorrupt},
	evil.ForkedPointer:    {(*world).load, remote.ErrFork},
	evil.NoID: {func(w *world, ctx context.Context) error {
		_, err := w.seen.ID(ctx)
		return err
	}, remote.ErrCorrupt},
	evil.AbsurdLetters:  {(*world).letters, remote.ErrCorrupt},
	evil.ForgedLetter:   {(*world).letters, remote.ErrCorrupt},
	evil.ForgedName:     {(*world).lookUp, remote.ErrCorrupt},
	evil.StolenName:     {(*world).lookUp, remote.ErrCorrupt},
	evil.LoseName:       {(*world).lookUp, remote.ErrNotFound},
	evil.ForgedChanges:  {(*world).changed, remote.ErrCorrupt},
	evil.SecretChanges:  {(*world).changed, remote.ErrCorrupt},
	evil.EndlessChanges: {(*world).changed, remote.ErrCorrupt},
	evil.AbsurdChanges:  {(*world).changed, remote.ErrCorrupt},
	evil.AbsurdCursor:   {(*world).changed, remote.ErrCorrupt},
	evil.AbsurdStat: {func(w *world, ctx context.Context) error {
		_, err := w.seen.Stat(ctx, w.names[0])
		return err
	}, remote.ErrCorrupt},
	evil.SpoilPuts: {func(w *world, ctx context.Context) error {
		// A separate verifying wrapper above a liar that spoils blobs: the put bytes are right, the returned ones are not.
		data := []byte("a blob that the remote will spoil")
		if err := w.seen.Put(ctx, crypto.NameOf(data), remote.BytesBody(data)); err != nil {
			return err
		}
		_, err := w.seen.Get(ctx, crypto.NameOf(data))
		return err
	}, remote.ErrCorrupt},
	evil.FalseSwap: {func(w *world, ctx context.Context) error {
		if err := w.seen.Swap(ctx, w.state.Hash(), w.key.Sign(4, crypto.PointerValue{4})); err != nil {
			return err
		}
		return w.load(ctx)
	}, remote.ErrRollback},
	evil.FrozenPointer: {func(w *world, ctx context.Context) error {
		if err := w.load(ctx); err != nil {
			return fmt.Errorf("the state that is frozen is the true one: %w", err)
		}
		if err := w.seen.Swap(ctx, w.state.Hash(), w.key.Sign(4, crypto.PointerValue{4})); err != nil {
			return err
		}
		return w.load(ctx)
	}, remote.ErrRollback},
}

// open are the lies that verify can't detect, each with a call that shows it. The package comment of verify explains
// why they do no harm.
var open = map[evil.Lie]func(w *world, ctx context.Context) error{
	evil.FlipRange:  (*world).wrongRange,
	evil.ShiftRange: (*world).wrongRange,
	evil.DropPuts: func(w *world, ctx context.Context) error {
		data := []byte("a blob that the remote will drop")
		if err := w.seen.Put(ctx, crypto.NameOf(data), remote.BytesBody(data)); err != nil {
			return err
		}
		_, err := w.seen.Stat(ctx, crypto.NameOf(data))
		return wanted(err, remote.ErrNotFound)
	},
	evil.KeepDeleted: func(w *world, ctx context.Context) error {
		if err := w.seen.Delete(ctx, w.names[0]); err != nil {
			return err
		}
		_, err := w.seen.Get(ctx, w.names[0])
		return err
	},
	evil.DenyStat: func(w *world, ctx context.Context) error {
		_, err := w.seen.Stat(ctx, w.names[0])
		return wanted(err, remote.ErrNotFound)
	},
	evil.ClaimStat: func(w *world, ctx context.Context) error {
		size, err := w.seen.Stat(ctx, w.never)
		return differs(err, size, 0)
	},
	evil.WrongStat: func(w *world, ctx context.Context) error {
		size, err := w.seen.Stat(ctx, w.names[0])
		return differs(err, size, int64(len(w.blobs[w.names[0]])))
	},
	evil.HideInList: (*world).wrongList,
	evil.InventList: (*world).wrongList,
	evil.RepeatList: (*world).wrongList,
	evil.OtherID: func(w *world, ctx context.Context) error {
		one, err := w.seen.ID(ctx)
		two, _ := w.seen.ID(ctx)
		if err == nil && one == two {
			return errors.New("the truth was told")
		}
		return err
	},
	evil.FalseSpace: func(w *world, ctx context.Context) error {
		space, err := w.seen.Space(ctx)
		return differs(err, space.Used, int64(4*len(w.blobs[w.names[0]])))
	},
	evil.HideChanges: func(w *world, ctx context.Context) error {
		page, err := w.seen.Changed(ctx, "")
		return differs(err, int64(len(page.Pointers)), 1)
	},
	evil.OldChanges:    (*world).changed, // states that contradict the pin are loaded
	evil.InventLetters: (*world).letters, // letters without a stamp are skipped
	evil.DropLetters: func(w *world, ctx context.Context) error {
		return w.seen.Roles().Inbox.Drop(ctx, w.inbox, w.letter)
	},
	evil.HideLetters: func(w *world, ctx context.Context) error {
		all, err := w.seen.Roles().Inbox.Letters(ctx, w.inbox)
		return differs(err, int64(len(all)), 1)
	},
	evil.KeepLetters: func(w *world, ctx context.Context) error {
		return errors.Join(w.seen.Roles().Inbox.Forget(ctx, w.inbox, w.letter.Name()), w.letters(ctx))
	},
	evil.FalseClaim: func(w *world, ctx context.Context) error {
		bob, err := w.secret.SealName("bob", 1, nil, rand.NewChaCha8([32]byte{9}))
		if err != nil {
			return err
		}
		names := w.seen.Roles().Names
		if err := names.Claim(ctx, crypto.NameIDOf("bob"), bob); err != nil {
			return err
		}
		_, err = names.LookUp(ctx, crypto.NameIDOf("bob"))
		return wanted(err, remote.ErrNotFound)
	},
	evil.NoHints: func(w *world, ctx context.Context) error {
		hints, err := w.seen.Roles().Watch.Watch(ctx, []crypto.PointerID{w.key.ID()})
		if err != nil {
			return err
		}
		w.state = w.key.Sign(4, crypto.PointerValue{4})
		if err := w.seen.Swap(ctx, w.key.Sign(3, crypto.PointerValue{3}).Hash(), w.state); err != nil {
			return err
		}
		select {
		case <-hints:
			return errors.New("the truth was told")
		default:
			return w.load(ctx)
		}
	},
	evil.FalseConflict: func(w *world, ctx context.Context) error {
		err := w.seen.Swap(ctx, w.state.Hash(), w.key.Sign(4, crypto.PointerValue{4}))
		return errors.Join(wanted(err, remote.ErrConflict), w.load(ctx))
	},
	evil.SecretSwap: func(w *world, ctx context.Context) error {
		next := w.key.Sign(4, crypto.PointerValue{4})
		if err := wanted(w.seen.Swap(ctx, w.state.Hash(), next), remote.ErrConflict); err != nil {
			return err
		}
		w.state = next
		return w.load(ctx)
	},
}

func wanted(err, kind error) error {
	if !errors.Is(err, kind) {
		return fmt.Errorf("%w instead of: %w", err, kind)
	}
	return nil
}

func differs(err error, got, honest int64) error {
	if err == nil && got == honest {
		return errors.New("the truth was told")
	}
	return err
}

func (w *world) wrongRange(ctx context.Context) error {
	p := make([]byte, 1000)
	if err := w.seen.GetRange(ctx, w.names[0], 100, p); err != nil {
		return err
	}
	if bytes.Equal(p, w.blobs[w.names[0]][100:1100]) {
		return errors.New("the truth was told")
	}
	return nil
}

func (w *world) wrongList(ctx context.Context) error {
	n := int64(0)
	for _, err := range w.seen.List(ctx) {
		if err != nil {
			return err
		}
		n++
	}
	return differs(nil, n, int64(len(w.blobs)))
}

// TestEveryLie tells each lie: verify detects it, or it is one of those that it can't detect.
func TestEveryLie(t *testing.T) {
	for _, lie := range evil.Lies() {
		t.Run(lie.String(), func(t *testing.T) {
			ctx := t.Context()
			w := newWorld(t, evil.Options{Seed: 7})
			must(t, w.get(ctx))
			must(t, w.load(ctx))
			w.liar.SetLies(lie)
			found, canBe := lied[lie]
			told, canNot := open[lie]
			switch {
			case canBe == canNot:
				t.Fatalf("it has no place in exactly one of the tables")
			case canBe:
				if err := found.ask(w, ctx); remote.KindOf(err) != found.kind {
					t.Fatalf("%v, it should be found out as %q", err, found.kind)
				} else {
					t.Log(err)
				}
			default:
				must(t, told(w, ctx))
			}
			if w.liar.Told(lie) == 0 {
				t.Fatal("it was not told")
			}
			w.liar.SetLies()
			if lie != evil.KeepDeleted && lie != evil.FalseSwap && lie != evil.FrozenPointer {
				must(t, w.get(ctx))
				must(t, w.load(ctx))
			}
		})
	}
}

// TestRangesLie tells the lies about ranges, which only a reader that opens the segments detects.
func TestRangesLie(t *testing.T) {
	for _, lie := range []evil.Lie{evil.FlipRange, evil.Zero, evil.Garbage, evil.SwapBlobs, evil.OtherBlob,
		evil.ShiftRange} {
		w := newWorld(t, evil.Options{})
		w.liar.SetLies(lie)
		if err := w.wrongRange(t.Context()); err != nil {
			t.Errorf("%v: %v", lie, err)
		}
	}
	w := newWorld(t, evil.Options{})
	w.liar.SetLies(evil.Truncate)
	size := int64(len(w.blobs[w.names[0]]))
	if err := w.liar.GetRange(t.Context(), w.names[0], size-10, make([]byte, 10)); !errors.Is(err, remote.ErrCorrupt) {
		t.Errorf("the end of a truncated blob: %v", err)
	}
	if err := w.liar.GetRange(t.Context(), w.names[0], 0, make([]byte, 10)); err != nil {
		t.Errorf("the beginning of a truncated blob: %v", err)
	}
}

// TestSomeOfTheTime tells lies at a rate, the same ones for the same seed.
func TestSomeOfTheTime(t *testing.T) {
	count := func(seed uint64) (wrong string) {
		w := newWorld(t, evil.Options{Seed: seed, Rate: 0.3})
		w.liar.SetLies(evil.FlipGet)
		for range 100 {
			if _, err := w.seen.Get(t.Context(), w.names[0]); err != nil {
				wrong += "x"
			} else {
				wrong += "."
			}
		}
		if told := w.liar.Told(evil.FlipGet); told < 10 || told > 60 {
			t.Errorf("%d of 100 were lies", told)
		}
		return wrong
	}
	if count(1) != count(1) {
		t.Error("one seed, two outcomes")
	}
	if count(1) == count(2) {
		t.Error("two seeds, one outcome")
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, lie := range append(evil.Lies(), evil.Honest) {
		if lie.String() == "" || seen[lie.String()] {
			t.Errorf("lie %d is called %q", lie, lie)
		}
		seen[lie.String()] = true
	}
	if evil.Lie(-1).String() != "evil.Lie(-1)" {
		t.Error("a lie that isn't one has a name")
	}
}
