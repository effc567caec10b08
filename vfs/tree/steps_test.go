package tree_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/tree"
)

// TestStepsLeadToTheOtherTree turns one side of a random merge into the merged tree by steps.
func TestStepsLeadToTheOtherTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		w := &brancher{store: s, id: 1}
		sealed := func(tr tree.Tree) tree.Tree {
			w.seal(t, tr)
			return tr
		}
		base := sealed(w.branch(t, empty(s, 1<<20)))
		from, other := sealed(w.branch(t, base)), sealed(w.branch(t, base))
		to, _, err := tree.Merge(context.Background(), base, from, other, tree.MergeOptions{Ours: "a", Theirs: "b"})
		if err != nil {
			t.Fatal(err)
		}
		got := from
		err = tree.Steps(context.Background(), from, to, func(path string, op tree.Op) error {
			next, _, err := tree.Apply(context.Background(), got, op)
			if err != nil {
				t.Fatalf("%s: %#v: %v", path, op, err)
			}
			got = next
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, have := dump(t, s, to), dump(t, s, got)
		for _, all := range []map[string]seen{want, have} {
			for path, e := range all {
				if e.Info.Name = ""; path == "/" { // the forms of names stay, and the attributes of the root
					e.Info = vfs.Info{Size: e.Info.Size, Modified: time.Time{}}
				}
				all[path] = e
			}
		}
		if d := cmp.Diff(want, have, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		err = tree.Steps(context.Background(), to, to, func(path string, _ tree.Op) error {
			t.Fatalf("a tree differs from itself in %s", path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
