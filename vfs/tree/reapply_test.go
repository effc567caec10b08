package tree_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/tree"
)

func TestReapply(t *testing.T) {
	s := newStore()
	theirs := must(t, empty(s, 0), mkdir("/docs", 1), s.written("/docs/report.odt", "theirs", 3),
		s.written("/old", "old", 1), s.written("/was", "a file", 1), mkdir("/full", 2),
		s.written("/full/x", "x", 1))
	for _, c := range []struct {
		what   string
		ops    []tree.Op
		want   []string // in addition to theirs
		gone   []string // from theirs
		passed int
	}{
		{"a new file", []tree.Op{s.written("/docs/new", "new", 4)}, []string{"/docs/new new"}, nil, 0},
		{"in a folder that is gone", []tree.Op{s.written("/a/b/new", "new", 4)}, []string{"/a/", "/a/b/", "/a/b/new new"},
			nil, 0},
		{"where others have a file",
			[]tree.Op{s.written("/docs/report.odt", "ours", 4), set("/docs/report.odt", "p", "1"),
				s.written("/docs/report.odt", "ours again", 5)},
			[]string{"/docs/report (conflict, laptop, 2026-11-04).odt ours again"}, nil, 0},
		{"where others have a folder", []tree.Op{s.written("/full", "ours", 4)},
			[]string{"/full (conflict, laptop, 2026-11-04) ours"}, nil, 0},
		{"below what is a file now",
			[]tree.Op{mkdir("/was/sub", 7), s.written("/was/sub/new", "new", 4), s.written("/was/two", "two", 4)},
			[]string{"/was (conflict, laptop, 2026-11-01)/", "/was (conflict, laptop, 2026-11-01)/sub/",
				"/was (conflict, laptop, 2026-11-01)/sub/new new",
				"/was (conflict, laptop, 2026-11-01)/two two"}, nil, 0},
		{"a folder that is there", []tree.Op{mkdir("/docs", 9), s.written("/docs/new", "new", 4)}, []string{"/docs/new new"},
			nil, 0},
		{"what may be another's is not removed", []tree.Op{tree.Remove{Path: "/docs/report.odt"}, tree.Remove{Path: "/full"}},
			nil, nil, 2},
		{"what is gone already is",
			[]tree.Op{tree.Remove{Path: "/gone"}, tree.Move{From: "/gone", To: "/there"}, set("/gone", "p", "1")}, nil, nil, 3},
		{"one's own is removed", []tree.Op{mkdir("/tmp", 8), s.written("/tmp/1", "1", 4), tree.Remove{Path: "/tmp"}}, nil,
			nil, 0},
		{"unless another's is in it",
			[]tree.Op{mkdir("/tmp", 8), tree.Move{From: "/old", To: "/tmp/old"}, tree.Remove{Path: "/tmp"}},
			[]string{"/tmp/", "/tmp/old old"}, []string{"/old old"}, 1},
		{"saved as Office does",
			[]tree.Op{s.written("/docs/~tmp", "saved", 4), tree.Move{From: "/docs/report.odt", To: "/docs/~bak"},
				tree.Move{From: "/docs/~tmp", To: "/docs/report.odt"}, tree.Remove{Path: "/docs/~bak"}},
			[]string{"/docs/report.odt saved", "/docs/~bak theirs"}, []string{"/docs/report.odt theirs"}, 1},
		{"moved over one's own",
			[]tree.Op{s.written("/1", "1", 4), s.written("/2", "2", 4), tree.Move{From: "/2", To: "/1", Replace: true}},
			[]string{"/1 2"}, nil, 0},
		{"moved over another's", []tree.Op{s.written("/1", "1", 4), tree.Move{From: "/1", To: "/old", Replace: true}},
			[]string{"/old (conflict, laptop, 2026-11-04) 1"}, nil, 0},
		{"a folder with a conflict in it moves",
			[]tree.Op{s.written("/docs/report.odt", "ours", 4), tree.Move{From: "/docs", To: "/papers"},
				s.written("/papers/report.odt", "newer", 5)},
			[]string{"/papers/", "/papers/report (conflict, laptop, 2026-11-04).odt newer", "/papers/report.odt theirs"},
			[]string{"/docs/", "/docs/report.odt theirs"}, 0},
		{"into itself", []tree.Op{tree.Move{From: "/docs", To: "/docs/in"}}, nil, nil, 1},
		{"copied", []tree.Op{tree.Copy{From: "/full", To: "/copy/deep"}}, []string{"/copy/", "/copy/deep/", "/copy/deep/x x"},
			nil, 0},
		{"another form of a name that is another's",
			[]tree.Op{s.written("/old", "ours", 4), tree.Move{From: "/old", To: "/old", Replace: true}},
			[]string{"/old (conflict, laptop, 2026-11-04) ours"}, nil, 0},
		{"another form of the name", []tree.Op{s.written("/\u00e9", "e", 4), tree.Move{From: "/\u00e9", To: "/e\u0301"}},
			[]string{"/\u00e9 e"}, nil, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := tree.NewReapply(theirs, "laptop")
			passed := 0
			for _, op := range c.ops {
				not, err := r.Do(t.Context(), op)
				if err != nil {
					t.Fatal(err)
				}
				if not != nil {
					passed++
				}
			}
			want := append(slices.DeleteFunc(shape(t, s, theirs), func(line string) bool {
				return slices.Contains(c.gone, line)
			}), c.want...)
			slices.Sort(want)
			if d := cmp.Diff(want, shape(t, s, r.Tree())); d != "" || passed != c.passed {
				t.Errorf("%d passed over, (-want +got):\n%s", passed, d)
			}
			if err := tree.Inspect(t.Context(), r.Tree()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReapplyRandomly repeats the changes of one tree on another: the other's files stay, and all files that were put
// and not removed again are there.
func TestReapplyRandomly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		base := grown(t, s)
		theirs := (&brancher{store: s, id: 3}).branch(t, grown(t, s))
		ours, w := base, &brancher{store: s, id: 2}
		r := tree.NewReapply(theirs, "laptop")
		put := map[vfs.Version]bool{}
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			next, op := w.changed(t, ours)
			if ours = next; op == nil {
				continue
			}
			if p, ok := op.(tree.Put); ok {
				put[p.Entry.Version] = true
			}
			if _, err := r.Do(t.Context(), op); err != nil {
				t.Fatalf("%+v: %v", op, err)
			}
		}
		if err := tree.Inspect(t.Context(), r.Tree()); err != nil {
			t.Fatal(err)
		}
		bodies, mounts := map[vfs.Version]string{}, map[string]bool{}
		for _, x := range dump(t, s, r.Tree()) {
			if x.Info.Mounted {
				mounts[x.Body] = true
			} else if !x.Info.Folder {
				bodies[x.Info.Version] = x.Body
			}
		}
		for side, all := range map[string]map[string]seen{"theirs": dump(t, s, theirs), "ours": dump(t, s, ours)} {
			for p, x := range all {
				if x.Info.Folder || side == "ours" && !put[x.Info.Version] {
					continue
				}
				body, ok := bodies[x.Info.Version]
				if x.Info.Mounted { // it may lie next to the file in whose place it was
					body, ok = x.Body, mounts[x.Body]
				}
				if !ok || body != x.Body {
					t.Fatalf("%s of %s is lost", p, side)
				}
			}
		}
	})
}

