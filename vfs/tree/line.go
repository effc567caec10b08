package tree

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"postern/vfs/object"
)

// line is an entry of a leaf: encoded in the leaf's from until it changes, then decoded. Most entries of a page that
// was loaded, or changed in one place, are never used. Encoded they take half the memory, and have no pointers for the
// garbage collector to follow.
type line struct {
	entry *entry // nil: encoded
	off   int32  // offset in from

	size  int32 // bounds the encoded size
	count int64
	bytes int64 // its part of the page's sums
}

// encoded is the plain encoding of a loaded leaf.
type encoded struct {
	plain []byte
	at    object.Ref
}

func lineOf(e *entry) line {
	return line{entry: e, size: int32(e.size()), count: object.Sum(1, e.o.Count), bytes: e.o.Size}
}

// entry returns the entry of a line. For an encoded line each call returns a new one.
func (p *page) entry(i int) *entry {
	if e := p.lines[i].entry; e != nil {
		return e
	}
	return newEntry(object.ReadEntry(p.from.plain[p.lines[i].off:], p.from.at))
}

// key returns the sort key of a line.
func (p *page) key(i int) string {
	if e := p.lines[i].entry; e != nil {
		return e.key
	}
	return object.SortKey(string(p.name(i)))
}

// name returns the name of an encoded line.
func (p *page) name(i int) []byte { return object.ReadName(p.from.plain[p.lines[i].off:]) }

// compare compares a sort key with that of a line.
func (p *page) compare(key string, i int) int {
	if e := p.lines[i].entry; e != nil {
		return cmp.Compare(key, e.key)
	}
	name := p.name(i)
	for _, c := range name {
		if c >= utf8.RuneSelf {
			return cmp.Compare(key, p.key(i))
		}
	}
	switch { // without a copy
	case key < string(name):
		return -1
	case key > string(name):
		return 1
	}
	return 0
}

// decoded returns all lines of a leaf decoded, for another leaf.
func (p *page) decoded() []line {
	lines := slices.Clone(p.lines)
	for i := range lines {
		lines[i].entry = p.entry(i)
	}
	return lines
}
