package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/remote"
)

// light is a system that makes nothing durable, so that moving thousands of pointers is fast.
type light struct{ local }

func (light) SyncFile(*os.File) error   { return nil }
func (light) SyncFolder(*os.File) error { return nil }

// openLight opens a store that makes nothing durable.
func openLight(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder, Options{System: light{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// numbered returns the key of a listed pointer.
func numbered(n int) crypto.WriterKey {
	return crypto.NewWriterKey([32]byte{1, byte(n >> 8), byte(n)})
}

// swapListed moves a listed pointer from one state to the next.
func swapListed(t *testing.T, s remote.Store, n int, seq uint64) crypto.Pointer {
	t.Helper()
	var old crypto.PointerHash
	if seq > 1 {
		old = numbered(n).SignListed(seq-1, crypto.PointerValue{byte(n)}).Hash()
	}
	next := numbered(n).SignListed(seq, crypto.PointerValue{byte(n)})
	if err := s.Swap(t.Context(), old, next); err != nil {
		t.Fatal(err)
	}
	return next
}

// pages reads all pages from a cursor on.
func pages(t *testing.T, s remote.Store, since remote.Cursor) (got []crypto.Pointer, next remote.Cursor, n int) {
	t.Helper()
	for n = 1; ; n++ {
		page, err := s.Changed(t.Context(), since)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Pointers...)
		if since = page.Next; !page.More {
			return got, since, n
		}
	}
}

// TestChangesComeInPages: more pointers than fit a page come in several, in the order of their moves; without moves
// there are none.
func TestChangesComeInPages(t *testing.T) {
	s := openLight(t, t.TempDir())
	const n = remote.MaxChanges + 100
	var want []crypto.Pointer
	for i := range n {
		want = append(want, swapListed(t, s, i, 1))
	}
	got, next, read := pages(t, s, "")
	if !slices.Equal(got, want) || read != 2 {
		t.Errorf("%d pointers come in %d pages", len(got), read)
	}
	if got, again, _ := pages(t, s, next); len(got) > 0 || again != next {
		t.Errorf("nothing moved, and yet %d are reported, the cursor moved: %v", len(got), again != next)
	}
	moved := swapListed(t, s, 7, 2)
	if got, _, _ := pages(t, s, next); !slices.Equal(got, []crypto.Pointer{moved}) {
		t.Errorf("one moved, %d are reported", len(got))
	}
}

// TestChangesAreBounded: a list that has grown is written anew, with each pointer once. Cursors then start from the
// beginning.
func TestChangesAreBounded(t *testing.T) {
	s := openLight(t, t.TempDir())
	s.slack = 64
	var last [3]crypto.Pointer
	before := remote.Cursor("")
	for seq := uint64(1); seq < 100; seq++ {
		for i := range last {
			last[i] = swapListed(t, s, i, seq)
		}
		if seq == 5 {
			_, before, _ = pages(t, s, "")
		}
	}
	info, err := os.Stat(filepath.Join(s.root, changesFile))
	if err != nil || info.Size() > (2*int64(len(last))+s.slack+1)*recordSize {
		t.Errorf("the list has %d bytes, %v", info.Size(), err)
	}
	for _, since := range []remote.Cursor{"", before} {
		got, _, _ := pages(t, s, since)
		for _, p := range last {
			if !slices.Contains(got, p) {
				t.Errorf("a pointer's newest state is not reported")
			}
		}
	}
}

// TestChangesAreMadeAnew: with a missing, damaged or old list no pointer is lost.
func TestChangesAreMadeAnew(t *testing.T) {
	for what, harm := range map[string]func(path string) error{
		"gone":         os.Remove,
		"empty":        func(path string) error { return os.Truncate(path, 0) },
		"cut":          func(path string) error { return os.Truncate(path, 2*recordSize-1) },
		"of zeros":     func(path string) error { return os.WriteFile(path, make([]byte, 5*recordSize), fileMode) },
		"too long":     func(path string) error { return os.Truncate(path, (maxRecords+1)*recordSize) },
		"damaged":      func(path string) error { return scratch(path, 2*recordSize+3) },
		"another head": func(path string) error { return scratch(path, 3) },
	} {
		s := openLight(t, t.TempDir())
		want := []crypto.Pointer{swapListed(t, s, 0, 1), swapListed(t, s, 1, 1), swapListed(t, s, 2, 1)}
		hidden := crypto.NewWriterKey([32]byte{9}).Sign(1, crypto.PointerValue{})
		if err := s.Swap(t.Context(), crypto.PointerHash{}, hidden); err != nil {
			t.Fatal(err)
		}
		_, end, _ := pages(t, s, "")
		if err := harm(filepath.Join(s.root, changesFile)); err != nil {
			t.Fatal(err)
		}
		if what != "cut" { // the remaining records are intact, and no power cut followed a success
			if got, _, _ := pages(t, s, ""); len(got) != len(want) {
				t.Errorf("%s: %d of %d pointers are reported", what, len(got), len(want))
			}
		}
		want = append(want, swapListed(t, s, 3, 1))
		got, _, _ := pages(t, s, end)
		if !slices.Contains(got, want[3]) || slices.Contains(got, hidden) {
			t.Errorf("%s: what moved since is not reported, or an unlisted pointer is", what)
		}
	}
}

// scratch damages one byte of a file.
func scratch(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(path, b, fileMode)
}

// TestCursorOfAnotherPast: a cursor is not accepted by a store that was restored from a copy and changed differently
// since.
func TestCursorOfAnotherPast(t *testing.T) {
	s := openLight(t, t.TempDir())
	path := filepath.Join(s.root, changesFile)
	swapListed(t, s, 0, 1)
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	swapListed(t, s, 1, 1)
	_, end, _ := pages(t, s, "")
	if err := os.WriteFile(path, kept, fileMode); err != nil {
		t.Fatal(err)
	}
	moved := []crypto.Pointer{swapListed(t, s, 2, 1), swapListed(t, s, 3, 1)}
	got, _, _ := pages(t, s, end)
	for _, p := range moved {
		if !slices.Contains(got, p) {
			t.Error("a pointer that moved since is not reported")
		}
	}
}

// TestAnnouncedBeforeItMoves: the list is synced before the pointer moves, and a move that fails after that is none.
func TestAnnouncedBeforeItMoves(t *testing.T) {
	s, r := recorded(t)
	first := swapListed(t, s, 0, 1)
	_, end, _ := pages(t, s, "")
	r.seen = nil
	second := swapListed(t, s, 0, 2)
	shard := shardName(first.ID[0])
	want := []string{
		fmt.Sprintf("file of %d bytes", 3*recordSize), fmt.Sprintf("file of %d bytes", crypto.PointerSize),
		"folder pointers/" + shard + " with 1",
	}
	if !slices.Equal(r.seen, want) {
		t.Errorf("a swap synced %q instead of %q", r.seen, want)
	}
	broken := errors.New("broken")
	r.fail = func(what string) error {
		if what == fmt.Sprintf("file of %d bytes", crypto.PointerSize) {
			return broken
		}
		return nil
	}
	third := numbered(0).SignListed(3, crypto.PointerValue{})
	if err := s.Swap(t.Context(), second.Hash(), third); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if got, _, _ := pages(t, s, end); !slices.Equal(got, []crypto.Pointer{second}) {
		t.Errorf("reported are %d states", len(got))
	}
}

// TestDamagedPointerHidesNone: a pointer that can't be read does not hide the moves of others.
func TestDamagedPointerHidesNone(t *testing.T) {
	s := openLight(t, t.TempDir())
	bad, good := swapListed(t, s, 0, 1), swapListed(t, s, 1, 1)
	if err := os.WriteFile(filepath.Join(s.root, pointerFile(bad.ID)), []byte("x"), fileMode); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := pages(t, s, ""); !slices.Equal(got, []crypto.Pointer{good}) {
		t.Errorf("%d are reported", len(got))
	}
}

func FuzzRecord(f *testing.F) {
	head, move := newHeader(7), newMove(crypto.PointerID{1})
	f.Add(head[:])
	f.Add(move[:])
	f.Add(make([]byte, recordSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != recordSize {
			return
		}
		alloctest.Check(t, len(b), func() {
			r := record(b)
			h, isHead := r.header()
			id, isMove := r.move()
			if isHead && (!isMove || h.kept > maxRecords || !bytes.HasPrefix(b, []byte(logMagic))) {
				t.Errorf("%x is a header", b)
			}
			if isMove && !bytes.Equal(id[:], b[:32]) {
				t.Errorf("%x is of pointer %v", b, id)
			}
		})
	})
}

func FuzzCursor(f *testing.F) {
	first, move := newHeader(7), newMove(crypto.PointerID{1})
	h, _ := first.header()
	f.Add(string(h.cursor(3, move)))
	f.Add("")
	f.Add(string(h.cursor(-1, move)))
	f.Fuzz(func(t *testing.T, c string) {
		alloctest.Check(t, len(c), func() {
			at, last, ok := h.parse(remote.Cursor(c))
			if ok && (h.cursor(at, last) != remote.Cursor(c) || at < 0 || at > maxRecords) {
				t.Errorf("%x stands behind record %d", c, at)
			}
		})
	})
}
