package tree_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"fmt"
	"maps"
	slash "path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/tree"
)

// seen is everything that a reader can see of one file or folder.
type seen struct {
	Info vfs.Info
	Body string
}

// dump is a whole tree in the plainest form: by normalised path.
func dump(t rapid.TB, s *store, tr tree.Tree) map[string]seen {
	all := map[string]seen{}
	var walk func(at string)
	walk = func(at string) {
		for e, err := range tr.List(context.Background(), at) {
			if err != nil {
				t.Fatal(err)
			}
			x := seen{Info: e.Info()}
			p := slash.Join(at, norm.NFC.String(x.Info.Name))
			if target := e.Mount(); target != nil {
				x.Body = fmt.Sprintf("space %x", target.Capability.ID)
			} else if e.IsFolder() {
				walk(p)
			} else if x.Body, err = s.read(context.Background(), e); err != nil {
				t.Fatal(err)
			}
			all[p] = x
		}
	}
	walk("/")
	all["/"] = seen{Info: tr.Root().Info()}
	return all
}

// brancher writes on one side of a merge.
type brancher struct {
	store *store
	id    byte
	n     uint64
}

func (w *brancher) version() vfs.Version { return vfs.Version{w.id, byte(w.n >> 8), byte(w.n)} }

// change tries one random operation, which may fail.
func (w *brancher) change(t *rapid.T, tr tree.Tree) tree.Tree {
	next, _ := w.changed(t, tr)
	return next
}

// changed makes a random change, and returns the new tree and the operation, nil when it failed.
func (w *brancher) changed(t *rapid.T, tr tree.Tree) (tree.Tree, tree.Op) {
	w.n++
	when := func() time.Time { return time.Unix(rapid.Int64Range(1, 3).Draw(t, "time")*86400, 0) }
	place := func(label string) string {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "e\u0301", "\u00e9", "f.txt"}), 1, 3).Draw(t, label)
		return "/" + strings.Join(names, "/")
	}
	prop := func() vfs.Property {
		return vfs.Property{Name: vfs.PropertyName{Local: rapid.SampledFrom([]string{"p", "q"}).Draw(t, "prop")},
			Value: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "value")}
	}
	var op tree.Op
	switch rapid.SampledFrom([]string{"put", "put", "put", "mkdir", "mkdir", "remove", "move", "copy", "patch", "mount"}).Draw(t,
		"op") {
	case "put":
		body := rapid.SampledFrom([]string{"", "x", "yy", "zz"}).Draw(t, "body")
		put := w.store.file(place("path"), body, uint64(w.id)<<12|w.n)
		put.Entry.Version, put.Entry.Modified = w.version(), when().UnixNano()
		if rapid.Bool().Draw(t, "hashed") {
			put.Entry.MD5, put.Entry.SHA1 = md5.Sum([]byte(body)), sha1.Sum([]byte(body))
		}
		put.Entry.ContentType = rapid.SampledFrom([]string{"", "text/plain", "image/png"}).Draw(t, "type")
		op = put
	case "mkdir":
		op = tree.Mkdir{Path: place("path"), Version: w.version(), Time: when()}
	case "remove":
		op = tree.Remove{Path: place("path")}
	case "move":
		op = tree.Move{From: place("from"), To: place("to"), Replace: rapid.Bool().Draw(t, "replace")}
	case "copy":
		op = tree.Copy{From: place("from"), To: place("to"), Replace: rapid.Bool().Draw(t, "replace"),
			Shallow: rapid.Bool().Draw(t, "shallow")}
	case "mount":
		op = w.mount(t, tr, place("path"), when())
	case "patch":
		patch := tree.Patch{Path: place("path"), Set: []vfs.Property{prop()}, Remove: []vfs.PropertyName{prop().Name}}
		if rapid.Bool().Draw(t, "touch") {
			patch.Modified = when()
		}
		op = patch
	}
	if tr.Root().Count() > 500 {
		return tr, nil
	}
	next, _, err := tree.Apply(context.Background(), tr, op)
	if err != nil {
		return tr, nil
	}
	return next, op
}

