package tree

import "context"

// Differences returns the sort keys of the entries that differ between the root folders of two trees.
func Differences(ctx context.Context, a, b Tree) ([]string, error) {
	d := a.nodes.differ(a.root, b.root)
	var keys []string
	for {
		found, err := d.next(ctx)
		if err != nil || !found {
			return keys, err
		}
		keys = append(keys, d.key)
	}
}
