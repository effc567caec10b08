package tree

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"postern/vfs/object"
)

// line is an entry of a leaf: as it came, encoded in the leaf's from, until it is asked for, or decoded when it was
// changed since. Most of the entries of a page that was loaded, or changed in one place, are never asked for. Encoded
// they take half the room, and lead to nothing that the garbage collector would have to follow.
type line struct {
	entry *entry // nil: it is encoded
	off   int32  // where

	size  int32 // bounds the encoded size
	count int64
	bytes int64 // what it adds to the sums of its page
}

// encoded is the plain encoding of a leaf that was loaded.
type encoded struct {
	plain []byte
	at    object.Ref
}

func lineOf(e *entry) line {
	return line{entry: e, size: int32(e.size()), count: object.Sum(1, e.o.Count), bytes: e.o.Size}
}

// entry is the entry of a line. Of one that is encoded each call makes another.
func (p *page) entry(i int) *entry {
	if e := p.lines[i].entry; e != nil {
		return e
	}
	return newEntry(object.ReadEntry(p.from.plain[p.lines[i].off:], p.from.at))
}

// key is the sort key of a line.
func (p *page) key(i int) string {
	if e := p.lines[i].entry; e != nil {
		return e.key
	}
	return object.SortKey(string(p.name(i)))
}

// name is the name of a line that is encoded.
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

// decoded is the lines of a leaf, all decoded, to go into another leaf.
func (p *page) decoded() []line {
	lines := slices.Clone(p.lines)
	for i := range lines {
		lines[i].entry = p.entry(i)
	}
	return lines
}
