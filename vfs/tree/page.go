package tree

import (
	"sync/atomic"

	"postern/vfs/object"
)

// page is a decoded folder page. It is immutable once something refers to it, except for the Batch that made it.
type page struct {
	level    uint8
	lines    []line   // level 0
	from     *encoded // has the encoded lines; nil: none
	children []child  // levels above
	count    int64    // sums over everything below, like Entry.Count and Entry.Size
	bytes    int64
	size     int   // bounds the encoded size
	own      *edit // of the Batch that made it, if any
}

// child refers from an inner page to one below.
type child struct {
	first string // the lowest sort key below
	count int64
	bytes int64
	at    target
}

// size bounds the encoded size of a child: heads, two sums, a reference.
func (c *child) size() int { return 1 + 3 + len(c.first) + 9 + 9 + 79 }

// target refers to a page: by a link if the page was in memory at first, else by a reference. Both are zero for the
// root page of an empty folder.
type target struct {
	link *link
	ref  object.Ref
}

// link refers to a page that is, or was, in memory only.
type link struct{ state atomic.Pointer[linkState] }

// linkState holds a page, or a reference once the page has been sealed and has landed.
type linkState struct {
	page *page
	ref  object.Ref
}

// fresh returns a target for a page that is in memory only.
func fresh(p *page) target {
	l := new(link)
	l.state.Store(&linkState{page: p})
	return target{link: l}
}

func (t target) empty() bool { return t.link == nil && t.ref == object.Ref{} }

// load returns the page in memory, or else the reference of the sealed page.
func (t target) load() (*page, object.Ref) {
	if t.link == nil {
		return nil, t.ref
	}
	s := t.link.state.Load()
	return s.page, s.ref
}

func (t target) dirty() bool {
	p, _ := t.load()
	return p != nil
}

// sealed returns the reference of the sealed page, or zero.
func (t target) sealed() object.Ref {
	_, ref := t.load()
	return ref
}

// leaf returns a leaf of at least one line; from has the encoded lines.
func leaf(lines []line, from *encoded) *page {
	p := &page{lines: lines, size: pageHead}
	for i := range lines {
		l := &lines[i]
		p.size += int(l.size)
		p.add(l.count, l.bytes)
		if l.entry == nil {
			p.from = from
		}
	}
	return p
}

// inner returns an inner page of at least one child.
func inner(level uint8, children []child) *page {
	p := &page{level: level, children: children, size: pageHead}
	for i := range children {
		c := &children[i]
		p.size += c.size()
		p.add(c.count, c.bytes)
	}
	return p
}

// pageHead bounds the encoding of a page without entries or children.
const pageHead = 1 + 1 + 2 + 5

func (p *page) add(count, bytes int64) {
	p.count, p.bytes = object.Sum(p.count, count), object.Sum(p.bytes, bytes)
}

func (p *page) first() string {
	if p.level == 0 {
		return p.key(0)
	}
	return p.children[0].first
}

// below returns the child of an inner page for p, which is new.
func (p *page) below() child {
	return child{first: p.first(), count: p.count, bytes: p.bytes, at: fresh(p)}
}

// decode decodes a page. The error is crypto.ErrFormat.
func decode(plain []byte, at object.Ref) (*page, error) {
	var lines []line
	o, err := object.ScanPage(plain, at, func(e *object.Entry, off, n int) {
		if lines == nil {
			lines = make([]line, 0, n)
		}
		lines = append(lines, line{off: int32(off), size: int32(size(e)), count: object.Sum(1, e.Count), bytes: e.Size})
	})
	if err != nil {
		return nil, err
	}
	if o.Level > 0 {
		children := make([]child, len(o.Children))
		for i, c := range o.Children {
			children[i] = child{c.First, c.Count, c.Size, target{ref: c.Page}}
		}
		return inner(o.Level, children), nil
	}
	return leaf(lines, &encoded{plain, at}), nil
}
