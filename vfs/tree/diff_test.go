package tree_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/tree"
)

// TestDifferencesAreAllThatDiffers compares folders with names so long that some hundred files need pages on three
// levels. Both sides write and remove runs of files, so that pages are split, joined and removed in all ways.
func TestDifferencesAreAllThatDiffers(t *testing.T) {
	long := strings.Repeat("n", 900)
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		version := byte(0)
		change := func(tr tree.Tree, files map[string]byte, times int) tree.Tree {
			for range times {
				version++
				from, n := rapid.IntRange(0, 400).Draw(t, "from"), rapid.SampledFrom([]int{1, 2, 20, 150}).Draw(t, "n")
				write := rapid.Bool().Draw(t, "write")
				for i := from; i < from+n; i++ {
					name := fmt.Sprintf("%03d%s", i, long)
					var op tree.Op = tree.Remove{Path: "/" + name}
					if write {
						put := s.file("/"+name, "", 1)
						put.Entry.Version = vfs.Version{version}
						op, files[name] = put, version
					} else if delete(files, name); true {
						if _, err := tr.Lookup(context.Background(), "/"+name); err != nil {
							continue
						}
					}
					next, _, err := tree.Apply(context.Background(), tr, op)
					if err != nil {
						t.Fatal(err)
					}
					tr = next
				}
			}
			if rapid.Bool().Draw(t, "sealed") {
				(&brancher{store: s}).seal(t, tr)
			}
			return tr
		}
		base := map[string]byte{}
		tr := change(empty(s, memoryOfOnePage), base, 4)
		ours, theirs := maps.Clone(base), maps.Clone(base)
		a, b := change(tr, ours, 3), change(tr, theirs, 3)

		var want []string
		for name := range ours {
			if ours[name] != theirs[name] {
				want = append(want, name)
			}
		}
		for name := range theirs {
			if ours[name] == 0 {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		for _, pair := range [][2]tree.Tree{{a, b}, {b, a}} {
			got, err := tree.Differences(context.Background(), pair[0], pair[1])
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Fatalf("%v (-want +got):\n%s", err, d)
			}
		}
	})
}
