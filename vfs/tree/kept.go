package tree

import (
	"container/list"
	"sync"

	"postern/vfs/object"
)

// kept holds the decoded pages that were used last, up to a number of bytes.
type kept struct {
	limit int64

	mu    sync.Mutex
	used  int64
	order *list.List // of *keptPage, last used first
	pages map[object.Ref]*list.Element
}

type keptPage struct {
	ref  object.Ref
	page *page
}

func newKept(limit int64) *kept {
	return &kept{limit: limit, order: list.New(), pages: map[object.Ref]*list.Element{}}
}

func (k *kept) get(ref object.Ref) *page {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.pages[ref]
	if !ok {
		return nil
	}
	k.order.MoveToFront(at)
	return at.Value.(*keptPage).page
}

// has reports whether a page is kept, and leaves it as old as it is.
func (k *kept) has(ref object.Ref) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.pages[ref]
	return ok
}

func (k *kept) add(ref object.Ref, p *page) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, ok := k.pages[ref]; ok {
		k.order.MoveToFront(at)
		return
	}
	k.pages[ref] = k.order.PushFront(&keptPage{ref, p})
	k.used += p.memory()
	k.shrink(k.limit)
}

// shrink forgets pages, but for the newest. It holds mu.
func (k *kept) shrink(to int64) {
	for k.used > to && k.order.Len() > 1 {
		last := k.order.Remove(k.order.Back()).(*keptPage)
		delete(k.pages, last.ref)
		k.used -= last.page.memory()
	}
}

// trim forgets the pages that were used longest ago, until those left take at most so many bytes.
func (k *kept) trim(to int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shrink(to)
}

// memory is about what a page takes: its strings and the structs around them, and 400 bytes more for a line that is decoded.
func (p *page) memory() int64 {
	n := 400 + p.size + 32*len(p.lines) + 130*len(p.children)
	for i := range p.lines {
		if p.lines[i].entry != nil {
			n += 400
		}
	}
	return int64(n)
}
