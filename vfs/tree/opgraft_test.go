package tree_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// sealedAt returns the entry of a file or folder, as the history has it.
func sealedAt(t testing.TB, tr tree.Tree, path string) object.Entry {
	t.Helper()
	e, err := tr.Lookup(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	o, piece := e.Object()
	if !piece.IsZero() {
		t.Fatalf("%s waits for a commit", path)
	}
	return o
}

func TestGraftOp(t *testing.T) {
	s := newStore()
	before := must(t, empty(s, 0), mkdir("/d", 1), s.written("/d/a", "1", 1), set("/d/a", "p", "v"), mkdir("/d/e", 2),
		s.written("/d/e/b", "2", 1), mkdir("/none", 3))
	seal(t, s, before).Settle()
	now := must(t, before, tree.Remove{Path: "/d"}, s.written("/f\u00e9", "3", 3), mkdir("/g", 4),
		s.written("/g/x", "4", 4))

	got := must(t, now,
		tree.Graft{Path: "/d", Entry: sealedAt(t, before, "/d")},                         // a folder that is gone
		tree.Graft{Path: "/g/old", Entry: sealedAt(t, before, "/d/a")},                   // beside the new one
		tree.Graft{Path: "/fe\u0301", Entry: sealedAt(t, before, "/d/e"), Replace: true}, // over a file
		tree.Graft{Path: "/none", Entry: sealedAt(t, before, "/none"), Replace: true},    // an empty one
		tree.Move{From: "/d/a", To: "/d/c"}, s.written("/d/a", "5", 5), tree.Remove{Path: "/d/e/b"},
	)
	if err := tree.Inspect(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	want := []string{"/d/", "/d/a 5", "/d/c 1", "/d/e/", "/f\u00e9/", "/f\u00e9/b 2", "/g/", "/g/old 1", "/g/x 4",
		"/none/"}
	if d := cmp.Diff(want, shape(t, s, got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	all := dump(t, s, got)
	if i := all["/g/old"].Info; i.Name != "old" || !i.Modified.Equal(day(1)) || len(i.Properties) != 1 ||
		all["/f\u00e9"].Info.Name != "f\u00e9" {
		t.Errorf("%+v", i)
	}

	// Another device replays it on the state at the remote.
	again := reopen(t, s, seal(t, s, got).Commit, memoryOfOnePage)
	equalDumps(t, "sealed", all, dump(t, s, again))
}

func TestGraftOpRefuses(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), mkdir("/d", 1), s.written("/d/a", "1", 1))
	dirty, err := tr.Lookup(t.Context(), "/d")
	if err != nil {
		t.Fatal(err)
	}
	unsealed, _ := dirty.Object()
	seal(t, s, tr).Settle()
	dir, file := sealedAt(t, tr, "/d"), sealedAt(t, tr, "/d/a")
	inJournal := s.written("/x", "2", 1).Entry
	full := dir
	full.Root = object.Ref{}
	void := object.Entry{Kind: object.Folder, Size: 1}
	here := file
	here.Content.Chunks = []object.Chunk{{Meta: crypto.MetaKey{1}}}
	film := photo("/x", 1).Entry
	film.Size = 5 * crypto.ChunkSize
	film.Content = object.Content{Level: 1, Nodes: []object.Ref{{Len: 99}}}
	for name, c := range map[string]struct {
		op   tree.Graft
		want error
	}{
		"no path":                 {tree.Graft{Path: "d", Entry: dir}, vfs.ErrName},
		"the root":                {tree.Graft{Path: "/", Entry: dir, Replace: true}, vfs.ErrInvalid},
		"no parent":               {tree.Graft{Path: "/x/y", Entry: dir}, vfs.ErrNotExist},
		"a file above":            {tree.Graft{Path: "/d/a/y", Entry: dir}, vfs.ErrNotFolder},
		"what is there":           {tree.Graft{Path: "/d", Entry: dir}, vfs.ErrExist},
		"a folder in memory":      {tree.Graft{Path: "/x", Entry: unsealed}, vfs.ErrInvalid},
		"a folder without a root": {tree.Graft{Path: "/x", Entry: full}, vfs.ErrInvalid},
		"bytes in no folder":      {tree.Graft{Path: "/x", Entry: void}, vfs.ErrInvalid},
		"a file in the journal":   {tree.Graft{Path: "/x", Entry: inJournal}, vfs.ErrInvalid},
		"a chunk in no blob":      {tree.Graft{Path: "/x", Entry: here}, vfs.ErrInvalid},
		"an index in no blob":     {tree.Graft{Path: "/x", Entry: film}, vfs.ErrInvalid},
		"nothing":                 {tree.Graft{Path: "/x"}, vfs.ErrInvalid},
	} {
		next, _, err := tree.Apply(t.Context(), tr, c.op)
		if next != tr {
			t.Errorf("%s: something changed", name)
		}
		wantKind(t, err, c.want)
		if errors.Is(c.want, vfs.ErrInvalid) || errors.Is(c.want, vfs.ErrName) {
			if b, err := tree.EncodeOp(c.op); err == nil {
				t.Errorf("%s was encoded as %x", name, b)
			}
		}
	}
}

// someGrafts returns the ops that refer to sealed pages.
func someGrafts(t testing.TB) []tree.Op {
	s := newStore()
	tr := must(t, empty(s, 0), mkdir("/d", 1), s.written("/d/a", "1", 1), mkdir("/e", 2))
	seal(t, s, tr).Settle()
	photo := photo("/d/p.jpg", 3).Entry
	photo.Name = "p.jpg"
	return []tree.Op{
		tree.Graft{Path: "/x/d", Entry: sealedAt(t, tr, "/d")},
		tree.Graft{Path: "/e", Entry: sealedAt(t, tr, "/e"), Replace: true},
		tree.Graft{Path: "/a", Entry: sealedAt(t, tr, "/d/a")},
		tree.Graft{Path: "/d/p.jpg", Entry: photo, Replace: true},
	}
}

func TestGraftsKeepTheirMeaning(t *testing.T) {
	for _, op := range someGrafts(t) {
		b, err := tree.EncodeOp(op)
		if err != nil {
			t.Errorf("%#v: %v", op, err)
			continue
		}
		got, err := tree.DecodeOp(b)
		if d := cmp.Diff(op, got); err != nil || d != "" {
			t.Errorf("(-want +got) %v\n%s", err, d)
		}
		// The name stands twice, and must be the same.
		graft := op.(tree.Graft)
		graft.Entry.Name = "other"
		if again, err := tree.EncodeOp(graft); err != nil || string(again) != string(b) {
			t.Errorf("the name of the entry is not taken from the path: %v", err)
		}
		end := bytes.Index(b, []byte(graft.Path)) + len(graft.Path)
		b[end-1]++
		if op, err := tree.DecodeOp(b); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("two names were read as %+v (%v)", op, err)
		}
	}
}

func FuzzDecodeGraft(f *testing.F) {
	for _, op := range someGrafts(f) {
		b, err := tree.EncodeOp(op)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			op, err := tree.DecodeOp(b)
			if err != nil {
				if !errors.Is(err, crypto.ErrFormat) {
					t.Fatalf("error %v is not crypto.ErrFormat", err)
				}
				return
			}
			again, err := tree.EncodeOp(op)
			if err != nil || string(again) != string(b) {
				t.Fatalf("%x is encoded again as %x (%v)", b, again, err)
			}
			s := newStore()
			next, r, err := tree.Apply(t.Context(), sample(t, s), op)
			if graft, ok := op.(tree.Graft); ok && err == nil {
				got, err := next.Lookup(t.Context(), graft.Path)
				if err != nil || !cmp.Equal(got.Info(), r.Entry.Info()) {
					t.Fatalf("%+v is there as %+v (%v)", graft, got, err)
				}
			}
		})
	})
}
