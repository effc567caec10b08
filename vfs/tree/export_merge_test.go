package tree

import "context"

// Differences are the sort keys of what differs between the root folders of two trees, as a differ finds them.
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
