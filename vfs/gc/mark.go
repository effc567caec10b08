package gc

import (
	"context"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/vfs/content"
	"postern/vfs/tree"
)

// marks is what trees were seen to lead to.
type marks struct {
	walker *tree.Walker
	saw    func() // is called at each visit

	mu      sync.Mutex
	blobs   map[crypto.BlobName]*use
	ours    map[crypto.BlobName]struct{} // what only older commits lead to
	pages   []edge                       // from a page to one below
	holds   []hold
	lost    map[crypto.BlobName]bool // not looked for any more
	damaged []string
	older   span // the numbers of what only older commits lead to
	doubt   bool // something of that is needed after all, and what is below it was not looked at
}

// span is a range of numbers, both ends included.
type span struct{ from, to uint32 }

func (s span) holds(id uint32) bool { return s.from <= id && id <= s.to }

// use is what is needed of a blob.
type use struct {
	id    uint32
	live  int64 // bytes; what several refer to counts once
	fixed bool  // something in it can't be moved
}

// edge leads from one page to another, by their numbers.
type edge struct{ from, to uint32 }

// hold leads from a page to a blob that it lies in, or that a small file of it lies in, by their numbers.
type hold struct{ page, blob uint32 }

// maxNamed is how many damaged paths are named.
const maxNamed = 20

func newMarks(parallel int, saw func()) *marks {
	return &marks{walker: tree.NewWalker(parallel), saw: saw, blobs: map[crypto.BlobName]*use{}, ours: map[crypto.BlobName]struct{}{}}
}

func (m *marks) use(name crypto.BlobName) *use {
	u := m.blobs[name]
	if u == nil {
		u = &use{id: uint32(len(m.blobs))}
		m.blobs[name] = u
	}
	return u
}

func (m *marks) needed(name crypto.BlobName) bool {
	_, ok := m.blobs[name]
	return ok
}

// keep marks a blob that is needed as it is.
func (m *marks) keep(name crypto.BlobName) { m.use(name).fixed = true }

// need marks all that a state leads to, and the pack of its commit.
func (m *marks) need(ctx context.Context, s State) error {
	m.keep(s.Ref.Blob)
	m.use(s.Ref.Blob).live += int64(s.Ref.Len)
	return m.walker.Walk(ctx, s.Tree, m.visit)
}

func (m *marks) visit(_ context.Context, v tree.Visit) error {
	m.saw()
	if v.Err != nil && !corrupt(v.Err) {
		return fmt.Errorf("read %s: %w", v.Path(), v.Err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name, _, ok := v.Place()
	if v.Err != nil && !m.lost[name] && len(m.damaged) < maxNamed {
		m.damaged = append(m.damaged, v.Path())
	}
	if v.Kind == tree.VisitPage && v.Parent != 0 {
		m.pages = append(m.pages, edge{v.Parent, v.ID})
	}
	if v.Again && m.older.to != 0 && m.older.holds(v.ID) {
		m.doubt = true
	}
	if !ok {
		return nil
	}
	u := m.use(name)
	u.fixed = u.fixed || m.lost[name]
	if !v.Again {
		u.live += int64(v.Sealed)
	}
	switch {
	case v.Kind == tree.VisitPage:
		if !v.Again {
			m.holds = append(m.holds, hold{v.ID, u.id})
		}
	case v.Kind == tree.VisitChunk && v.Bytes == v.Entry.Info().Size && v.Bytes <= content.SmallLimit:
		if h := (hold{v.Parent, u.id}); len(m.holds) == 0 || m.holds[len(m.holds)-1] != h {
			m.holds = append(m.holds, h)
		}
	default:
		u.fixed = true
	}
	return nil
}

// know notes what an older state leads to as this drive's. What of it is gone already does no harm; then it is not
// whole.
func (m *marks) know(ctx context.Context, s State) (whole bool, err error) {
	m.ours[s.Ref.Blob] = struct{}{}
	whole = true
	err = m.walker.Walk(ctx, s.Tree, func(_ context.Context, v tree.Visit) error {
		m.saw()
		if v.Err != nil && !corrupt(v.Err) {
			return v.Err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		whole = whole && v.Err == nil
		if name, _, ok := v.Place(); ok && !v.Again {
			m.ours[name] = struct{}{}
			if m.older.to == 0 {
				m.older.from = v.ID
			}
			m.older.from, m.older.to = min(m.older.from, v.ID), max(m.older.to, v.ID)
		}
		return nil
	})
	return whole, err
}

// leads tells the pages that lead to some blobs, however far.
func (m *marks) leads(to map[crypto.BlobName]bool) map[uint32]bool {
	ids := map[uint32]bool{}
	for name := range to {
		ids[m.blobs[name].id] = true
	}
	lead := map[uint32]bool{}
	for _, h := range m.holds {
		if ids[h.blob] {
			lead[h.page] = true
		}
	}
	above := map[uint32][]uint32{}
	for _, e := range m.pages {
		above[e.to] = append(above[e.to], e.from)
	}
	queue := make([]uint32, 0, len(lead))
	for id := range lead {
		queue = append(queue, id)
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, up := range above[id] {
			if !lead[up] {
				lead[up] = true
				queue = append(queue, up)
			}
		}
	}
	return lead
}
