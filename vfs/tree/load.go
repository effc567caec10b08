package tree

import (
	"context"
	"slices"
	"sync"
)

// loaders is the number of pages that a Batch loads at once: enough for all processors if they are on a disk, and for a
// thousand changes a second on a line of 50 ms, since neighbours mostly share a page.
const loaders = 32

// Load loads pages that ops will need and that are not in memory, all at once instead of one by one. They must fit into
// the memory of the tree's Nodes. Load ignores errors: Apply reports them.
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
	slices.Sort(paths) // neighbours mostly share a page, and a loader
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
