package tree_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// sample is a small tree: /a/b/f.txt, /a/g.txt, /c.
func sample(t testing.TB, s *store) tree.Tree {
	return must(t, empty(s, 0),
		tree.Mkdir{Path: "/a", Version: vfs.Version{1}, Time: at(1)},
		tree.Mkdir{Path: "/a/b", Version: vfs.Version{2}, Time: at(2)},
		s.file("/a/b/f.txt", "hello", 3),
		s.file("/a/g.txt", "you", 4),
		tree.Mkdir{Path: "/c", Version: vfs.Version{5}, Time: at(5)},
	)
}

func TestRefusals(t *testing.T) {
	s := newStore()
	long := strings.Repeat("x", vfs.MaxName+1)
	folder := s.file("/x", "", 1)
	folder.Entry.Kind = object.Folder
	nowhere := s.file("/x", "abc", 1)
	nowhere.Piece = [32]byte{}
	wrongSize := s.file("/x", "abc", 1)
	wrongSize.Entry.Size = 0
	both := s.file("/x", "abc", 1)
	both.Entry.Content.Chunks[0].Blob[0] = 1
	prop := func(local, value string) tree.Patch {
		return tree.Patch{Path: "/a", Set: []vfs.Property{{Name: vfs.PropertyName{Local: local}, Value: value}}}
	}
	for name, c := range map[string]struct {
		op   tree.Op
		kind error
	}{
		"put where no parent is":           {s.file("/no/x", "", 1), vfs.ErrNotExist},
		"put below a file":                 {s.file("/a/g.txt/x", "", 1), vfs.ErrNotFolder},
		"put far below a file":             {s.file("/a/g.txt/x/y", "", 1), vfs.ErrNotFolder},
		"put over a folder":                {s.file("/a/b", "", 1), vfs.ErrIsFolder},
		"put over the root":                {s.file("/", "", 1), vfs.ErrIsFolder},
		"put under a long name":            {s.file("/"+long, "", 1), vfs.ErrName},
		"put under no name":                {s.file("/a/", "", 1), vfs.ErrName},
		"put under ..":                     {s.file("/a/..", "", 1), vfs.ErrName},
		"put without a slash":              {s.file("x", "", 1), vfs.ErrName},
		"put what is not UTF-8":            {s.file("/\xff", "", 1), vfs.ErrName},
		"put a NUL":                        {s.file("/a\x00", "", 1), vfs.ErrName},
		"put a folder":                     {folder, vfs.ErrInvalid},
		"put bytes that are nowhere":       {nowhere, vfs.ErrInvalid},
		"put bytes that are in two places": {both, vfs.ErrInvalid},
		"put a size that can't be":         {wrongSize, vfs.ErrInvalid},
		"make what is there":               {tree.Mkdir{Path: "/a/b"}, vfs.ErrExist},
		"make a folder over a file":        {tree.Mkdir{Path: "/a/g.txt"}, vfs.ErrExist},
		"make the root":                    {tree.Mkdir{Path: "/"}, vfs.ErrExist},
		"make below a file":                {tree.Mkdir{Path: "/a/g.txt/x"}, vfs.ErrNotFolder},
		"make where no parent is":          {tree.Mkdir{Path: "/no/x"}, vfs.ErrNotExist},
		"make under .":                     {tree.Mkdir{Path: "/."}, vfs.ErrName},
		"remove nothing":                   {tree.Remove{Path: "/no"}, vfs.ErrNotExist},
		"remove below a file":              {tree.Remove{Path: "/a/g.txt/x"}, vfs.ErrNotFolder},
		"remove the root":                  {tree.Remove{Path: "/"}, vfs.ErrInvalid},
		"move nothing":                     {tree.Move{From: "/no", To: "/x"}, vfs.ErrNotExist},
		"move what can't be":               {tree.Move{From: "/a//b", To: "/x"}, vfs.ErrNotExist},
		"move to what can't be":            {tree.Move{From: "/no", To: "/.."}, vfs.ErrName},
		"move to no parent":                {tree.Move{From: "/c", To: "/no/c"}, vfs.ErrNotExist},
		"move below a file":                {tree.Move{From: "/c", To: "/a/g.txt/c"}, vfs.ErrNotFolder},
		"move over something":              {tree.Move{From: "/c", To: "/a/g.txt"}, vfs.ErrExist},
		"move onto itself":                 {tree.Move{From: "/c", To: "/c", Replace: true}, vfs.ErrInvalid},
		"move into itself":                 {tree.Move{From: "/a", To: "/a/x", Replace: true}, vfs.ErrInvalid},
		"move far into itself":             {tree.Move{From: "/a", To: "/a/b/x", Replace: true}, vfs.ErrInvalid},
		"move over its folder":             {tree.Move{From: "/a/b/f.txt", To: "/a", Replace: true}, vfs.ErrInvalid},
		"move the root":                    {tree.Move{From: "/", To: "/x"}, vfs.ErrInvalid},
		"move over the root":               {tree.Move{From: "/c", To: "/", Replace: true}, vfs.ErrInvalid},
		"copy nothing":                     {tree.Copy{From: "/no", To: "/x"}, vfs.ErrNotExist},
		"copy onto itself":                 {tree.Copy{From: "/a", To: "/a", Replace: true}, vfs.ErrInvalid},
		"copy over its folder":             {tree.Copy{From: "/a/b", To: "/a", Replace: true}, vfs.ErrInvalid},
		"copy over something":              {tree.Copy{From: "/c", To: "/a"}, vfs.ErrExist},
		"copy the root onto itself":        {tree.Copy{From: "/", To: "/", Replace: true}, vfs.ErrInvalid},
		"patch nothing":                    {tree.Patch{Path: "/no"}, vfs.ErrNotExist},
		"patch too much":                   {prop("p", strings.Repeat("x", object.MaxProperties)), vfs.ErrTooLarge},
		"patch without a name":             {prop("", "v"), vfs.ErrInvalid},
		"patch what is not UTF-8":          {prop("p", "\xff"), vfs.ErrInvalid},
		"unpatch what is not UTF-8": {tree.Patch{Path: "/a", Remove: []vfs.PropertyName{{Local: "\xff"}}},
			vfs.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			tr := sample(t, s)
			next, r, err := tree.Apply(t.Context(), tr, c.op)
			wantKind(t, err, c.kind)
			if next != tr || !r.Entry.IsZero() || !r.Before.IsZero() {
				t.Error("a refused operation gave another tree or a result")
			}
		})
	}
}

