package page

import (
	"cmp"
	"container/heap"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
)

// fold returns a name for searching, without case and accents.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, norm.NFD.String(name))
}

// sortKey returns the key by which names are ordered: folded, and with numbers by their value ("9.jpg" before
// "10.jpg").
func sortKey(name string) string {
	var b strings.Builder
	b.Grow(len(name) + 8)
	folded := fold(name)
	for i := 0; i < len(folded); {
		end := i
		if c := folded[i]; '0' <= c && c <= '9' {
			for end < len(folded) && '0' <= folded[end] && folded[end] <= '9' {
				end++
			}
			digits := strings.TrimLeft(folded[i:end], "0")
			// Longer numbers are larger. Two bytes encode the length; both sort among other characters like digits.
			b.WriteByte('0')
			b.WriteByte(byte(len(digits) >> 8))
			b.WriteByte(byte(len(digits)))
			b.WriteString(digits)
			i = end
			continue
		}
		for end < len(folded) && (folded[end] < '0' || '9' < folded[end]) {
			end++
		}
		b.WriteString(folded[i:end])
		i = end
	}
	return b.String()
}

// order is the order of a listing.
type order struct {
	by   string // "name", "size", "time"
	desc bool
}

// orderOf parses ?sort=name|size|time&order=asc|desc. Without an order, names go from A to Z, and the largest or newest
// come first.
func orderOf(sort, direction string, standard order) order {
	o := order{by: sort}
	switch sort {
	case "name":
	case "size", "time":
		o.desc = true
	default:
		o = standard
	}
	switch direction {
	case "asc":
		o.desc = false
	case "desc":
		o.desc = true
	}
	return o
}

// item is a member of a folder, as small as can be.
type item struct {
	name     string
	key      string
	value    int64 // of the sort key, if that is not the name
	info     vfs.Info
	position bool // only a cursor
}

func (o order) item(info vfs.Info) item {
	it := item{name: info.Name, key: sortKey(info.Name), info: info}
	switch o.by {
	case "size":
		it.value = info.Size
	case "time":
		it.value = info.Modified.UnixNano()
	default:
		// Folders come first in either direction.
		if !info.Folder {
			it.value = 1
		}
		if o.desc {
			it.value = -it.value
		}
	}
	it.info.Properties = nil
	return it
}

// compare returns a negative number if a comes before b.
func (o order) compare(a, b item) int {
	c := cmp.Or(cmp.Compare(a.value, b.value), strings.Compare(a.key, b.key), strings.Compare(a.name, b.name))
	if o.desc {
		return -c
	}
	return c
}

// cursor returns an item's place in the order, so that the next part of a listing can begin after it.
func (it item) cursor() string { return strconv.FormatInt(it.value, 36) + "." + it.name }

func parseCursor(s string) (item, bool) {
	value, name, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(value, 36, 64)
	if !ok || err != nil || name == "" || len(name) > vfs.MaxName {
		return item{}, false
	}
	return item{name: name, key: sortKey(name), value: n, position: true}, true
}

// first keeps the first n of all offered items after a cursor. It takes memory for n items, however many are offered.
type first struct {
	order  order
	n      int
	behind item // position: only items after it
	kept   []item
	more   bool // there are others behind
	before int  // how many items are at or before the cursor
}

func (f *first) offer(it item) {
	if f.behind.position && f.order.compare(it, f.behind) <= 0 {
		f.before++
		return
	}
	switch {
	case len(f.kept) < f.n:
		heap.Push(f, it)
	case f.order.compare(it, f.kept[0]) < 0:
		f.more = true
		f.kept[0] = it
		heap.Fix(f, 0)
	default:
		f.more = true
	}
}

// sorted returns the items in order. first can't be used after that.
func (f *first) sorted() []item {
	all := make([]item, len(f.kept))
	for i := len(all) - 1; i >= 0; i-- {
		all[i], _ = heap.Pop(f).(item)
	}
	return all
}

// Len, Less, Swap, Push and Pop implement heap.Interface, the last in order on top.
func (f *first) Len() int           { return len(f.kept) }
func (f *first) Less(i, j int) bool { return f.order.compare(f.kept[i], f.kept[j]) > 0 }
func (f *first) Swap(i, j int)      { f.kept[i], f.kept[j] = f.kept[j], f.kept[i] }

// Push implements heap.Interface.
func (f *first) Push(x any) {
	if it, ok := x.(item); ok {
		f.kept = append(f.kept, it)
	}
}

// Pop implements heap.Interface.
func (f *first) Pop() any {
	last := f.kept[len(f.kept)-1]
	f.kept = f.kept[:len(f.kept)-1]
	return last
}
