package space_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
)

var errAway = &remote.Error{Op: "reach", On: "the remote", Kind: remote.ErrUnavailable, Err: errors.New("switched off")}

// switched is a remote that can be switched off, and that can lose the reply to one swap.
type switched struct {
	remote.Store
	off, loseReply, rolledBack atomic.Bool
	loads                      atomic.Int64 // how often the pointer was loaded
	cached                     sync.Map     // blobs that were read or put, which stay readable offline
}

func (s *switched) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if s.off.Load() {
		return errAway
	}
	s.cached.Store(name, true)
	return s.Store.Put(ctx, name, body)
}

func (s *switched) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if _, ok := s.cached.Load(name); s.off.Load() && !ok {
		return errAway
	}
	s.cached.Store(name, true)
	return s.Store.GetRange(ctx, name, off, p)
}

func (s *switched) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	s.loads.Add(1)
	if s.off.Load() {
		return crypto.Pointer{}, errAway
	}
	if s.rolledBack.Load() {
		return crypto.Pointer{}, &remote.Error{Op: "load pointer", On: id.String(), Kind: remote.ErrRollback}
	}
	return s.Store.Load(ctx, id)
}

func (s *switched) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if s.off.Load() {
		return errAway
	}
	err := s.Store.Swap(ctx, old, next)
	if s.loseReply.CompareAndSwap(true, false) {
		return errAway
	}
	return err
}