// mount returns a mount in place of what is at a path: one of three spaces for folders, or one of three for files.
func (w *brancher) mount(t *rapid.T, tr tree.Tree, path string, now time.Time) tree.Mount {
	n := rapid.Uint8Range(1, 3).Draw(t, "space")
	op := tree.Mount{Path: path, Version: w.version(), Time: now}
	if e, err := tr.Lookup(context.Background(), path); err == nil {
		o, _ := e.Object()
		op.Over, op.Target.File = o.Kind, !e.Info().Folder
	}
	file := op.Target.File
	if file {
		n += 10
	}
	op.Target = targetOf(n)
	op.Target.File = file
	return op
}

func (w *brancher) branch(t *rapid.T, tr tree.Tree) tree.Tree {
	for range rapid.IntRange(0, 12).Draw(t, "changes") {
		tr = w.change(t, tr)
	}
	if rapid.Bool().Draw(t, "sealed") {
		w.seal(t, tr)
	}
	return tr
}

func (w *brancher) seal(t *rapid.T, tr tree.Tree) {
	p, err := tree.Pack(context.Background(), tr, w.store.packing())
	if err != nil {
		t.Fatal(err)
	}
	p.Settle()
}

// grown is a random tree, now and then with folders of several pages.
func grown(t *rapid.T, s *store) tree.Tree {
	w := &brancher{store: s, id: 1}
	tr := empty(s, memoryOfOnePage)
	if rapid.IntRange(0, 4).Draw(t, "large") == 0 {
		tr = w.change(t, tr)
		for i := range 150 {
			put := s.file(fmt.Sprintf("/%03d", i), "", 9)
			put.Entry.Version = vfs.Version{9, byte(i)}
			next, _, err := tree.Apply(context.Background(), tr, put)
			if err != nil {
				t.Fatal(err)
			}
			tr = next
		}
	}
	return w.branch(t, tr)
}

func merge(t rapid.TB, base, ours, theirs tree.Tree, ourName, theirName string) (tree.Tree, []tree.Conflict) {
	t.Helper()
	merged, conflicts,
		err := tree.Merge(context.Background(), base, ours, theirs,
		tree.MergeOptions{Ours: ourName, Theirs: theirName, Time: at(86400)})
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Inspect(context.Background(), merged); err != nil {
		t.Fatal(err)
	}
	return merged, conflicts
}

func equalDumps(t rapid.TB, what string, want, got map[string]seen) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

func TestMergeRandomly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		base := grown(t, s)
		a := (&brancher{store: s, id: 2}).branch(t, base)
		b := (&brancher{store: s, id: 3}).branch(t, base)
		merged, conflicts := merge(t, base, a, b, "A", "B")
		before, dumpA, dumpB, got := dump(t, s, base), dump(t, s, a), dump(t, s, b), dump(t, s, merged)

		nothingLost(t, before, dumpA, got, dumpB)
		nothingLost(t, before, dumpB, got, dumpA)
		nothingUndone(t, before, dumpA, dumpB, got)
		nothingInvented(t, got, before, dumpA, dumpB)
		for _, c := range conflicts {
			if _, ok := got[c.Copy]; !ok {
				t.Fatalf("%+v: no such copy", c)
			}
		}

		other, otherConflicts := merge(t, base, b, a, "B", "A")
		equalDumps(t, "with the sides changed", got, dump(t, s, other))
		if d := cmp.Diff(conflicts, otherConflicts); d != "" {
			t.Fatalf("conflicts with the sides changed: %s", d)
		}
		for _, again := range []struct {
			what       string
			base, o, t tree.Tree
		}{
			{"ours again", base, merged, a}, {"theirs again", base, merged, b}, {"into ours", base, a, merged},
			{"into theirs", base, b, merged}, {"with itself", base, merged, other}, {"from ours", a, a, merged},
			{"from theirs", b, merged, b},
		} {
			m, more := merge(t, again.base, again.o, again.t, nameIn(again.o, a, "A", b), nameIn(again.t, a, "A", b))
			equalDumps(t, again.what, got, dump(t, s, m))
			if len(more) > 0 {
				t.Fatalf("%s: new conflicts %+v", again.what, more)
			}
		}
	})
}

// nameIn returns the device that made a side: A or B, and for a merge a third.
func nameIn(side, a tree.Tree, name string, b tree.Tree) string {
	switch side {
	case a:
		return name
	case b:
		return "B"
	}
	return "C"
}

