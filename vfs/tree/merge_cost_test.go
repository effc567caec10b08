package tree_test

import (
	"fmt"
	"testing"

	"postern/vfs"
	"postern/vfs/tree"
)

// large is a folder of n files, sealed.
func large(t testing.TB, s *store, n int) tree.Tree {
	t.Helper()
	tr := must(t, empty(s, 0), mkdir("/d", 1))
	for i := range n {
		put := s.file(fmt.Sprintf("/d/%06d", i), "", 1)
		put.Entry.Version = vfs.Version{1, byte(i >> 16), byte(i >> 8), byte(i)}
		tr = must(t, tr, put)
	}
	return reopen(t, s, seal(t, s, tr).Commit, memoryOfOnePage)
}

// TestMergeCostsTheDifference: two devices change a few of 100,000 files, in different places, and no unchanged page is
// in memory. Then a merge loads the few pages on the way to the changes, and not all 2,000 of the folder.
func TestMergeCostsTheDifference(t *testing.T) {
	const n = 100_000
	s := newStore()
	base := large(t, s, n)
	// The sides change opposite ends, so the pages in between are equal, although those of one side have moved.
	ours, theirs := base, base
	for i := range 50 {
		ours = must(t, ours, s.written(fmt.Sprintf("/d/%06d.new", i), "o", 2))
		theirs = must(t, theirs, tree.Remove{Path: fmt.Sprintf("/d/%06d", n-1-i)})
	}
	ours = must(t, ours, s.written("/d/050000", "ours", 3))
	theirs = must(t, theirs, s.written("/d/050000", "theirs", 4))
	for _, side := range []tree.Tree{ours, theirs} {
		seal(t, s, side).Settle()
	}
	for _, c := range []struct {
		what               string
		base, ours, theirs tree.Tree
		most               int
		count              int64
	}{
		{"a few changes", base, ours, theirs, 300, n + 50 - 50 + 1 + 1},
		{"a whole folder removed here, a few changes there", base, must(t, base, tree.Remove{Path: "/d"}), ours, 80,
			1 + 50 + 1},
		{"both moved the folder, and changed a few", base, must(t, ours, tree.Move{From: "/d", To: "/e"}),
			must(t, theirs, tree.Move{From: "/d", To: "/e"}), 120, n + 50 + 1 + 1},
	} {
		for _, turn := range []bool{false, true} {
			s.reads = 0
			o, t2 := c.ours, c.theirs
			if turn {
				o, t2 = t2, o
			}
			merged, _, err := tree.Merge(t.Context(), c.base, o, t2, tree.MergeOptions{Ours: "A", Theirs: "B"})
			if err != nil {
				t.Fatal(err)
			}
			if s.reads > c.most || merged.Root().Count() != c.count {
				t.Errorf("%s: %d pages loaded, %d at most; %d entries, want %d", c.what, s.reads, c.most, merged.Root().Count(),
					c.count)
			}
		}
	}
	s.reads = 0
	if merged, _, err := tree.Merge(t.Context(), base, base, theirs, tree.MergeOptions{}); err != nil ||
		merged != theirs || s.reads > 0 {
		t.Errorf("what changed on one side only: %d pages loaded, %v", s.reads, err)
	}
	elsewhere := must(t, base, s.written("/x", "1", 1))
	s.reads = 0
	if _, _, err := tree.Merge(t.Context(), base, elsewhere, theirs, tree.MergeOptions{}); err != nil || s.reads > 8 {
		t.Errorf("folders that changed on one side only: %d pages loaded, %v", s.reads, err)
	}
}

func BenchmarkMerge(b *testing.B) {
	s := newStore()
	base := large(b, s, 100_000)
	ours := must(b, base, s.written("/d/050000", "ours", 3))
	theirs := must(b, base, s.written("/d/070000", "theirs", 4))
	for b.Loop() {
		if _, _, err := tree.Merge(b.Context(), base, ours, theirs, tree.MergeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMergeOfManyChanges measures the worst case: both sides wrote many files into one folder.
func BenchmarkMergeOfManyChanges(b *testing.B) {
	s := newStore()
	base := must(b, empty(s, 0), mkdir("/d", 1))
	var sides [2]tree.Tree
	for i := range sides {
		sides[i] = base
		for j := range 50_000 {
			put := s.file(fmt.Sprintf("/d/%06d-%d", j, i), "", 1)
			put.Entry.Version = vfs.Version{1, byte(i), byte(j >> 8), byte(j)}
			sides[i] = must(b, sides[i], put)
		}
	}
	for b.Loop() {
		if _, _, err := tree.Merge(b.Context(), base, sides[0], sides[1], tree.MergeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
