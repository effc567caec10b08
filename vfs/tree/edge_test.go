package tree_test

import (
	"maps"
	"testing"

	"postern/vfs/tree"
)

// TestAddAbove adds the pages that lead to a part, over several levels and by two ways, and no others.
func TestAddAbove(t *testing.T) {
	edges := []tree.Edge{
		{From: 1, To: 2}, {From: 2, To: 3}, {From: 1, To: 3}, {From: 3, To: 4}, {From: 1, To: 5}, {From: 6, To: 5},
	}
	parts := map[uint32]bool{3: true}
	tree.AddAbove(parts, edges)
	if want := map[uint32]bool{1: true, 2: true, 3: true}; !maps.Equal(parts, want) {
		t.Errorf("%v leads there, not %v", parts, want)
	}
}
