package tree

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"postern/vfs/object"
)

// kept holds the decoded pages that were used last, up to a number of bytes. The library knows only a number of
// entries, so the bytes are counted here.
type kept struct {
	limit int64

	mu    sync.Mutex
	used  int64
	pages *simplelru.LRU[object.Ref, *page]
}

func newKept(limit int64) *kept {
	k := &kept{limit: limit}
	// It fails for sizes below 1 only.
	k.pages, _ = simplelru.NewLRU(math.MaxInt, func(_ object.Ref, p *page) { k.used -= p.memory() })
	return k
}

func (k *kept) get(ref object.Ref) *page {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, _ := k.pages.Get(ref)
	return p
}

// has reports whether a page is kept, and leaves it as old as it is.
func (k *kept) has(ref object.Ref) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pages.Contains(ref)
}

func (k *kept) add(ref object.Ref, p *page) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.pages.Get(ref); ok {
		return
	}
	k.pages.Add(ref, p)
	k.used += p.memory()
	for k.used > k.limit && k.pages.Len() > 1 { // the newest stays, however large
		k.pages.RemoveOldest()
	}
}

// forget forgets all pages.
func (k *kept) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages.Purge()
}

// memory is about what a page takes: its strings and the structs around them, and 400 bytes more for a line that is
// decoded.
func (p *page) memory() int64 {
	n := 400 + p.size + 32*len(p.lines) + 130*len(p.children)
	for i := range p.lines {
		if p.lines[i].entry != nil {
			n += 400
		}
	}
	return int64(n)
}
