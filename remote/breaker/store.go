package breaker

import (
	"context"
	"iter"

	"postern/crypto"
	"postern/remote"
)

// Put implements remote.Blobs.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	c, err := s.begin(ctx, remote.OpPut, name, max(body.Size(), 0))
	if err != nil {
		return err
	}
	return c.finish(s.inner.Put(c.ctx, name, body))
}

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	c, err := s.begin(ctx, remote.OpGet, name, crypto.MaxBlobSize)
	if err != nil {
		return nil, err
	}
	data, err := s.inner.Get(c.ctx, name)
	return data, c.finish(err)
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	c, err := s.begin(ctx, remote.OpGetRange, name, int64(len(p)))
	if err != nil {
		return err
	}
	return c.finish(s.inner.GetRange(c.ctx, name, off, p))
}

// Stat implements remote.Blobs.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	c, err := s.begin(ctx, remote.OpStat, name, 0)
	if err != nil {
		return 0, err
	}
	size, err := s.inner.Stat(c.ctx, name)
	return size, c.finish(err)
}

// Delete implements remote.Blobs.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	c, err := s.begin(ctx, remote.OpDelete, name, 0)
	if err != nil {
		return err
	}
	return c.finish(s.inner.Delete(c.ctx, name))
}

// Load implements remote.Pointers.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	c, err := s.begin(ctx, remote.OpLoad, id, 0)
	if err != nil {
		return crypto.Pointer{}, err
	}
	p, err := s.inner.Load(c.ctx, id)
	return p, c.finish(err)
}

// Swap implements remote.Pointers. One that is ended because the remote is away has an unknown outcome, as ErrUnavailable says.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	c, err := s.begin(ctx, remote.OpSwap, next.ID, 0)
	if err != nil {
		return err
	}
	return c.finish(s.inner.Swap(c.ctx, old, next))
}

// Space implements remote.Store.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	c, err := s.begin(ctx, remote.OpSpace, place{}, 0)
	if err != nil {
		return remote.Space{Used: -1, Free: -1}, err
	}
	space, err := s.inner.Space(c.ctx)
	return space, c.finish(err)
}

// List implements remote.Blobs. The time that the consumer takes with a blob does not count.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		c, err := s.begin(ctx, remote.OpList, place{}, 0)
		if err != nil {
			yield(remote.BlobInfo{}, err)
			return
		}
		if err := c.finish(c.list(yield)); err != nil {
			yield(remote.BlobInfo{}, err)
		}
	}
}

// list hands out what comes. It returns nil when the consumer has enough.
func (c *call) list(yield func(remote.BlobInfo, error) bool) error {
	for info, err := range c.s.inner.List(c.ctx) {
		if err != nil {
			return err
		}
		c.rest()
		if !yield(info, nil) {
			return nil
		}
		c.resume()
	}
	return nil
}
