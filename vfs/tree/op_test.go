package tree_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

func someOps() []tree.Op {
	s := newStore()
	small := s.file("/a/f.txt", "hello", 300)
	small.Entry.Name, small.Chosen = "f.txt", true
	large := photo("/a/p.jpg", 2)
	large.Entry.Name = "p.jpg"
	large.Entry.Properties = []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Lang: "en",
		Value: "<v/>"}}
	now := time.Unix(1_700_000_000, 5).UTC()
	return []tree.Op{
		small, large,
		tree.Mkdir{Path: "/a", Version: vfs.Version{1, 2}, Time: now},
		tree.Remove{Path: "/a"},
		tree.Move{From: "/a", To: "/b"},
		tree.Move{From: "/a", To: "/b", Replace: true, Modified: object.Time(0)},
		tree.Copy{From: "/a", To: "/b", Shallow: true, Modified: object.Time(-1)},
		tree.Patch{Path: "/"},
		tree.Patch{
			Path: "/a", Modified: now, Created: object.Time(0),
			Set:    []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Lang: "en", Value: "<v/>"}},
			Remove: []vfs.PropertyName{{Local: "q"}},
		},
		tree.Mount{Path: "/a", Target: targetOf(1), Version: vfs.Version{1}, Time: now},
		tree.Mount{Path: "/a/m", Target: targetOf(2), Over: object.Mount, Time: now, Properties: []vfs.Property{}},
		tree.Mount{Path: "/a", Target: targetOf(2), Over: object.Folder, Time: now,
			Properties: []vfs.Property{{Name: vfs.PropertyName{Local: "p"}, Value: "1"}}},
		tree.Graft{Path: "/a", Mounts: true, Replace: true, Entry: object.Entry{Name: "a", Kind: object.Folder}},
		tree.Graft{Path: "/a", Entry: object.Entry{Name: "a", Kind: object.Folder}, Fill: []tree.Graft{
			{Path: "/a/m", Replace: true, Entry: object.Entry{Name: "m", Kind: object.Folder, Created: 1}},
			{Path: "/a/m/n", Replace: true, Entry: object.Entry{Name: "n", Kind: object.Folder}}}},
	}
}

func TestOpsKeepTheirMeaning(t *testing.T) {
	for _, op := range someOps() {
		b, err := tree.EncodeOp(op)
		if err != nil {
			t.Errorf("%#v: %v", op, err)
			continue
		}
		got, err := tree.DecodeOp(b)
		if d := cmp.Diff(op, got); err != nil || d != "" {
			t.Errorf("(-want +got) %v\n%s", err, d)
		}
	}
}

// TestEncodeRefuses: EncodeOp rejects operations that could not be replayed from the journal.
func TestEncodeRefuses(t *testing.T) {
	for name, op := range map[string]tree.Op{
		"a path that is not UTF-8":     tree.Remove{Path: "/\xff"},
		"a property that is not UTF-8": tree.Patch{Path: "/a", Remove: []vfs.PropertyName{{Local: "\xff"}}},
		"a file under no name":         newStore().file("/", "x", 1),
		"a file of no kind":            tree.Put{Path: "/x"},
	} {
		if b, err := tree.EncodeOp(op); err == nil {
			t.Errorf("%s was encoded as %x", name, b)
		}
	}
}

func FuzzDecodeOp(f *testing.F) {
	for _, op := range someOps() {
		b, err := tree.EncodeOp(op)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var op tree.Op
		var err error
		alloctest.Check(t, len(b), func() { op, err = tree.DecodeOp(b) })
		if err != nil {
			if !errors.Is(err, crypto.ErrFormat) {
				t.Fatalf("error %v is not crypto.ErrFormat", err)
			}
			return
		}
		again, err := tree.EncodeOp(op)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is encoded again as %x (%v)", b, again, err)
		}
		s := newStore()
		tr := sample(t, s)
		_, grafted := op.(tree.Graft) // it may refer to missing pages
		if next, _, err := tree.Apply(t.Context(), tr, op); err == nil && !grafted {
			if err := tree.Inspect(t.Context(), next); err != nil {
				t.Fatal(err)
			}
		}
	})
}
