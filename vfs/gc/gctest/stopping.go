package gctest

import (
	"context"
	"iter"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// Stopping is a store whose calls all fail from a given one on, as if the process had ended there.
type Stopping struct {
	remote.Store

	mu    sync.Mutex
	left  int
	Calls int // calls made so far
}

// NewStopping returns a store that lets a number of calls through.
func NewStopping(inner remote.Store, calls int) *Stopping {
	return &Stopping{Store: inner, left: calls}
}

func (s *Stopping) call(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Calls++
	if s.left--; s.left < 0 {
		return &remote.Error{Op: op, On: "stopped", Kind: remote.ErrUnavailable}
	}
	return nil
}

// Put is counted. It implements remote.Blobs, as do the methods below.
func (s *Stopping) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := s.call(remote.OpPut); err != nil {
		return err
	}
	return s.Store.Put(ctx, name, body)
}

// Get is counted.
func (s *Stopping) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	if err := s.call(remote.OpGet); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, name)
}

// GetRange is counted.
func (s *Stopping) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if err := s.call(remote.OpGetRange); err != nil {
		return err
	}
	return s.Store.GetRange(ctx, name, off, p)
}

// List is counted once.
func (s *Stopping) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	if err := s.call(remote.OpList); err != nil {
		return func(yield func(remote.BlobInfo, error) bool) { yield(remote.BlobInfo{}, err) }
	}
	return s.Store.List(ctx)
}

// Delete is counted.
func (s *Stopping) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := s.call(remote.OpDelete); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}

// Load is counted.
func (s *Stopping) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := s.call(remote.OpLoad); err != nil {
		return crypto.Pointer{}, err
	}
	return s.Store.Load(ctx, id)
}

// Swap is counted.
func (s *Stopping) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := s.call(remote.OpSwap); err != nil {
		return err
	}
	return s.Store.Swap(ctx, old, next)
}
