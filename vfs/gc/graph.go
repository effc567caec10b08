package gc

import (
	"postern/crypto"
	"postern/vfs/tree"
)

// graph holds what was visited and which parts lead to which. One walker visits each reference once for all spaces, so
// the parts that a space shares with one walked earlier are found by following the graph; see spread.
type graph struct {
	walker *tree.Walker
	first  []visited   // by visit number: how each part was first reached
	edges  []tree.Edge // from a page or index node to one below
	holds  []hold
	cross  map[crossing]bool // where spaces reach parts already visited for others; the value: from the newest state
	bad    map[uint32]string // unreadable parts, with a path
	doubt  bool              // a part is needed that was visited only for an older commit before
}

// visited says how a part was first reached: the number of the space plus one, and whether from an older commit, so
// that everything below counts as known, not as needed. Zero: the walk that reached it first is still running.
type visited uint32

const fromOlder visited = 1 << 31

// hold leads from a page or index node to a blob that holds it, or that holds a chunk it refers to, by their numbers.
type hold struct{ page, blob uint32 }

// crossing is where a space reaches a part that was visited for another one.
type crossing struct{ by, at uint32 }

func newGraph(parallel int) graph {
	return graph{walker: tree.NewWalker(parallel), cross: map[crossing]bool{}, bad: map[uint32]string{}}
}

// enter notes a visit on behalf of a space.
func (g *graph) enter(v tree.Visit, by uint32, older bool) {
	if v.Kind == tree.VisitMount {
		return
	}
	if v.Parent != 0 && v.Kind != tree.VisitChunk {
		g.edges = append(g.edges, tree.Edge{From: v.Parent, To: v.ID})
	}
	if !v.Again {
		for uint32(len(g.first)) <= v.ID {
			g.first = append(g.first, 0)
		}
		g.first[v.ID] = visited(by + 1)
		if older {
			g.first[v.ID] |= fromOlder
		}
		return
	}
	if v.ID >= uint32(len(g.first)) || g.first[v.ID] == 0 {
		return
	}
	was := g.first[v.ID]
	if was&fromOlder != 0 && !older {
		g.doubt = true
	}
	if was&^fromOlder != visited(by+1) && v.Kind != tree.VisitChunk {
		at := crossing{by, v.ID}
		g.cross[at] = g.cross[at] || !older
	}
}

// hold notes the blob that holds a visited part.
func (g *graph) hold(v tree.Visit, blob uint32) {
	switch {
	case v.Kind == tree.VisitChunk:
		if h := (hold{v.Parent, blob}); len(g.holds) == 0 || g.holds[len(g.holds)-1] != h {
			g.holds = append(g.holds, h)
		}
	case !v.Again:
		g.holds = append(g.holds, hold{v.ID, blob})
	}
}

// leads returns the pages that lead to some blobs, directly or indirectly.
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
	tree.AddAbove(lead, m.edges)
	return lead
}

// spread notes, for each space that reaches a part visited for another one, that the space leads to everything below
// it.
func (m *marks) spread() {
	if len(m.cross) == 0 {
		return
	}
	below, blobs := map[uint32][]uint32{}, map[uint32][]uint32{}
	for _, e := range m.edges {
		below[e.From] = append(below[e.From], e.To)
	}
	for _, h := range m.holds {
		blobs[h.page] = append(blobs[h.page], h.blob)
	}
	seen := map[crossing]bool{}
	for start, newest := range m.cross {
		for stack := []uint32{start.at}; len(stack) > 0; {
			at := crossing{start.by, stack[len(stack)-1]}
			stack = stack[:len(stack)-1]
			if done, before := seen[at]; before && (done || !newest) {
				continue
			}
			seen[at] = newest
			if path, bad := m.bad[at.at]; bad && newest {
				m.damage(at.by, path)
			}
			for _, id := range blobs[at.at] {
				u := m.blobs[m.names[id]]
				if u.from = m.sets.with(u.from, at.by); newest {
					u.by = m.sets.with(u.by, at.by)
				}
			}
			stack = append(stack, below[at.at]...)
		}
	}
	clear(m.cross)
}