func TestMergeOfThree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		base := grown(t, s)
		before := dump(t, s, base)
		var sides []tree.Tree
		var dumps []map[string]seen
		for i := range 3 {
			side := (&brancher{store: s, id: byte(2 + i)}).branch(t, base)
			sides, dumps = append(sides, side), append(dumps, dump(t, s, side))
		}
		names := []string{"A", "B", "C"}
		for first := range 3 {
			i, j := (first+1)%3, (first+2)%3
			two, _ := merge(t, base, sides[i], sides[j], names[i], names[j])
			all, _ := merge(t, base, sides[first], two, names[first], names[j])
			got := dump(t, s, all)
			for x := range 3 {
				nothingLost(t, before, dumps[x], got, dumps[(x+1)%3], dumps[(x+2)%3])
			}
			nothingInvented(t, got, append(dumps, before)...)
		}
	})
}

// nothingLost checks that a merge keeps everything that one side wrote. others are further trees that may hold the same
// writes.
func nothingLost(t rapid.TB, before, side, got map[string]seen, others ...map[string]seen) {
	t.Helper()
	for p, x := range side {
		b, had := before[p]
		if had && b.Info.Mounted && x.Info.Mounted && b.Body == x.Body && removed(p, b, others) {
			continue // of what was removed, nothing but a new target counts
		}
		had = had && b.Info.Folder == x.Info.Folder && b.Info.Mounted == x.Info.Mounted
		if aside(p, before, got, others) && elsewhere(p, x, got) {
			continue
		}
		if x.Info.Mounted && (!had || b.Body != x.Body) && !slices.ContainsFunc(copies(got, p), func(g seen) bool {
			return g.Body == x.Body
		}) {
			t.Fatalf("the mount %s of %s is lost", p, x.Body)
		}
		if x.Info.Folder {
			if touched := !had || b.Info.Version != x.Info.Version || !sameProps(b, x); touched && !got[p].Info.Folder {
				t.Fatalf("the folder %s is lost", p)
			}
		} else if written := !had ||
			b.Info.Version != x.Info.Version; written && !slices.ContainsFunc(copies(got, p), func(g seen) bool {
			return g.Info.Version == x.Info.Version && g.Body == x.Body || g.Body == x.Body && g.Info.SHA1 == x.Info.SHA1
		}) {
			t.Fatalf("%s of version %x is lost", p, x.Info.Version)
		}
		if had && sameProps(b, x) && b.Info.Modified.Equal(x.Info.Modified) {
			continue
		}
		if len(copies(got, p)) == 0 {
			t.Fatalf("%s was changed and is lost", p)
		}
		for _, prop := range x.Info.Properties {
			both := slices.ContainsFunc(others, func(o map[string]seen) bool {
				y, ok := value(o[p], prop.Name)
				z, zok := value(b, prop.Name)
				return ok && (!zok || !had || y != z || replaced(o[p], b))
			})
			if old, ok := value(b, prop.Name); both || had && ok && old == prop {
				continue
			}
			if !slices.ContainsFunc(copies(got, p), func(g seen) bool { v, _ := value(g, prop.Name); return v == prop }) {
				t.Fatalf("%s: the property %+v is lost", p, prop)
			}
		}
		touched := slices.ContainsFunc(others, func(o map[string]seen) bool {
			y, ok := o[p]
			return ok && (!had || !y.Info.Modified.Equal(b.Info.Modified) || replaced(y, b))
		})
		if !touched && !slices.ContainsFunc(copies(got, p), func(g seen) bool {
			return g.Info.Modified.Equal(x.Info.Modified)
		}) {
			t.Fatalf("%s: the time %v is lost", p, x.Info.Modified)
		}
	}
}

// removed reports whether one of the sides removed the mount b at a path, or put something else there.
func removed(p string, b seen, sides []map[string]seen) bool {
	return slices.ContainsFunc(sides, func(side map[string]seen) bool { return side[p].Body != b.Body })
}

