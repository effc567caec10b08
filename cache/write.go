package cache

import (
	"context"

	"postern/crypto"
	"postern/remote"
)

// Put implements remote.Blobs. It keeps a blob of one block, since folder pages and small files are read again soon
// after they were written. It keeps a larger blob only on disk, and only if its body is in memory, like the packs of a
// commit, so that local changes can be read without the remote, even after a restart; a body in a file would have to be
// read once more.
func (c *Cache) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := c.ready(ctx, remote.OpPut, name); err != nil {
		return err
	}
	c.mu.Lock()
	drops := c.drops
	c.mu.Unlock()
	if err := c.inner.Put(ctx, name, body); err != nil {
		return err
	}
	_, inMemory := body.(remote.BytesBody)
	if size := body.Size(); size > 0 && (size <= endOf(0) || inMemory && len(c.levels) > 0) {
		c.keepBody(name, body, drops)
	}
	return nil
}

// keepBody keeps a blob. It skips a body that can't be read again or has changed, and any body if a blob was dropped
// meanwhile, which may have been this one.
func (c *Cache) keepBody(name crypto.BlobName, body remote.Body, drops uint64) {
	data, err := remote.ReadBody(body) // a copy, since the caller may change its own bytes afterwards
	if err != nil || crypto.NameOf(data) != name {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops == drops {
		c.keepAll(name, data, int64(len(data)) > endOf(0))
	}
}

// Delete implements remote.Blobs. It drops the cached blocks even if the remote fails: the remote may have deleted the
// blob all the same.
func (c *Cache) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := c.ready(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	err := c.inner.Delete(ctx, name)
	c.drop(name)
	return err
}
