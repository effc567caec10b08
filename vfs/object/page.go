package object

import (
	"fmt"

	"postern/crypto"
)

const minChild = 1 + 1 + 1 + 1 + minRef

// AppendPage appends the encoding of a page. References with the blob name self, or a zero one, are encoded as
// references into the page's own blob.
func AppendPage(b []byte, p *Page, self crypto.BlobName) []byte {
	b = appendArray(b, 3)
	b = appendUint(b, nodePage)
	b = appendUint(b, uint64(p.Level))
	if p.Level == 0 {
		b = appendArray(b, len(p.Entries))
		for i := range p.Entries {
			b = AppendEntry(b, &p.Entries[i], self)
		}
		return b
	}
	b = appendArray(b, len(p.Children))
	for i := range p.Children {
		c := &p.Children[i]
		b = appendArray(b, 4)
		b = appendText(b, c.First)
		b = appendUint(b, uint64(c.Count))
		b = appendUint(b, uint64(c.Size))
		b = appendRef(b, c.Page, self)
	}
	return b
}

// ScanPage decodes the page at at; references into its own blob get that blob's name. It does not keep the entries of a
// leaf, but calls each for one after the other, with the entry's offset and length in b, for ReadEntry. All calls share
// one e and its Content. The error is crypto.ErrFormat.
func ScanPage(b []byte, at Ref, each func(e *Entry, from, n int)) (Page, error) {
	r := reader{b: b, at: at}
	var p Page
	r.tuple(3)
	if kind := r.uint(nodeRoster); r.err == nil && kind != nodePage {
		r.fail("not a folder page")
	}
	p.Level = uint8(r.uint(MaxPageLevel))
	if p.Level == 0 {
		r.entries(len(b), each)
	} else {
		r.children(&p)
	}
	if err := r.done(); err != nil {
		return Page{}, fmt.Errorf("folder page: %w", err)
	}
	return p, nil
}

func (r *reader) entries(size int, each func(e *Entry, from, n int)) {
	n := r.array(MaxNode, minEntry)
	if n == 0 {
		r.fail("an empty page")
		return
	}
	var e Entry
	var before, likeType string
	for i := range n {
		e = Entry{Content: Content{Chunks: e.Content.Chunks[:0], Nodes: e.Content.Nodes[:0]}}
		from := size - len(r.b)
		r.entry(&e, likeType)
		if r.err != nil {
			return
		}
		key := SortKey(e.Name)
		if !ValidName(e.Name) || i > 0 && key <= before {
			r.fail("names not valid or out of order")
			return
		}
		before, likeType = key, e.ContentType
		each(&e, from, n)
	}
}

// ReadEntry decodes the entry at the beginning of b, which ScanPage found in the page at at.
func ReadEntry(b []byte, at Ref) (e Entry) {
	r := reader{b: b, at: at}
	r.entry(&e, "")
	return e
}

// ReadName returns only the name of ReadEntry's entry.
func ReadName(b []byte) []byte {
	r := reader{b: b}
	r.array(fileFields, 1)
	r.uint(uint64(Mount))
	return r.raw(majorText, maxName)
}

func (r *reader) children(p *Page) {
	p.Children = make([]Child, r.array(MaxNode, minChild))
	if len(p.Children) < 2 {
		r.fail("an inner page of less than two pages")
		return
	}
	for i := range p.Children {
		r.tuple(4)
		c := &p.Children[i]
		c.First = r.text(maxKey, "")
		c.Count = r.size()
		c.Size = r.size()
		c.Page = r.ref()
		switch {
		case r.err != nil:
			return
		case c.First == "" || c.Count == 0 || i > 0 && c.First <= p.Children[i-1].First:
			r.fail("pages out of order, or empty")
			return
		}
	}
}

// maxKey bounds a sort key: normalisation form C makes a name at most three times as long (Unicode Annex 15, 13.1).
const maxKey = 3 * maxName
