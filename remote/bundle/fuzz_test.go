package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/mem"
)

// FuzzReader: any file reads alike as a file and as a stream, without panics, and its blobs fit their names. A whole
// bundle is written again to the same bytes.
func FuzzReader(f *testing.F) {
	from, names := store(f, 3)
	whole := export(f, from,
		bundle.Contents{Bases: []crypto.Pointer{state(3, 0)}, Pointers: []crypto.Pointer{state(5, 0)}}, names)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:8+40+368+40+368+40+50])
	f.Add(export(f, mem.New(), bundle.Contents{}, nil))
	f.Add([]byte("PSTNBDL2"))
	f.Add([]byte("PSTNBDL3"))
	f.Add(export(f, from, withMail(bundle.Contents{Pointers: []crypto.Pointer{state(5, 0)}}), names))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again bytes.Buffer
		var first, second error
		alloctest.Check(t, len(b), func() {
			first = read(t, bytes.NewReader(b), &again)
			second = read(t, stream{bytes.NewReader(b)}, nil)
		})
		if (first == nil) != (second == nil) {
			t.Fatalf("as a file %v, as a stream %v", first, second)
		}
		if first == nil && !bytes.Equal(again.Bytes(), b) {
			t.Fatal("a whole bundle is written differently")
		}
		if first != nil {
			return // TestDamage imports such bundles; here coverage would depend on the scheduler
		}
		to := mem.New()
		if err := to.Swap(t.Context(), crypto.PointerHash{}, state(3, 0)); err != nil {
			t.Fatal(err)
		}
		got, err := take(b, false, to, bundle.ImportOptions{Workers: 1})
		if kind := remote.KindOf(err); err != nil && kind != remote.ErrFork && kind != remote.ErrRollback &&
			kind != remote.ErrRefused {
			t.Fatalf("a whole bundle is not taken: %+v, %v", got, err)
		}
		for info := range to.List(t.Context()) {
			if data, err := to.Get(t.Context(), info.Name); err != nil || crypto.NameOf(data) != info.Name {
				t.Fatal("wrong bytes were let in")
			}
		}
	})
}

// read reads a bundle with all of its blobs, and writes it again if w is not nil.
func read(t *testing.T, r io.Reader, w io.Writer) error {
	b, err := bundle.NewReader(r)
	if err != nil {
		return err
	}
	if w == nil {
		return b.Check(context.Background())
	}
	if err := b.Check(context.Background()); err != nil {
		return err
	}
	out, err := bundle.NewWriter(w, b.Contents())
	if err != nil {
		t.Fatalf("what was read can't be written: %v", err)
	}
	if _, err := r.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if b, err = bundle.NewReader(r); err != nil {
		t.Fatal(err)
	}
	for {
		blob, err := b.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		data, err := blob.Load()
		if err != nil {
			return err
		}
		if err := out.Blob(blob.Name, data); err != nil {
			t.Fatal(err)
		}
	}
}
