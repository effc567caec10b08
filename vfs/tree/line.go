package tree

import (
	"cmp"
	"unicode/utf8"

	"postern/vfs/object"
)

// line is an entry of a leaf: as it came, encoded in its page, until it is asked for, or decoded when it was changed since. Most of the
// entries of a page that was loaded, or changed in one place, are never asked for; encoded they take half the room, and hardly any of the
// garbage collector's time.
type line struct {
	entry *entry   // nil: it is encoded
	page  *encoded // where
	off   int

	size  int // bounds the encoded size
	count int64
	bytes int64 // what it adds to the sums of its page
}

// encoded is the plain encoding of a leaf that was loaded.
type encoded struct {
	plain []byte
	at    object.Ref
}

func lineOf(e *entry) line {
	return line{entry: e, size: e.size(), count: object.Sum(1, e.o.Count), bytes: e.o.Size}
}

// open is the entry. Of one that is encoded each call makes another.
func (l *line) open() *entry {
	if l.entry != nil {
		return l.entry
	}
	return newEntry(object.ReadEntry(l.page.plain[l.off:], l.page.at))
}

func (l *line) key() string {
	if l.entry != nil {
		return l.entry.key
	}
	return object.SortKey(string(l.name()))
}

func (l *line) name() []byte { return object.ReadName(l.page.plain[l.off:]) }

// compare compares a sort key with that of the line.
func (l *line) compare(key string) int {
	if l.entry != nil {
		return cmp.Compare(key, l.entry.key)
	}
	name := l.name()
	for _, c := range name {
		if c >= utf8.RuneSelf {
			return cmp.Compare(key, l.key())
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
