package content

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Loader fetches a sealed node and opens it.
type Loader func(ctx context.Context, ref object.Ref) ([]byte, error)

// NodeLoader returns a Loader for a source. It reads once more past all caches before it reports corruption.
func NodeLoader(src Source) Loader {
	return func(ctx context.Context, ref object.Ref) (plain []byte, err error) {
		sealed := make([]byte, ref.Len)
		err = vfs.Authentic(ctx, func(ctx context.Context) error {
			if err := src.GetRange(ctx, ref.Blob, int64(ref.Off), sealed); err != nil {
				return err
			}
			plain, err = crypto.OpenNode(ref.Key, sealed)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read node %v at %d: %w", ref.Blob, ref.Off, err)
		}
		return plain, nil
	}
}

// locator finds a file's chunks by number, through its index if it has one.
type locator struct {
	root  object.Content
	load  Loader
	nodes *NodeCache
}

// chunk returns the chunk with a number that the file has.
func (l *locator) chunk(ctx context.Context, number int64) (object.Chunk, error) {
	c := l.root
	span := int64(1) // chunks below an item of c
	for range c.Level {
		span *= object.IndexFanout
	}
	for {
		i := number / span
		if have := int64(len(c.Chunks) + len(c.Nodes)); i >= have {
			return object.Chunk{}, fmt.Errorf("read file index: %w: a node holds %d items, and item %d is needed",
				vfs.ErrCorrupt, have, i)
		}
		if c.Level == 0 {
			return c.Chunks[i], nil
		}
		number %= span
		span /= object.IndexFanout
		var err error
		if c, err = l.nodes.get(ctx, l.load, c.Nodes[i], c.Level); err != nil {
			return object.Chunk{}, err
		}
	}
}
