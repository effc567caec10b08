package cache

import (
	"context"

	"postern/crypto"
	"postern/remote"
)

// Put implements remote.Blobs. What fits in one block is kept, for folder pages and small files are read again soon
// after they were written. A larger blob that is in memory, as the packs of a commit are, is kept on disk alone, so
// that what was changed here can be read without the remote, and after a restart too; from a file it would have to be
// read once more for it.
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

// keepBody keeps a blob. A body that can't be read again, or has other bytes now, is not kept; nor is anything when a
// blob was dropped meanwhile, which may have been this.
func (c *Cache) keepBody(name crypto.BlobName, body remote.Body, drops uint64) {
	data, err := remote.ReadBody(body) // a copy: what the caller does with its own afterwards is its own affair
	if err != nil || crypto.NameOf(data) != name {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops == drops {
		c.keepAll(name, data, int64(len(data)) > endOf(0))
	}
}

// Delete implements remote.Blobs. What is held is dropped even if the remote fails: it may have deleted the blob all
// the same.
func (c *Cache) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := c.ready(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	err := c.inner.Delete(ctx, name)
	c.drop(name)
	return err
}