func TestLookUp(t *testing.T) {
	tr := sample(t, newStore())
	for path, kind := range map[string]error{
		"/no": vfs.ErrNotExist, "/a/g.txt/x": vfs.ErrNotFolder, "/no/x": vfs.ErrNotExist,
		"": vfs.ErrNotExist, "a": vfs.ErrNotExist, "/a/": vfs.ErrNotExist, "/a//b": vfs.ErrNotExist, "/\xff": vfs.ErrNotExist,
	} {
		_, err := tr.Lookup(t.Context(), path)
		wantKind(t, err, kind)
	}
	for _, err := range tr.List(t.Context(), "/a/g.txt") {
		wantKind(t, err, vfs.ErrNotFolder)
	}
	if got := names(t, tr, "/"); !cmp.Equal(got, []string{"a", "c"}) {
		t.Errorf("the root lists %q", got)
	}
	for _, err := range tr.List(t.Context(), "/") {
		if err != nil {
			t.Error(err)
		}
		break // a sound tree has no more
	}
	root := tr.Root()
	if info := root.Info(); info.Name != "" || !info.Folder || info.Size != 8 || root.Count() != 5 ||
		root.Content() != nil {
		t.Errorf("the root is %+v and counts %d", info, root.Count())
	}
}

func TestPutOver(t *testing.T) {
	s := newStore()
	first := s.file("/e\u0301.txt", "one", 10)
	first.Entry.ContentType, first.Entry.Properties = "text/x",
		[]vfs.Property{{Name: vfs.PropertyName{Local: "p"}, Value: "v"}}
	tr := must(t, empty(s, 0), first)
	second := s.file("/\u00e9.txt", "three", 11)
	second.Chosen = true
	tr, r, err := tree.Apply(t.Context(), tr, second)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Replaced() || r.Before.Info().Size != 3 {
		t.Errorf("replaced %v", r.Before)
	}
	want := vfs.Info{
		Name: "e\u0301.txt", Size: 5, Version: second.Entry.Version, ContentType: "text/x",
		Properties: first.Entry.Properties,
		Created:    object.Time(first.Entry.Created), Modified: object.Time(2e9),
	}
	got, err := tr.Lookup(t.Context(), "/e\u0301.txt")
	if d := cmp.Diff(want, got.Info()); err != nil || d != "" {
		t.Errorf("(-want +got) %v\n%s", err, d)
	}
	if n := names(t, tr, "/"); len(n) != 1 {
		t.Errorf("the two forms are two files: %q", n)
	}
}

