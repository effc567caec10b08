package tree

import (
	"context"
	"slices"
	"sync"
)

// loaders is how many pages a Batch loads at once: enough for all processors when they lie on a disk, and for a line of
// 50 ms as many as a listing asks for.
const loaders = readAhead

// Load loads what ops will need of pages that are not in memory, all at once instead of one when its op comes. They
// must fit into the memory of the tree's Nodes, and that they be loaded is not promised: what can't be, Apply will
// tell.
func (b *Batch) Load(ctx context.Context, ops []Op) {
	paths := make([]string, 0, len(ops))
	for _, op := range ops {
		switch op := op.(type) {
		case Put:
			paths = append(paths, op.Path)
		case Patch:
			paths = append(paths, op.Path)
		case Remove:
			paths = append(paths, op.Path)
		case Move:
			paths = append(paths, op.From, op.To)
		}
	}
	slices.Sort(paths) // what lies in one page is looked for by one, most likely
	var loading sync.WaitGroup
	for part := range slices.Chunk(paths, len(paths)/loaders+1) {
		loading.Go(func() {
			for _, path := range part {
				if _, _ = b.tree.find(ctx, path); ctx.Err() != nil {
					return
				}
			}
		})
	}
	loading.Wait()
}
