package tree_test

import (
	"crypto/md5"
	"crypto/sha1"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// day returns noon of a day in November.
func day(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }

// written returns the Put of a file, modified on a day in November; the version follows from the body.
func (s *store) written(path, body string, on int) tree.Put {
	put := s.file(path, body, uint64(on))
	put.Entry.Version = vfs.Version(md5.Sum([]byte(body)))
	put.Entry.Modified = day(on).UnixNano()
	return put
}

func mkdir(path string, v byte) tree.Mkdir {
	return tree.Mkdir{Path: path, Version: vfs.Version{v}, Time: day(1)}
}

func prop(name, value string) vfs.Property {
	return vfs.Property{Name: vfs.PropertyName{Local: name}, Value: value}
}

func set(path, name, value string) tree.Patch {
	return tree.Patch{Path: path, Set: []vfs.Property{prop(name, value)}}
}

// shape returns a readable form of a tree: folders end in a slash, files are followed by their body.
func shape(t *testing.T, s *store, tr tree.Tree) []string {
	var all []string
	for p, x := range dump(t, s, tr) {
		switch {
		case p == "/":
		case x.Info.Folder:
			all = append(all, p+"/")
		default:
			all = append(all, p+" "+x.Body)
		}
	}
	slices.Sort(all)
	return all
}

func TestMerge(t *testing.T) {
	s := newStore()
	put, rm := s.written, func(path string) tree.Op { return tree.Remove{Path: path} }
	mv := func(from, to string) tree.Op { return tree.Move{From: from, To: to} }
	type ops = []tree.Op
	for name, c := range map[string]struct {
		base, ours, theirs ops
		want               []string
	}{
		"different files": {
			ops{put("/a", "1", 1)}, ops{put("/b", "2", 2)}, ops{put("/c", "3", 3)},
			[]string{"/a 1", "/b 2", "/c 3"},
		},
		"the same file": {
			ops{put("/r.odt", "1", 1)}, ops{put("/r.odt", "2", 20)}, ops{put("/r.odt", "3", 21)},
			[]string{"/r (conflict, laptop, 2026-11-20).odt 2", "/r.odt 3"},
		},
		"the same new file": {
			nil, ops{put("/r.tar.gz", "2", 20)}, ops{put("/r.tar.gz", "3", 19)},
			[]string{"/r.tar (conflict, desk-top, 2026-11-19).gz 3", "/r.tar.gz 2"},
		},
		"without an extension, at the same time: the greater version stays": {
			nil, ops{put("/.rc", "2", 20)}, ops{put("/.rc", "3", 20)},
			[]string{"/.rc (conflict, laptop, 2026-11-20) 2", "/.rc 3"},
		},
		"the name is taken": {
			ops{put("/r (conflict, laptop, 2026-11-20).md", "x", 1)}, ops{put("/r.md", "2", 20)}, ops{put("/r.md", "3", 21)},
			[]string{"/r (conflict, laptop, 2026-11-20).md x", "/r (conflict, laptop, 2026-11-20, 2).md 2", "/r.md 3"},
		},
		"the name is taken by the very same": {
			nil, ops{put("/r.md", "2", 20), put("/r (conflict, laptop, 2026-11-20).md", "2", 20)}, ops{put("/r.md", "3", 21)},
			[]string{"/r (conflict, laptop, 2026-11-20).md 2", "/r.md 3"},
		},
		"the name is taken by the same with another property": {
			nil,
			ops{put("/r.md", "2", 20), put("/r (conflict, laptop, 2026-11-20).md", "2", 20),
				set("/r (conflict, laptop, 2026-11-20).md", "p", "v")},
			ops{put("/r.md", "3", 21)},
			[]string{"/r (conflict, laptop, 2026-11-20).md 2", "/r (conflict, laptop, 2026-11-20, 2).md 2", "/r.md 3"},
		},
		"a time that is none": {
			nil, ops{put("/r", "2", 20), tree.Patch{Path: "/r", Modified: time.Unix(0, 0)}}, ops{put("/r", "3", 21)},
			[]string{"/r (conflict, laptop, 2026-11-30) 2", "/r 3"},
		},
		"both forms of a name": {
			nil, ops{put("/e\u0301", "2", 20)}, ops{put("/\u00e9", "3", 21)},
			[]string{"/\u00e9 (conflict, laptop, 2026-11-20) 2", "/\u00e9 3"},
		},
		"both made a folder": {
			nil, ops{mkdir("/d", 1), put("/d/a", "1", 1)}, ops{mkdir("/d", 2), put("/d/b", "2", 1)},
			[]string{"/d/", "/d/a 1", "/d/b 2"},
		},
		"removed here, changed there": {
			ops{put("/a", "1", 1)}, ops{rm("/a")}, ops{put("/a", "2", 2)},
			[]string{"/a 2"},
		},
		"removed here, patched there": {
			ops{put("/a", "1", 1)}, ops{rm("/a")}, ops{set("/a", "p", "v")},
			[]string{"/a 1"},
		},
		"removed on both": {
			ops{put("/a", "1", 1), put("/b", "1", 1)}, ops{rm("/a")}, ops{rm("/a"), rm("/b")},
			nil,
		},
		"a folder removed, something changed below": {
			ops{mkdir("/d", 1), mkdir("/d/e", 2), put("/d/e/a", "1", 1), put("/d/b", "1", 1), mkdir("/d/f", 3),
				put("/d/f/c", "1", 1)},
			ops{rm("/d")}, ops{put("/d/e/a", "2", 2), rm("/d/f/c")},
			[]string{"/d/", "/d/e/", "/d/e/a 2"},
		},
		"a folder removed, nothing but removals below": {
			ops{mkdir("/d", 1), put("/d/a", "1", 1), put("/d/b", "1", 1)}, ops{rm("/d/a")}, ops{rm("/d")},
			nil,
		},
		"a folder removed that was patched": {
			ops{mkdir("/d", 1), put("/d/a", "1", 1)}, ops{set("/d", "p", "v")}, ops{rm("/d")},
			[]string{"/d/"},
		},
		"something moved into a folder that was removed": {
			ops{mkdir("/d", 1), put("/a", "1", 1)}, ops{rm("/d")}, ops{mv("/a", "/d/a")},
			[]string{"/d/", "/d/a 1"},
		},
		"a file against a folder": {
			nil, ops{put("/x.d", "1", 3)}, ops{mkdir("/x.d", 1), put("/x.d/a", "2", 1)},
			[]string{"/x (conflict, laptop, 2026-11-03).d 1", "/x.d/", "/x.d/a 2"},
		},
		"a folder became a file, something changed below": {
			ops{mkdir("/x", 1), put("/x/a", "1", 1), put("/x/b", "1", 1)}, ops{put("/x/a", "2", 2)},
			ops{rm("/x"), put("/x", "f", 3)},
			[]string{"/x (conflict, desk-top, 2026-11-03) f", "/x/", "/x/a 2"},
		},
		"a folder became a file, something removed below": {
			ops{mkdir("/x", 1), put("/x/a", "1", 1)}, ops{rm("/x/a")}, ops{rm("/x"), put("/x", "f", 3)},
			[]string{"/x f"},
		},
		"a file became a folder, and was changed": {
			ops{put("/x", "1", 1)}, ops{rm("/x"), mkdir("/x", 1)}, ops{put("/x", "2", 2)},
			[]string{"/x (conflict, desk-top, 2026-11-02) 2", "/x/"},
		},
		"moved here, changed there": {
			ops{put("/a", "1", 1)}, ops{mv("/a", "/b")}, ops{put("/a", "2", 2)},
			[]string{"/a 2", "/b 1"},
		},
		"moved here, removed there": {
			ops{put("/a", "1", 1)}, ops{mv("/a", "/b")}, ops{rm("/a")},
			[]string{"/b 1"},
		},
		"moved to two places": {
			ops{put("/a", "1", 1)}, ops{mv("/a", "/b")}, ops{mv("/a", "/c")},
			[]string{"/b 1", "/c 1"},
		},
		"a folder moved here, changed below there": {
			ops{mkdir("/d", 1), put("/d/a", "1", 1), put("/d/b", "1", 1)}, ops{mv("/d", "/e")}, ops{put("/d/a", "2", 2)},
			[]string{"/d/", "/d/a 2", "/e/", "/e/a 1", "/e/b 1"},
		},
		"another folder in the place of one": {
			ops{mkdir("/d", 1), put("/d/a", "1", 1), put("/d/b", "1", 1), mkdir("/e", 2), put("/e/c", "1", 1),
				put("/e/b", "1", 1)},
			ops{tree.Move{From: "/e", To: "/d", Replace: true}}, ops{put("/d/a", "2", 2), rm("/d/b")},
			[]string{"/d/", "/d/a 2", "/d/b 1", "/d/c 1"},
		},
		"a copy whose source is removed": {
			ops{put("/a", "1", 1)}, ops{tree.Copy{From: "/a", To: "/b"}}, ops{rm("/a")},
			[]string{"/b 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := must(t, empty(s, 0), c.base...)
			ours, theirs := must(t, base, c.ours...), must(t, base, c.theirs...)
			o := tree.MergeOptions{Ours: "laptop", Theirs: "desk/top", Time: day(30)}
			merged, conflicts, err := tree.Merge(t.Context(), base, ours, theirs, o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, shape(t, s, merged)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			o.Ours, o.Theirs = o.Theirs, o.Ours
			other, otherConflicts, err := tree.Merge(t.Context(), base, theirs, ours, o)
			if err != nil {
				t.Fatal(err)
			}
			equalDumps(t, "the other way round", dump(t, s, merged), dump(t, s, other))
			if d := cmp.Diff(conflicts, otherConflicts); d != "" {
				t.Errorf("conflicts the other way round: %s", d)
			}
			copies := 0
			for _, line := range c.want {
				if strings.Contains(line, "(conflict") {
					copies++
				}
			}
			if !strings.Contains(name, "taken") && len(conflicts) != copies {
				t.Errorf("told of %d conflicts: %+v", len(conflicts), conflicts)
			}
		})
	}
}

func TestMergeTellsOfConflicts(t *testing.T) {
	s := newStore()
	base := must(t, empty(s, 0), mkdir("/d", 1))
	ours, theirs := must(t, base, s.written("/d/r.odt", "1", 3)), must(t, base, s.written("/d/r.odt", "2", 2))
	_, got, err := tree.Merge(t.Context(), base, ours, theirs, tree.MergeOptions{Ours: "laptop", Theirs: "tower"})
	want := []tree.Conflict{{Path: "/d/r.odt", Copy: "/d/r (conflict, tower, 2026-11-02).odt", Device: "tower"}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// TestMergeOfWhatGoesWithAFile: the same bytes written on two devices are one file; times, type and properties merge
// separately.
func TestMergeOfWhatGoesWithAFile(t *testing.T) {
	s := newStore()
	hashed := func(body string, version byte, on int) tree.Put {
		put := s.written("/f", body, on)
		put.Entry.Version = vfs.Version{version}
		put.Entry.MD5, put.Entry.SHA1 = md5.Sum([]byte(body)), sha1.Sum([]byte(body))
		return put
	}
	base := must(t, empty(s, 0), hashed("1", 1, 1), set("/f", "p", "1"), set("/f", "q", "1"), set("/f", "r", "1"),
		set("/f", "s", "1"))
	ours := must(t, base, hashed("2", 3, 5), set("/f", "p", "0"), set("/f", "q", "2"), set("/f", "n", "1"),
		tree.Patch{Path: "/f", Remove: []vfs.PropertyName{{Local: "r"}, {Local: "s"}}})
	theirs := must(t, base, hashed("2", 2, 6), set("/f", "q", "3"), set("/f", "s", "2"),
		tree.Patch{Path: "/f", Created: at(1)})
	want := dump(t, s, base)["/f"].Info
	want.Version, want.Modified, want.Created = vfs.Version{3}, day(6), at(1).UTC()
	want.MD5, want.SHA1 = md5.Sum([]byte("2")), sha1.Sum([]byte("2"))
	want.Properties = []vfs.Property{prop("n", "1"), prop("p", "0"), prop("q", "3"), prop("s", "2")}
	for _, sides := range [][2]tree.Tree{{ours, theirs}, {theirs, ours}} {
		merged, conflicts := merge(t, base, sides[0], sides[1], "A", "B")
		if d := cmp.Diff(want, dump(t, s, merged)["/f"].Info); d != "" || len(conflicts) > 0 {
			t.Errorf("%v (-want +got):\n%s", conflicts, d)
		}
	}
	// One side wrote, the other only touched: no conflict either.
	merged,
		conflicts := merge(t, base, must(t, base, hashed("9", 9, 2)),
		must(t, base, set("/f", "n", "1"), tree.Patch{Path: "/f", Modified: day(9)}), "A", "B")
	e, err := merged.Lookup(t.Context(), "/f")
	if err != nil || len(conflicts) > 0 || e.Info().Version != (vfs.Version{9}) || !e.Info().Modified.Equal(day(9)) ||
		len(e.Info().Properties) != 5 {
		t.Errorf("%+v, %v, %v", e.Info(), conflicts, err)
	}
}

// TestMergeOfTooManyProperties: the properties of a file are bounded, so those of two sides may be too many for one.
func TestMergeOfTooManyProperties(t *testing.T) {
	s := newStore()
	big := strings.Repeat("x", object.MaxProperties*2/3)
	base := must(t, empty(s, 0), s.written("/f", "1", 1), mkdir("/d", 1), s.written("/d/a", "2", 1))
	ours := must(t, base, set("/f", "p", big), set("/d", "p", big), set("/", "p", big), s.written("/d/b", "3", 1))
	theirs := must(t, base, set("/f", "q", big), set("/d", "q", big), set("/", "q", big))
	merged, conflicts := merge(t, base, ours, theirs, "A", "B")
	other, _ := merge(t, base, theirs, ours, "B", "A")
	got := dump(t, s, merged)
	equalDumps(t, "the other way round", got, dump(t, s, other))
	if len(conflicts) != 3 || len(got) != 8 {
		t.Errorf("%+v: %q", conflicts, slices.Sorted(maps.Keys(got)))
	}
	for _, c := range append(conflicts, tree.Conflict{Path: "/d/a", Copy: "/d/b"}) {
		if x, y := got[c.Path].Info, got[c.Copy].Info; x.Name == y.Name ||
			cmp.Equal(x.Properties, y.Properties) && len(x.Properties) > 0 {
			t.Errorf("%+v: %v %v", c, x.Name, y.Name)
		}
	}
	again, more := merge(t, base, merged, ours, "C", "A")
	equalDumps(t, "again", got, dump(t, s, again))
	if len(more) > 0 {
		t.Errorf("again: %+v", more)
	}
}

// TestMergeOfLongNames: names have a maximum length, and conflict copies keep it.
func TestMergeOfLongNames(t *testing.T) {
	s := newStore()
	base := empty(s, 0)
	name := "/" + strings.Repeat("\u00e9", vfs.MaxName/2-2) + ".txt"
	var sides []tree.Tree
	for i := range 2 {
		sides = append(sides, must(t, base, s.written(name, fmt.Sprint(i), 2+i)))
	}
	_, conflicts := merge(t, base, sides[0], sides[1], strings.Repeat("L\u00e4ptop", 100), "")
	if len(conflicts) != 1 || len(conflicts[0].Copy) > 1+vfs.MaxName ||
		!strings.HasSuffix(conflicts[0].Copy, ", 2026-11-02).txt") {
		t.Errorf("%+v", conflicts)
	}
	_, conflicts = merge(t, base, sides[1], sides[0], "x", " ")
	if len(conflicts) != 1 || !strings.Contains(conflicts[0].Copy, "(conflict, another device, ") {
		t.Errorf("%+v", conflicts)
	}
}

// TestMergeKeepsWhereTheirsLie: the newer commit may have moved contents out of blobs that will be deleted, so a merge
// refers to the places of the newer commit.
func TestMergeKeepsWhereTheirsLie(t *testing.T) {
	at := func(name string, version byte, blob int) tree.Graft {
		put := photo("/"+name, blob)
		put.Entry.Version = vfs.Version{version}
		return tree.Graft{Path: put.Path, Entry: put.Entry, Replace: true}
	}
	base := must(t, empty(newStore(), 0), at("f", 1, 1), at("g", 2, 1), at("h", 3, 1))
	ours := must(t, base, set("/f", "p", "v"), set("/h", "p", "v"))
	theirs := must(t, base, at("f", 1, 2), at("g", 2, 2), at("h", 3, 2), set("/h", "q", "v"))
	merged, conflicts := merge(t, base, ours, theirs, "A", "B")
	for name, props := range map[string]int{"/f": 1, "/g": 0, "/h": 2} {
		e, err := merged.Lookup(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		want := photo(name, 2).Entry.Content
		if got, _ := e.Content().Load(); !cmp.Equal(got, want) || len(e.Info().Properties) != props || len(conflicts) > 0 {
			t.Errorf("%s: %+v %+v %+v", name, got, e.Info(), conflicts)
		}
	}
}

func TestMergeFails(t *testing.T) {
	s := newStore()
	base := must(t, empty(s, 0), s.file("/a", "1", 1))
	_, _, err := tree.Merge(t.Context(), base, base, empty(s, 0), tree.MergeOptions{})
	wantKind(t, err, vfs.ErrInvalid)

	base = must(t, base, mkdir("/d", 1), s.file("/d/a", "1", 2))
	base = reopen(t, s, seal(t, s, base).Commit, memoryOfOnePage)
	ours, theirs := must(t, base, s.file("/d/b", "2", 3)), must(t, base, s.file("/d/c", "3", 4))
	s.down = true
	_, _, err = tree.Merge(t.Context(), base, ours, theirs, tree.MergeOptions{})
	wantKind(t, err, vfs.ErrUnavailable)
}