func TestChosenTimes(t *testing.T) {
	const s = 1_000_000_000
	for _, c := range []struct{ old, now, want int64 }{
		{0, 0, s}, {0, s - 1, s}, {1, s / 2, s}, {s - 1, 5, s}, {s, 5, 2 * s}, {s + 5, 5, 2 * s}, {2*s - 1, 5, 2 * s},
		{2 * s, 5, 5}, {9 * s, 5, 5}, {0, s, s}, {0, 99*s + 5, 99*s + 5},
		{-1, -2, 0}, {-1, 0, 0}, {-s, -1, 0}, {-s - 1, -1, -1}, {-s, -s - 1, 0}, {-s, -2*s - 1, -2*s - 1},
		{math.MaxInt64, s, s}, {math.MinInt64, s, s}, {s, math.MinInt64, math.MinInt64},
	} {
		if got := tree.SavedAt(c.old, c.now); got != c.want {
			t.Errorf("after %d comes at %d %d, want %d", c.old, c.now, got, c.want)
		}
	}
	st := newStore()
	put := st.file("/f", "x", 0)
	put.Chosen = true
	tr := empty(st, 0)
	var last int64 = -1
	for range 200 { // all within one second
		tr = must(t, tr, put)
		e, _ := tr.Lookup(t.Context(), "/f")
		now := e.Info().Modified.Unix()
		if now == last || now > 2 {
			t.Errorf("at 0 Last-Modified went from %d to %d", last, now)
		}
		last = now
	}
	put.Entry.Modified = 99 * s
	e, _ := must(t, tr, put).Lookup(t.Context(), "/f")
	if got := e.Info().Modified.Unix(); got != 99 {
		t.Errorf("the clock says 99, Modified %d", got)
	}
	put.Entry.Modified, put.Chosen = 0, false
	e, _ = must(t, tr, put).Lookup(t.Context(), "/f")
	if got := e.Info().Modified.Unix(); got != 0 {
		t.Errorf("the client says 0, Modified %d", got)
	}
}

func TestMove(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	t.Run("a folder over a folder", func(t *testing.T) {
		tr, r, err := tree.Apply(t.Context(), tr, tree.Move{From: "/a/b", To: "/c", Replace: true, Modified: at(77)})
		if err != nil || !r.Replaced() || r.Before.Info().Version != (vfs.Version{5}) {
			t.Fatalf("replaced %v (%v)", r.Before, err)
		}
		e, err := tr.Lookup(t.Context(), "/c")
		if err != nil || e.Info().Version != (vfs.Version{2}) || !e.Info().Modified.Equal(at(77)) ||
			!e.Info().Created.Equal(at(2)) || e.Count() != 1 {
			t.Errorf("/c is %+v (%v)", e.Info(), err)
		}
		if got := names(t, tr, "/a"); !cmp.Equal(got, []string{"g.txt"}) {
			t.Errorf("/a lists %q", got)
		}
	})
	t.Run("to another form of the name", func(t *testing.T) {
		tr := must(t, tr, tree.Mkdir{Path: "/e\u0301"}, s.file("/e\u0301/x", "x", 9))
		tr, r, err := tree.Apply(t.Context(), tr, tree.Move{From: "/e\u0301", To: "/\u00e9"})
		if err != nil || r.Replaced() || r.Entry.Info().Name != "\u00e9" {
			t.Fatalf("renamed to %q (%v)", r.Entry.Info().Name, err)
		}
		if got := names(t, tr, "/"); !cmp.Equal(got, []string{"a", "c", "\u00e9"}) {
			t.Errorf("the root lists %q", got)
		}
		_, _, err = tree.Apply(t.Context(), tr, tree.Move{From: "/e\u0301", To: "/\u00e9"})
		wantKind(t, err, vfs.ErrInvalid) // it has that form already
		if _, err := tr.Lookup(t.Context(), "/e\u0301/x"); err != nil {
			t.Error(err)
		}
	})
	t.Run("to another case of the name", func(t *testing.T) {
		tr := must(t, tr, tree.Move{From: "/c", To: "/C"})
		if got := names(t, tr, "/"); !cmp.Equal(got, []string{"C", "a"}) {
			t.Errorf("the root lists %q", got)
		}
	})
	t.Run("the replaced keeps its form", func(t *testing.T) {
		tr := must(t, tr, s.file("/e\u0301", "old", 8), tree.Move{From: "/a/g.txt", To: "/\u00e9", Replace: true})
		e, err := tr.Lookup(t.Context(), "/\u00e9")
		if err != nil || e.Info().Name != "e\u0301" || e.Info().Size != 3 {
			t.Errorf("%+v (%v)", e.Info(), err)
		}
	})
}

