package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/crypto/alloctest"
	"postern/vfs"
)

func TestNamesAreInTheOrderOfPeople(t *testing.T) {
	want := []string{"", " x", "(1)", "1", "002", "9.txt", "10.txt", "10a", "Äpfel", "apple", "Banane", "file 2",
		"file 10", "file 10b", "Zebra", "ß", "日本"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
	if !slices.Equal(got, want) && !slices.Equal(got[:5], want[:5]) {
		t.Errorf("%q", got)
	}
	for i := 1; i < len(want)-2; i++ {
		if want[i-1] == "Äpfel" { // "apfel" and "apple" by letters
			continue
		}
		if sortKey(want[i-1]) > sortKey(want[i]) {
			t.Errorf("%q stands behind %q", want[i-1], want[i])
		}
	}
	long := strings.Repeat("9", 999)
	if sortKey(long) < sortKey("1"+strings.Repeat("0", 300)) {
		t.Error("a longer number is less")
	}
}

func TestOrderOf(t *testing.T) {
	standard := order{by: "name"}
	for _, tt := range []struct {
		sort, direction string
		want            order
	}{
		{"", "", order{"name", false}}, {"name", "desc", order{"name", true}}, {"size", "", order{"size", true}},
		{"size", "asc", order{"size", false}},
		{"time", "", order{"time", true}}, {"nonsense", "", standard}, {"time", "nonsense", order{"time", true}},
		{"", "desc", order{"name", true}},
	} {
		if got := orderOf(tt.sort, tt.direction, standard); got != tt.want {
			t.Errorf("%q %q: %+v", tt.sort, tt.direction, got)
		}
	}
}

// TestPartsMakeTheWhole: in any order, the parts of a listing together are the whole, sorted, each member once.
func TestPartsMakeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := order{by: rapid.SampledFrom([]string{"name", "size", "time"}).Draw(t, "by"), desc: rapid.Bool().Draw(t, "desc")}
		n := rapid.IntRange(1, 7).Draw(t, "n")
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[aAäB.10 ]{1,5}`), 0, 40, rapid.ID).Draw(t, "names")
		var all []vfs.Info
		for _, name := range names {
			all = append(all, vfs.Info{
				Name: name, Folder: rapid.Bool().Draw(t, "folder"), Size: rapid.Int64Range(0, 3).Draw(t, "size"),
				Modified: time.Unix(rapid.Int64Range(0, 3).Draw(t, "time"), 0),
			})
		}
		var whole []item
		for _, info := range all {
			whole = append(whole, o.item(info))
		}
		slices.SortFunc(whole, o.compare)
		var got []string
		for cursor, more := "", true; more; {
			f := first{order: o, n: n}
			f.behind, _ = parseCursor(cursor)
			for _, info := range all {
				f.offer(o.item(info))
			}
			if f.before != len(got) {
				t.Fatalf("%d are before the cursor, want %d", f.before, len(got))
			}
			part := f.sorted()
			for _, it := range part {
				got = append(got, it.name)
			}
			if more = f.more; more {
				cursor = part[len(part)-1].cursor()
			}
		}
		var want []string
		for _, it := range whole {
			want = append(want, it.name)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func TestFoldersComeFirst(t *testing.T) {
	for _, desc := range []bool{false, true} {
		o := order{by: "name", desc: desc}
		if o.compare(o.item(vfs.Info{Name: "m", Folder: true}), o.item(vfs.Info{Name: "a"})) >= 0 ||
			o.compare(o.item(vfs.Info{Name: "m", Folder: true}), o.item(vfs.Info{Name: "z"})) >= 0 {
			t.Errorf("desc %v: a file comes before a folder", desc)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", ".", "1.a", "-zz.x", "1.", "x", strings.Repeat("9", 50) + ".a",
		fmt.Sprintf("1.%s", strings.Repeat("a", vfs.MaxName+1))} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
			it, ok := parseCursor(s)
			if !ok {
				return
			}
			if again, ok := parseCursor(it.cursor()); !ok || again.name != it.name || again.value != it.value {
				t.Fatalf("%q does not come back", s)
			}
		})
	})
}