// TestReapplyBelowDamage: files that belong into an unreadable folder are put next to it, unless the remote is only
// away.
func TestReapplyBelowDamage(t *testing.T) {
	s := newStore()
	theirs := must(t, empty(s, 0), mkdir("/docs", 1), s.written("/docs/theirs", "theirs", 1))
	seal := func() *tree.Packed {
		p, err := tree.Pack(t.Context(), theirs, s.packing())
		if err != nil {
			t.Fatal(err)
		}
		p.Settle()
		return p
	}
	seal()
	lost := maps.Clone(s.blobs)
	theirs = must(t, theirs, mkdir("/other", 2))
	root := seal().Root
	for name := range lost {
		delete(s.blobs, name)
	}
	fresh := func() *tree.Reapply {
		return tree.NewReapply(tree.New(tree.NewNodes(s, tree.Options{}), root), "laptop")
	}

	r := fresh()
	for _, op := range []tree.Op{s.written("/docs/ours", "ours", 4), s.written("/docs/more", "more", 5)} {
		if passed, err := r.Do(t.Context(), op); passed != nil || err != nil {
			t.Fatal(passed, err)
		}
	}
	if passed, err := r.Do(t.Context(), set("/other", "p", "1")); passed != nil || err != nil {
		t.Fatal(passed, err)
	}
	for path, want := range map[string]string{"/docs (conflict, laptop, 2026-11-04)/ours": "ours",
		"/docs (conflict, laptop, 2026-11-04)/more": "more"} {
		e, err := r.Tree().Lookup(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := s.read(t.Context(), e); body != want || err != nil {
			t.Errorf("%s is %q, %v", path, body, err)
		}
	}

	s.down = true
	for _, op := range []tree.Op{s.written("/other/ours", "ours", 4), tree.Remove{Path: "/other"}} {
		if passed, err := fresh().Do(t.Context(), op); passed != nil || !errors.Is(err, vfs.ErrUnavailable) {
			t.Errorf("%+v: %v, %v", op, passed, err)
		}
	}
}
