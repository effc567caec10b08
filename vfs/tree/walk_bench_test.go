package tree_test

import (
	"context"
	"testing"

	"postern/vfs/tree"
)

// BenchmarkWalk walks through a folder of a million photos.
func BenchmarkWalk(b *testing.B) {
	s := newStore()
	_, at := folder(b, s, 1_000_000)
	for b.Loop() {
		err := tree.NewWalker(0).Walk(b.Context(), reopen(b, s, at, 0), func(context.Context, tree.Visit) error {
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
