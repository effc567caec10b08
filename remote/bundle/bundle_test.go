package bundle_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
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
	store = transfertest.Store
)

// each yields names.
func each(names []crypto.BlobName) iter.Seq2[crypto.BlobName, error] {
	return func(yield func(crypto.BlobName, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// export returns a bundle of blobs of a store.
func export(t testing.TB, s remote.Store, c bundle.Contents, names []crypto.BlobName) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := bundle.Export(context.Background(), s, &b, c, each(names), bundle.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// at returns the contents of a bundle with these states.
func at(states ...crypto.Pointer) bundle.Contents { return bundle.Contents{Pointers: states} }

// stream hides the Seek method of a reader.
type stream struct{ io.Reader }

// take imports a bundle, as a file or as a stream.
func take(b []byte, asStream bool, to remote.Store, o bundle.ImportOptions) (transfer.Progress, error) {
	var r io.Reader = bytes.NewReader(b)
	if asStream {
		r = stream{r}
	}
	reader, err := bundle.NewReader(r)
	if err != nil {
		return transfer.Progress{}, err
	}
	return reader.Import(context.Background(), to, o)
}

// pointed returns the sequence of the pointer at a store; 0: none.
func pointed(t testing.TB, s remote.Store) uint64 {
	t.Helper()
	p, _, err := transfer.Current(context.Background(), s, key.ID())
	if err != nil {
		t.Fatal(err)
	}
	return p.Seq
}

func TestThereAndBack(t *testing.T) {
	for _, asStream := range []bool{false, true} {
		from, names := store(t, 40)
		b := export(t, from, at(state(5, 0)), names)
		to := mem.New()
		var last transfer.Progress
		got, err := take(b, asStream, to, bundle.ImportOptions{Progress: func(p transfer.Progress) { last = p }})
		const size = 40*100 + 39*40/2
		if want := (transfer.Progress{TotalBlobs: -1, TotalBytes: -1, Copied: 40, CopiedBytes: size, Moved: 1}); err != nil ||
			got != want || last != want {
			t.Errorf("%+v, %v", got, err)
		}
		for _, name := range names {
			if data, err := to.Get(t.Context(), name); err != nil || crypto.NameOf(data) != name {
				t.Errorf("%v: %v", name, err)
			}
		}
		if pointed(t, to) != 5 {
			t.Error("the pointer was not moved")
		}
		again, err := take(b, asStream, to, bundle.ImportOptions{ReadBack: true})
		if want := (transfer.Progress{TotalBlobs: -1, TotalBytes: -1, Skipped: 40, SkippedBytes: size,
			Kept: 1}); err != nil || again != want {
			t.Errorf("again: %+v, %v", again, err)
		}
		r, err := bundle.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if c := r.Contents(); len(c.Bases) != 0 || !slices.Equal(c.Pointers, []crypto.Pointer{state(5, 0)}) {
			t.Errorf("contents %v", c)
		}
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
	}
}

// TestFormat checks the bytes of BUNDLE.md.
func TestFormat(t *testing.T) {
	name, data := blob(1, 4096)
	base, next := state(3, 0), state(5, 0)
	var b bytes.Buffer
	w, err := bundle.NewWriter(&b, bundle.Contents{Pointers: []crypto.Pointer{next}, Bases: []crypto.Pointer{base}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Blob(name, data), w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	want, headers := []byte("PSTNBDL1"), []byte("PSTNBDL1")
	record := func(kind byte, payload []byte) {
		head := make([]byte, 40)
		head[0] = kind
		binary.BigEndian.PutUint32(head[4:], uint32(len(payload)))
		hash := crypto.NameOf(payload)
		copy(head[8:], hash[:])
		want = append(append(want, head...), payload...)
		headers = append(headers, head...)
	}
	record(1, base.Marshal())
	record(2, next.Marshal())
	record(3, data)
	var end []byte
	for _, n := range []uint64{1, 4096, 2} {
		end = binary.BigEndian.AppendUint64(end, n)
	}
	sum := crypto.NameOf(headers)
	record(4, append(end, sum[:]...))
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%d bytes instead of %d, or others", b.Len(), len(want))
	}
	if one := export(t, mem.New(), bundle.Contents{}, nil); len(one) != 104 {
		t.Errorf("an empty bundle has %d bytes", len(one))
	}
	if err := w.Blob(name, data); err == nil {
		t.Error("a blob after the end")
	}
}

// TestCut: a bundle cut at any byte is detected and moves no pointer, and the blobs copied so far are usable.
func TestCut(t *testing.T) {
	from, names := store(t, 3)
	b := export(t, from, at(state(5, 0)), names)
	for n := range b {
		for _, asStream := range []bool{false, true} {
			to := mem.New()
			_, err := take(b[:n], asStream, to, bundle.ImportOptions{Workers: 1})
			if !errors.Is(err, bundle.ErrIncomplete) || remote.KindOf(err) != remote.ErrCorrupt {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if pointed(t, to) != 0 {
				t.Fatalf("cut at %d: the pointer was moved", n)
			}
			if n == len(b)-1 {
				if got, err := take(b, asStream, to, bundle.ImportOptions{}); err != nil || got.Skipped != 3 || got.Copied != 0 {
					t.Errorf("the whole after the cut one: %+v, %v", got, err)
				}
			}
		}
	}
	if _, err := take(b[:100], false, mem.New(), bundle.ImportOptions{}); !strings.Contains(err.Error(),
		"incomplete: its export, or the copying of the file, was cut") {
		t.Errorf("it says %q", err)
	}
}

// TestDamage: any changed byte is detected; no pointer moves and no wrong blob is stored.
func TestDamage(t *testing.T) {
	from, names := store(t, 3)
	b := export(t, from, at(state(5, 0)), names)
	for i := range b {
		for _, asStream := range []bool{false, true} {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << (i % 8)
			to := mem.New()
			_, err := take(bad, asStream, to, bundle.ImportOptions{})
			kind := remote.KindOf(err)
			if kind != remote.ErrCorrupt && (kind != remote.ErrForeign || i != 7) {
				t.Fatalf("byte %d: %v", i, err)
			}
			if pointed(t, to) != 0 {
				t.Fatalf("byte %d: the pointer was moved", i)
			}
			for info := range to.List(t.Context()) {
				if data, err := to.Get(t.Context(), info.Name); err != nil || crypto.NameOf(data) != info.Name {
					t.Fatalf("byte %d: wrong bytes were let in", i)
				}
			}
		}
	}
	if _, err := take(append(bytes.Clone(b), 0), false, mem.New(),
		bundle.ImportOptions{}); remote.KindOf(err) != remote.ErrCorrupt {
		t.Errorf("a byte after the end: %v", err)
	}
	dropped := append(bytes.Clone(b[:8+40+368]), b[8+40+368+140:]...) // without one whole record
	if _, err := take(dropped, false, mem.New(), bundle.ImportOptions{}); remote.KindOf(err) != remote.ErrCorrupt ||
		errors.Is(err, bundle.ErrIncomplete) {
		t.Errorf("without its first blob: %v", err)
	}
	if _, err := take([]byte("PK\x03\x04 something else altogether"), true, mem.New(),
		bundle.ImportOptions{}); !strings.Contains(err.Error(), "this is no bundle") {
		t.Errorf("another file: %v", err)
	}
}

// TestPointerRules checks every case of bundle and destination.
func TestPointerRules(t *testing.T) {
	none := crypto.Pointer{}
	yes := transfer.Follows(transfer.BySequence)
	no := transfer.Follows(func(context.Context, crypto.Pointer, crypto.Pointer) (bool, error) { return false, nil })
	for _, c := range []struct {
		what       string
		base, have crypto.Pointer // the zero pointer: none
		follows    transfer.Follows
		kind       error  // nil: the pointer moves to 5
		early      bool   // no blob is copied
		text       string // of the error
	}{
		{"whole, to an empty store", none, none, nil, nil, false, ""},
		{"whole, once more", none, state(5, 0), nil, nil, false, ""},
		{"whole, to an older state", none, state(3, 0), nil, remote.ErrFork, true, "it is unknown whether"},
		{"whole, to an older state with keys", none, state(3, 0), yes, nil, false, ""},
		{"whole, to a state of another history", none, state(3, 1), no, remote.ErrFork, false, "does not contain"},
		{"whole, to a newer state", none, state(6, 0), yes, remote.ErrRollback, true, "go back"},
		{"whole, to another of its sequence", none, state(5, 1), yes, remote.ErrFork, true, "different states"},
		{"since 3, to 3", state(3, 0), state(3, 0), nil, nil, false, ""},
		{"since 3, once more", state(3, 0), state(5, 0), nil, nil, false, ""},
		{"since 3, to an empty store", state(3, 0), none, yes, remote.ErrRefused, true, "does not have the pointer at all"},
		{"since 3, to 2", state(3, 0), state(2, 0), yes, remote.ErrRefused, true, "is at sequence 2 only"},
		{"since 3, to another 3", state(3, 0), state(3, 1), yes, remote.ErrFork, true, "different states of sequence 3"},
		{"since 3, to 4", state(3, 0), state(4, 0), nil, remote.ErrFork, true, "it is unknown whether"},
		{"since 3, to 4 with keys", state(3, 0), state(4, 0), yes, nil, false, ""},
		{"since 3, to another 4", state(3, 0), state(4, 1), no, remote.ErrFork, false, "does not contain"},
		{"since 3, to 6", state(3, 0), state(6, 0), yes, remote.ErrRollback, true, "go back"},
	} {
		from, names := store(t, 2)
		contents := at(state(5, 0))
		if c.base != none {
			contents.Bases = []crypto.Pointer{c.base}
		}
		b := export(t, from, contents, names)
		to := mem.New()
		if c.have != none {
			if err := to.Swap(t.Context(), crypto.PointerHash{}, c.have); err != nil {
				t.Fatal(err)
			}
		}
		got, err := take(b, false, to, bundle.ImportOptions{Follows: c.follows})
		if c.kind == nil && (err != nil || pointed(t, to) != 5) {
			t.Errorf("%s: at %d, %v", c.what, pointed(t, to), err)
		}
		if c.kind != nil &&
			(remote.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) || pointed(t, to) != c.have.Seq ||
				got.Copied == 0 != c.early) {
			t.Errorf("%s: at %d, %+v, %v", c.what, pointed(t, to), got, err)
		}
	}
}

// TestWriterRefuses: a Writer rejects everything that a reader would reject.
func TestWriterRefuses(t *testing.T) {
	forged := state(5, 0)
	forged.Seq = 6
	for what, c := range map[string]bundle.Contents{
		"a pointer twice":         at(state(5, 0), state(6, 0)),
		"a forged pointer":        at(forged),
		"a base of nothing":       {Bases: []crypto.Pointer{state(3, 0)}},
		"a base that is no older": {Bases: []crypto.Pointer{state(5, 0)}, Pointers: []crypto.Pointer{state(5, 0)}},
		"a base twice": {Bases: []crypto.Pointer{state(3, 0), state(4, 0)},
			Pointers: []crypto.Pointer{state(5, 0)}},
	} {
		if _, err := bundle.NewWriter(io.Discard, c); err == nil {
			t.Errorf("%s is written", what)
		}
	}
	w, err := bundle.NewWriter(io.Discard, bundle.Contents{})
	if err != nil {
		t.Fatal(err)
	}
	name, data := blob(1, 10)
	if w.Blob(name, data[:9]) == nil ||
		w.Blob(crypto.NameOf(make([]byte, crypto.MaxBlobSize+1)), make([]byte, crypto.MaxBlobSize+1)) == nil {
		t.Error("bytes that are no blob are written")
	}
}

// TestExportFails: a missing or damaged blob, a failing selection or a failing disk is the error.
func TestExportFails(t *testing.T) {
	ctx := t.Context()
	from, names := store(t, 10)
	_, data := blob(4, 104)
	missing, _ := blob(99, 10)
	spoilt := mem.New()
	if err := spoilt.Put(ctx, names[4], remote.BytesBody(data[:50])); err != nil {
		t.Fatal(err)
	}
	stuck := errors.New("the tree can't be read")
	failing := func(yield func(crypto.BlobName, error) bool) {
		_ = yield(names[0], nil) && yield(crypto.BlobName{}, stuck)
	}
	full := errors.New("the stick is full")
	for what, c := range map[string]struct {
		from  remote.Store
		w     io.Writer
		names iter.Seq2[crypto.BlobName, error]
		err   error
	}{
		"missing":   {from, io.Discard, each(append(names[:9:9], missing)), remote.ErrNotFound},
		"damaged":   {spoilt, io.Discard, each(names[4:5]), remote.ErrCorrupt},
		"selection": {from, io.Discard, failing, stuck},
		"full":      {from, brokenWriter{full}, each(names), full},
		"away": {faulty.New(from, faulty.Always(faulty.Fail), faulty.Options{}), io.Discard, each(names),
			remote.ErrUnavailable},
	} {
		if _, err := bundle.Export(ctx, c.from, c.w, at(), c.names, bundle.ExportOptions{Workers: 3}); !errors.Is(err,
			c.err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := bundle.Export(ended, from, io.Discard, at(), each(names), bundle.ExportOptions{}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestInterruptedImport: wherever an import is interrupted, no pointer refers to missing blobs, and further imports
// finish it.
func TestInterruptedImport(t *testing.T) {
	from, names := store(t, 10)
	b := export(t, from, at(state(5, 0)), names)
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		kept := mem.New()
		rates := faulty.Rates{faulty.Fail: 0.15, faulty.Lose: 0.1, faulty.Cut: 0.05, faulty.Full: 0.05}
		to := faulty.New(kept, faulty.Random(rapid.Uint64().Draw(t, "seed"), rates), faulty.Options{})
		o := bundle.ImportOptions{Workers: rapid.IntRange(1, 4).Draw(t, "workers"),
			ReadBack: rapid.Bool().Draw(t, "read back")}
		for run := 0; ; run++ {
			if run == 10 {
				to.SetPlan(nil)
			}
			_, err := take(b, rapid.Bool().Draw(t, "stream"), to, o)
			if pointed(outer, kept) == 5 {
				for _, name := range names {
					if _, err := kept.Stat(context.Background(), name); err != nil {
						t.Fatalf("the pointer came before %v", name)
					}
				}
			} else if err == nil {
				t.Fatal("done without the pointer")
			}
			if err == nil {
				return
			}
			if run > 10 {
				t.Fatalf("without faults: %v", err)
			}
		}
	})
}

// TestExportFile: a bundle gets its name once it is whole; an export resumes an interrupted one as far as that is
// undamaged.
func TestExportFile(t *testing.T) {
	from, names := store(t, 9)
	first := export(t, from, at(state(4, 0)), names[:6])
	beginning := len(export(t, from, at(state(4, 0)), nil)) - 96 // without the end record
	spoilt := bytes.Clone(first)
	spoilt[beginning+40+100+40+9] ^= 1 // in the second blob
	other := export(t, from,
		bundle.Contents{Pointers: []crypto.Pointer{crypto.NewWriterKey([32]byte{9}).Sign(4, crypto.PointerValue{})}},
		names[:6])
	for what, c := range map[string]struct {
		part []byte
		kept int64
	}{
		"nothing":                    {nil, 0},
		"no bundle":                  {[]byte("cut"), 0},
		"nothing but the beginning":  {first[:beginning], 0},
		"cut between blobs":          {first[:beginning+40+100], 1},
		"cut in a header":            {first[:beginning+40+100+11], 1},
		"cut in a blob":              {first[:beginning+40+100+40+101+40+5], 2},
		"damaged":                    {spoilt, 1},
		"whole, of an earlier state": {first, 6},
		"of another account":         {other, 0},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "changes.bundle")
		if err := os.WriteFile(path, []byte("the one before"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".part", c.part, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := bundle.ExportFile(t.Context(), from, path, at(state(5, 0)), each(names), bundle.ExportOptions{})
		if err != nil || got.Skipped != c.kept || got.Copied != 9-c.kept {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		to := mem.New()
		if got, err := take(b, true, to, bundle.ImportOptions{}); err != nil || got.Copied != 9 || pointed(t, to) != 5 {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if left, _ := os.ReadDir(folder); len(left) != 1 {
			t.Errorf("%s: left behind: %v", what, left)
		}
	}
}

// TestExportFileCut: an export that fails at any blob keeps its part, leaves an earlier bundle alone, and is finished
// by the next export.
func TestExportFileCut(t *testing.T) {
	from, names := store(t, 9)
	path := filepath.Join(t.TempDir(), "changes.bundle")
	if err := os.WriteFile(path, []byte("the one before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		data, err := from.Get(t.Context(), name)
		if err == nil {
			err = from.Delete(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := bundle.ExportFile(t.Context(), from, path, at(state(5, 0)), each(names), bundle.ExportOptions{Workers: 1})
		if before, _ := os.ReadFile(path); !errors.Is(err, remote.ErrNotFound) || got.Copied+got.Skipped != int64(i) ||
			string(before) != "the one before" {
			t.Errorf("%+v, %v, and there is %.20q", got, err, before)
		}
		if err := from.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := bundle.ExportFile(t.Context(), from, path, at(state(5, 0)), each(names),
		bundle.ExportOptions{}); err != nil || got.Skipped != 8 || got.Copied != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