// elsewhere reports whether a merge keeps a file or folder under the same name, or that of a conflict, in any folder.
func elsewhere(p string, x seen, got map[string]seen) bool {
	stem := strings.TrimSuffix(slash.Base(p), slash.Ext(p))
	for q, g := range got {
		name := slash.Base(q)
		if (name == slash.Base(p) || strings.HasPrefix(name, stem+" (conflict, ")) && g.Body == x.Body &&
			g.Info.Folder == x.Info.Folder && (x.Info.Folder || g.Info.Version == x.Info.Version || g.Info.SHA1 == x.Info.SHA1) {
			return true
		}
	}
	return false
}

// aside reports whether a folder above a path, which was none before, is a mount now: then its contents are beside it.
func aside(p string, before, got map[string]seen, sides []map[string]seen) bool {
	for _, side := range append(sides, got) {
		for at := p; at != "/"; at = slash.Dir(at) {
			if side[at].Info.Mounted && !before[at].Info.Mounted {
				return true
			}
		}
	}
	return false
}

// replaced reports whether x is a new folder at the path of an earlier one.
func replaced(x, before seen) bool { return x.Info.Folder && x.Info.Version != before.Info.Version }

// copies returns the entry at a path and its conflict copies.
func copies(all map[string]seen, p string) []seen {
	var found []seen
	stem := strings.TrimSuffix(p, slash.Ext(p))
	for q, x := range all {
		if q == p || slash.Dir(q) == slash.Dir(p) && strings.HasPrefix(q, stem+" (conflict, ") {
			found = append(found, x)
		}
	}
	return found
}

func value(x seen, name vfs.PropertyName) (vfs.Property, bool) {
	for _, p := range x.Info.Properties {
		if p.Name == name {
			return p, true
		}
	}
	return vfs.Property{}, false
}

func sameProps(x, y seen) bool { return slices.Equal(x.Info.Properties, y.Info.Properties) }

// nothingUndone checks that a merge keeps each change that only one side made.
func nothingUndone(t rapid.TB, before, a, b, got map[string]seen) {
	t.Helper()
	for _, p := range slices.Sorted(maps.Keys(before)) {
		if !inSameFolders(p, before, a) || !inSameFolders(p, before, b) || before[p].Info.Folder {
			continue
		}
		x, inA := a[p]
		y, inB := b[p]
		want, there := x, inA
		switch {
		case inA && cmp.Equal(x, before[p], cmpopts.EquateEmpty()):
			want, there = y, inB
		case inB && cmp.Equal(y, before[p], cmpopts.EquateEmpty()):
		default:
			continue
		}
		if want.Info.Folder {
			continue
		}
		if g, ok := got[p]; ok != there || there && !cmp.Equal(g, want, cmpopts.EquateEmpty()) {
			t.Fatalf("%s: one side did nothing; got %+v (%v), want %+v (%v)", p, g, ok, want, there)
		}
	}
	// Unchanged files of a folder that the other side removed are removed with it.
	for p, x := range before {
		for _, sides := range [][2]map[string]seen{{a, b}, {b, a}} {
			y, ok := sides[0][p]
			_, kept := sides[1][p]
			if ok && !kept && !x.Info.Folder && inSameFolders(p, before, sides[0]) && cmp.Equal(x, y, cmpopts.EquateEmpty()) {
				if _, back := got[p]; back {
					t.Fatalf("%s was removed and came back", p)
				}
			}
		}
	}
}

// inSameFolders reports whether all folders above a path are identical on both sides.
func inSameFolders(p string, x, y map[string]seen) bool {
	for p != "/" {
		p = slash.Dir(p)
		if a, b := x[p], y[p]; !a.Info.Folder || !b.Info.Folder || a.Info.Version != b.Info.Version {
			return false
		}
	}
	return true
}

// nothingInvented checks that a merge contains only entries of its sources.
func nothingInvented(t rapid.TB, got map[string]seen, sources ...map[string]seen) {
	t.Helper()
	type version struct {
		vfs.Version
		body string // a mount keeps the version of the folder in whose place it is
	}
	known := map[version]bool{}
	for _, source := range sources {
		for _, x := range source {
			known[version{x.Info.Version, x.Body}] = true
		}
	}
	for p, g := range got {
		if !known[version{g.Info.Version, g.Body}] {
			t.Fatalf("%s of version %x is nobody's", p, g.Info.Version)
		}
	}
}