func TestCopyIntoItself(t *testing.T) {
	tr := must(t, sample(t, newStore()), tree.Copy{From: "/a", To: "/a/b/again"}, tree.Copy{From: "/", To: "/all"})
	for path, count := range map[string]int64{"/a/b/again": 3, "/a/b/again/b": 1, "/all": 9, "/all/a/b/again/b/f.txt": 0,
		"/": 19} {
		if e, err := tr.Lookup(t.Context(), path); err != nil || e.Count() != count {
			t.Errorf("%s counts %v, want %d (%v)", path, e, count, err)
		}
	}
	if size := tr.Root().Info().Size; size != 4*8 {
		t.Errorf("the whole is %d bytes", size)
	}
}

// TestTooManyCopies: a few copies by reference make sums beyond 64 bits. Such sums stay at the highest number.
func TestTooManyCopies(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), tree.Mkdir{Path: "/a"}, s.file("/a/f", "xx", 1))
	for i := range 80 {
		tr = must(t, tr, tree.Copy{From: "/a", To: "/a/" + strings.Repeat("x", i+1)})
	}
	p := seal(t, s, tr)
	if len(p.Blobs) != 1 || p.Pages > 400 {
		t.Errorf("%d pages in %d blobs: what is shared was sealed many times", p.Pages, len(p.Blobs))
	}
	for _, tr := range []tree.Tree{tr, reopen(t, s, p.Commit, 0)} {
		if e := tr.Root(); e.Count() != math.MaxInt64 || e.Info().Size != math.MaxInt64 {
			t.Errorf("the whole counts %d and is %d bytes", e.Count(), e.Info().Size)
		}
		tr = must(t, tr, tree.Remove{Path: "/a/" + strings.Repeat("x", 80)},
			tree.Remove{Path: "/a/" + strings.Repeat("x", 79)})
		if e, err := tr.Lookup(t.Context(), "/a/x"); err != nil || e.Count() != 1 || e.Info().Size != 2 {
			t.Errorf("the first copy counts %d (%v)", e.Count(), err)
		}
	}
}

func TestShallowCopyOfFile(t *testing.T) {
	tr := must(t, sample(t, newStore()), tree.Copy{From: "/a/g.txt", To: "/h", Shallow: true},
		tree.Copy{From: "/a", To: "/s", Shallow: true})
	if e, err := tr.Lookup(t.Context(), "/h"); err != nil || e.Info().Size != 3 {
		t.Errorf("%v (%v)", e, err)
	}
	if e, err := tr.Lookup(t.Context(), "/s"); err != nil || e.Count() != 0 || e.Info().Size != 0 ||
		e.Info().Version != (vfs.Version{1}) {
		t.Errorf("%v (%v)", e, err)
	}
}

func TestPatchRoot(t *testing.T) {
	s := newStore()
	prop := vfs.Property{Name: vfs.PropertyName{Space: "DAV:", Local: "x"}, Lang: "de", Value: "<b/>"}
	tr := must(t, sample(t, s), tree.Patch{Path: "/", Modified: at(9), Set: []vfs.Property{prop}})
	tr = reopen(t, s, seal(t, s, tr).Commit, 0)
	if info := tr.Root().Info(); !cmp.Equal(info.Properties, []vfs.Property{prop}) || !info.Modified.Equal(at(9)) ||
		info.Name != "" {
		t.Errorf("the root is %+v", info)
	}
}
