package content

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"postern/vfs"
	"postern/vfs/object"
)

// ownNodes is how many index nodes a reader without a shared cache holds, about 13 KiB each: those of 20 GB of a file.
const ownNodes = 32

// NodeCache holds decoded index nodes for many readers, since most clients reopen a file for each range. A node is
// about 13 KiB and covers 640 MiB of a file. It may be used by several goroutines at once.
type NodeCache struct {
	mu    sync.Mutex
	nodes *simplelru.LRU[object.Ref, *node]
}

// NewNodeCache returns a cache for a number of nodes.
func NewNodeCache(nodes int) *NodeCache {
	lru, _ := simplelru.NewLRU[object.Ref, *node](max(nodes, 1), nil) // fails for sizes below 1
	return &NodeCache{nodes: lru}
}

type node struct {
	ready   chan struct{} // closed when the other fields are set
	level   uint8
	content object.Content
	err     error
}

// get returns the content of an index node. Concurrent calls load it once.
func (c *NodeCache) get(ctx context.Context, load Loader, ref object.Ref, level uint8) (object.Content, error) {
	c.mu.Lock()
	n, ok := c.nodes.Get(ref)
	if !ok {
		n = &node{ready: make(chan struct{}), level: level}
		c.nodes.Add(ref, n)
	}
	c.mu.Unlock()
	if !ok {
		n.content, n.err = loadNode(ctx, load, ref, level)
		if n.err != nil {
			c.forget(ref, n)
		}
		close(n.ready)
		return n.content, n.err
	}
	select {
	case <-n.ready:
	case <-ctx.Done():
		return object.Content{}, ctx.Err()
	}
	if n.err != nil || n.level != level {
		// The goroutine that loaded it failed, perhaps only because its caller went away; or a bad index leads to it twice.
		return loadNode(ctx, load, ref, level)
	}
	return n.content, nil
}

// forget removes a node that failed, so that it can be loaded again.
func (c *NodeCache) forget(ref object.Ref, n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, _ := c.nodes.Peek(ref); now == n {
		c.nodes.Remove(ref)
	}
}

func loadNode(ctx context.Context, load Loader, ref object.Ref, level uint8) (object.Content, error) {
	plain, err := load(ctx, ref)
	if err != nil {
		return object.Content{}, fmt.Errorf("read file index: %w", err)
	}
	c, err := object.DecodeIndex(plain, ref, level)
	if err != nil {
		return object.Content{}, fmt.Errorf("read file index: %w: %w", vfs.ErrCorrupt, err)
	}
	return c, nil
}
