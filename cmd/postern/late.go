package main

import (
	"context"
	"iter"
	"log/slog"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// late is a remote that is opened when it is there: until then it can't be reached.
type late struct {
	to       target
	founding bool
	log      *slog.Logger

	mu     sync.Mutex
	store  remote.Store // nil: not open yet
	closed bool
}

// openLate opens a remote now if it is there, else later. It fails for what will never be one.
func openLate(ctx context.Context, to target, founding bool, log *slog.Logger) (remote.Store, error) {
	l := &late{to: to, founding: founding, log: log}
	if _, err := l.open(ctx, remote.OpLoad); err != nil && remote.OfKind(err, remote.ErrForeign) {
		return nil, err
	}
	return l, nil
}

func (l *late) open(ctx context.Context, op string) (remote.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		return l.store, nil
	}
	if l.closed {
		return nil, remote.Fail(op, l.to, remote.ErrClosed, nil)
	}
	store, err := l.to.open(ctx, l.founding, l.log)
	switch {
	case remote.OfKind(err, remote.ErrForeign):
		return nil, err
	case err != nil:
		return nil, remote.Fail(op, l.to, remote.ErrUnavailable, err)
	}
	l.store = store
	return store, nil
}

// Put implements remote.Blobs, as do those that follow.
func (l *late) Put(ctx context.Context, name crypto.BlobName, b remote.Body) error {
	s, err := l.open(ctx, remote.OpPut)
	if err != nil {
		return err
	}
	return s.Put(ctx, name, b)
}

func (l *late) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	s, err := l.open(ctx, remote.OpGet)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, name)
}

func (l *late) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s, err := l.open(ctx, remote.OpGet)
	if err != nil {
		return err
	}
	return s.GetRange(ctx, name, off, p)
}

func (l *late) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	s, err := l.open(ctx, remote.OpStat)
	if err != nil {
		return 0, err
	}
	return s.Stat(ctx, name)
}

func (l *late) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	s, err := l.open(ctx, remote.OpList)
	if err != nil {
		return func(yield func(remote.BlobInfo, error) bool) { yield(remote.BlobInfo{}, err) }
	}
	return s.List(ctx)
}

func (l *late) Delete(ctx context.Context, name crypto.BlobName) error {
	s, err := l.open(ctx, remote.OpDelete)
	if err != nil {
		return err
	}
	return s.Delete(ctx, name)
}

// Load implements remote.Pointers, as does Swap.
func (l *late) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	s, err := l.open(ctx, remote.OpLoad)
	if err != nil {
		return crypto.Pointer{}, err
	}
	return s.Load(ctx, id)
}

func (l *late) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	s, err := l.open(ctx, remote.OpSwap)
	if err != nil {
		return err
	}
	return s.Swap(ctx, old, next)
}

// Space implements remote.Store, as does Close.
func (l *late) Space(ctx context.Context) (remote.Space, error) {
	s, err := l.open(ctx, remote.OpSpace)
	if err != nil {
		return remote.Space{}, err
	}
	return s.Space(ctx)
}

func (l *late) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.store == nil {
		return nil
	}
	return l.store.Close()
}
