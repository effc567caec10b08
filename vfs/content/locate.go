package content

import (
	"context"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// maxNodes is how many index nodes a reader holds, about 13 KiB each: those of 20 GB of a file.
const maxNodes = 32

// Loader fetches a sealed node and opens it.
type Loader func(ctx context.Context, ref object.Ref) ([]byte, error)

// NodeLoader is the Loader of a source: it asks once more past all caches before it calls what it got corrupt.
func NodeLoader(src Source) Loader {
	return func(ctx context.Context, ref object.Ref) (plain []byte, err error) {
		sealed := make([]byte, ref.Len)
		err = insist(ctx, func(ctx context.Context) error {
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

// locator finds a file's chunks by number, through its index where it has one.
type locator struct {
	root object.Content
	load Loader

	mu    sync.Mutex
	nodes map[nodeID]*node
	order []nodeID // oldest first
}

type nodeID struct {
	level uint8
	index int64 // counted within the level
}

type node struct {
	ready   chan struct{} // closed when the rest is set
	content object.Content
	err     error
}

// chunk returns the chunk of a number that the file has.
func (l *locator) chunk(ctx context.Context, number int64) (object.Chunk, error) {
	c, base := l.root, int64(0) // base: the number of c's first item among those of its level
	for {
		span := int64(1) // chunks under an item of c
		for range c.Level {
			span *= object.IndexFanout
		}
		i := number / span
		if c.Level == 0 {
			return c.Chunks[i-base], nil
		}
		next, err := l.node(ctx, nodeID{c.Level, i}, c.Nodes[i-base])
		if err != nil {
			return object.Chunk{}, err
		}
		base = i * object.IndexFanout
		need := (number/(span/object.IndexFanout) - base) + 1
		if have := int64(len(next.Chunks) + len(next.Nodes)); have < need {
			return object.Chunk{}, fmt.Errorf("read file index: %w: a node holds %d items, and item %d is needed", vfs.ErrCorrupt, have, need)
		}
		c = next
	}
}

// node returns what an index node holds. However many ask, it is loaded once.
func (l *locator) node(ctx context.Context, id nodeID, ref object.Ref) (object.Content, error) {
	l.mu.Lock()
	n, ok := l.nodes[id]
	if !ok {
		n = &node{ready: make(chan struct{})}
		if l.nodes == nil {
			l.nodes = make(map[nodeID]*node)
		}
		if len(l.order) == maxNodes {
			delete(l.nodes, l.order[0])
			l.order = append(l.order[:0], l.order[1:]...)
		}
		l.nodes[id] = n
		l.order = append(l.order, id)
	}
	l.mu.Unlock()
	if ok {
		select {
		case <-n.ready:
			if n.err == nil || ctx.Err() != nil {
				return n.content, n.err
			}
			// Who loaded it failed, perhaps only because it was no longer wanted there.
			return l.decode(ctx, id, ref)
		case <-ctx.Done():
			return object.Content{}, ctx.Err()
		}
	}
	n.content, n.err = l.decode(ctx, id, ref)
	if n.err != nil {
		l.forget(id, n)
	}
	close(n.ready)
	return n.content, n.err
}

func (l *locator) decode(ctx context.Context, id nodeID, ref object.Ref) (object.Content, error) {
	plain, err := l.load(ctx, ref)
	if err != nil {
		return object.Content{}, fmt.Errorf("read file index: %w", err)
	}
	c, err := object.DecodeIndex(plain, ref, id.level)
	if err != nil {
		return object.Content{}, fmt.Errorf("read file index: %w: %w", vfs.ErrCorrupt, err)
	}
	return c, nil
}

// forget lets a node that failed be asked for again.
func (l *locator) forget(id nodeID, n *node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nodes[id] != n {
		return
	}
	delete(l.nodes, id)
	for i, other := range l.order {
		if other == id {
			l.order = append(l.order[:i], l.order[i+1:]...)
			return
		}
	}
}
