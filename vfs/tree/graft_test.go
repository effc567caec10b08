package tree_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// TestGraft: a grafted folder shares its pages with the folder it was cut from, so sealing one seals the other.
func TestGraft(t *testing.T) {
	s := newStore()
	nodes := tree.NewNodes(s, tree.Options{})
	files := must(t, tree.New(nodes, object.Entry{Version: vfs.Version{1}}), s.file("/f", "hello", 1),
		tree.Mkdir{Path: "/d"})
	whole, err := tree.New(nodes, object.Entry{}).Graft(t.Context(), "/files", files)
	if err != nil {
		t.Fatal(err)
	}
	if whole, err = whole.Graft(t.Context(), "/before", files); err != nil {
		t.Fatal(err)
	}
	if root := whole.Root(); root.Count() != 6 || root.Info().Size != 10 {
		t.Errorf("the whole counts %d and is %d bytes", root.Count(), root.Info().Size)
	}
	p := seal(t, s, whole)
	if p.Pieces != 1 || p.Pages != 2 {
		t.Errorf("%d pieces and %d pages: what is shared was sealed twice", p.Pieces, p.Pages)
	}
	p.Settle()
	if files.Dirty() || whole.Dirty() {
		t.Error("sealed, but dirty")
	}
	back, err := reopen(t, s, p.Commit, 0).Sub(t.Context(), "/files")
	if err != nil {
		t.Fatal(err)
	}
	if info := back.Root().Info(); info.Name != "" || info.Version != (vfs.Version{1}) ||
		!cmp.Equal(names(t, back, "/"), []string{"d", "f"}) {
		t.Errorf("the folder came back as %+v", info)
	}
	_, err = back.Sub(t.Context(), "/f")
	wantKind(t, err, vfs.ErrNotFolder)
	_, err = back.Sub(t.Context(), "/no")
	wantKind(t, err, vfs.ErrNotExist)
	for path, kind := range map[string]error{"/": vfs.ErrInvalid, "/no/x": vfs.ErrNotExist, "/f/x": vfs.ErrNotFolder,
		"/..": vfs.ErrName} {
		_, err = back.Graft(t.Context(), path, files)
		wantKind(t, err, kind)
	}
}
