package tree_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// mountShape is shape with the numbers of the mounted spaces: "/m = 1".
func mountShape(t *testing.T, s *store, tr tree.Tree) []string {
	var all []string
	for p, x := range dump(t, s, tr) {
		switch {
		case p == "/":
		case x.Info.Mounted:
			for n := range byte(20) {
				if x.Body == fmt.Sprintf("space %x", targetOf(n).Capability.ID) {
					all = append(all, fmt.Sprintf("%s = %d", p, n))
				}
			}
		case x.Info.Folder:
			all = append(all, p+"/")
		default:
			all = append(all, p+" "+x.Body)
		}
	}
	slices.Sort(all)
	return all
}

// smaller returns the numbers of two spaces, that with the smaller id first.
func smaller(a, b byte) (byte, byte) {
	x, y := targetOf(a).Capability.ID, targetOf(b).Capability.ID
	if bytes.Compare(x[:], y[:]) > 0 {
		return b, a
	}
	return a, b
}

// TestMergeMounts: see the rules at Merge.
func TestMergeMounts(t *testing.T) {
	s := newStore()
	low, high := smaller(1, 2)
	over := func(kind object.Kind, path string, n byte) tree.Op {
		target := targetOf(n)
		target.File = kind == object.File
		return tree.Mount{Path: path, Target: target, Over: kind, Time: day(1)}
	}
	rotated := func(n byte) tree.Op { return over(object.Mount, "/m", n) }
	put, rm := s.written, func(path string) tree.Op { return tree.Remove{Path: path} }
	mv := func(from, to string) tree.Op { return tree.Move{From: from, To: to} }
	type ops = []tree.Op
	folder := ops{mkdir("/d", 1), put("/d/a", "1", 1), put("/d/b", "2", 1)}
	mount := ops{mountOf("/m", 3)}
	for name, c := range map[string]struct {
		base, ours, theirs ops
		want               []string
		carry              string // path of the copy
	}{
		"shared here, edited there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{put("/d/a", "3", 2), rm("/d/b")},
			[]string{"/d (conflict, desktop, 2026-11-01)/", "/d (conflict, desktop, 2026-11-01)/a 3", "/d = 1"},
			"/d (conflict, desktop, 2026-11-01)",
		},
		"shared here, not touched there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{put("/x", "3", 2)},
			[]string{"/d = 1", "/x 3"}, "",
		},
		"shared here, patched there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{set("/d", "p", "v")},
			[]string{"/d = 1"}, "",
		},
		"shared here, deleted there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{rm("/d")},
			[]string{"/d = 1"}, "",
		},
		"shared here, moved there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{mv("/d", "/e")},
			[]string{"/d = 1", "/e/", "/e/a 1", "/e/b 2"}, "",
		},
		"shared here, another folder there": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{rm("/d"), mkdir("/d", 9)},
			[]string{"/d (conflict, desktop, 2026-11-01)/", "/d = 1"}, "/d (conflict, desktop, 2026-11-01)",
		},
		"a file shared here, edited there": {
			ops{put("/f.txt", "1", 1)}, ops{over(object.File, "/f.txt", 1)}, ops{put("/f.txt", "2", 2)},
			[]string{"/f (conflict, desktop, 2026-11-02).txt 2", "/f.txt = 1"}, "/f (conflict, desktop, 2026-11-02).txt",
		},
		"shared in a folder that was deleted": {
			ops{mkdir("/e", 2), mkdir("/e/d", 1), put("/e/d/a", "1", 1), put("/e/b", "2", 1)},
			ops{over(object.Folder, "/e/d", 1)}, ops{rm("/e")},
			[]string{"/e/", "/e/d = 1"}, "",
		},
		"shared on both": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{over(object.Folder, "/d", 2)},
			[]string{fmt.Sprintf("/d (conflict, %s, 2026-11-01) = %d", map[byte]string{1: "laptop", 2: "desktop"}[high], high),
				fmt.Sprintf("/d = %d", low)}, "",
		},
		"shared on both, as one space": {
			folder, ops{over(object.Folder, "/d", 1)}, ops{over(object.Folder, "/d", 1), set("/d", "p", "v")},
			[]string{"/d = 1"}, "",
		},
		"a new mount against a new folder": {
			nil, ops{mountOf("/m", 3)}, ops{mkdir("/m", 1), put("/m/a", "1", 1)},
			[]string{"/m (conflict, desktop, 2026-11-01)/", "/m (conflict, desktop, 2026-11-01)/a 1", "/m = 3"},
			"/m (conflict, desktop, 2026-11-01)",
		},
		"a mount deleted here, patched there": {mount, ops{rm("/m")}, ops{set("/m", "p", "v")}, nil, ""},
		"a mount deleted here, rotated there": {mount, ops{rm("/m")}, ops{rotated(1)}, []string{"/m = 1"}, ""},
		"a mount replaced here, patched there": {
			mount, ops{rm("/m"), mkdir("/m", 1)}, ops{set("/m", "p", "v")}, []string{"/m/"}, "",
		},
		"a mount replaced here, rotated there": {
			mount, ops{rm("/m"), put("/m", "1", 4)}, ops{rotated(1)},
			[]string{"/m (conflict, laptop, 2026-11-04) 1", "/m = 1"}, "/m (conflict, laptop, 2026-11-04)",
		},
		"rotated here, patched there": {mount, ops{rotated(1)}, ops{set("/m", "p", "v")}, []string{"/m = 1"}, ""},
		"rotated on both": {
			ops{over(0, "/m", 3)}, ops{rotated(1)}, ops{rotated(2)},
			[]string{fmt.Sprintf("/m (conflict, %s, 2026-11-01) = %d", map[byte]string{1: "laptop", 2: "desktop"}[high], high),
				fmt.Sprintf("/m = %d", low)}, "",
		},
		"moved here and there": {mount, ops{mv("/m", "/x")}, ops{mv("/m", "/y")}, []string{"/x = 3", "/y = 3"}, ""},
		"the folder of a mount deleted here, the mount patched there": {
			ops{mkdir("/d", 1), mountOf("/d/m", 3)}, ops{rm("/d")}, ops{set("/d/m", "p", "v")}, nil, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := must(t, empty(s, 0), c.base...)
			seal(t, s, base).Settle()
			ours, theirs := must(t, base, c.ours...), must(t, base, c.theirs...)
			for _, sides := range [][2]tree.Tree{{ours, theirs}, {theirs, ours}} {
				names := [2]string{"laptop", "desktop"}
				if sides[0] == theirs {
					names[0], names[1] = names[1], names[0]
				}
				merged, conflicts := merge(t, base, sides[0], sides[1], names[0], names[1])
				if d := cmp.Diff(c.want, mountShape(t, s, merged)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				carry := ""
				for _, conflict := range conflicts {
					if conflict.Carry != nil {
						carry = conflict.Copy
						wantCarry(t, base, merged, conflict)
					}
				}
				if carry != c.carry {
					t.Errorf("%q is to be carried over, want %q", carry, c.carry)
				}
				if !merged.MayHoldMounts() {
					t.Error("it is not noted that the merge may hold mounts")
				}
			}
		})
	}
}

// wantCarry checks that a conflict names the space in its place, and what was there before.
func wantCarry(t *testing.T, base, merged tree.Tree, c tree.Conflict) {
	t.Helper()
	m, ok, err := merged.Crossing(t.Context(), c.Path)
	if err != nil || !ok || m.Target.Capability.ID != c.Carry.Space || c.Carry.Space == (crypto.PointerID{}) {
		t.Errorf("%+v, %v: not the space in its place", c, err)
	}
	was, err := base.Lookup(t.Context(), c.Path)
	there := err == nil && was.Mount() == nil
	if there != (c.Carry.Base.Kind != 0) {
		t.Errorf("%+v: not what was there before", c)
	}
	if o := c.Carry.Base; there && o.Kind == object.Folder && o.Count > 0 && o.Root.Blob.IsZero() {
		t.Error("what was there before has no place")
	}
	if there && c.Carry.Base.Version == (vfs.Version{}) {
		t.Error("what was there before has no version")
	}
}
