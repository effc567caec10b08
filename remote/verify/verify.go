// Package verify makes an untrusted remote safe to use: it checks that blobs fit their names, that pointers are signed
// by the keys in their ids, and that no pointer ever goes back to a state older than one seen before.
//
// Some checks are left to others. A range of a blob has no name of its own; the reader authenticates it segment by
// segment. A listing or a size may be a lie; callers use them only to choose garbage. A remote that shows two devices
// two histories is detected only when the devices compare them; each commit names its parent for that.
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// Pin is the newest state of a pointer that was ever returned.
type Pin struct {
	Seq  uint64
	Hash crypto.PointerHash
}

// Pins stores pins durably: a pin must survive a power cut once Save has returned, because the pointer is returned
// right after it. One Pins serves one wrapper at a time; the wrapper never lowers a pin.
type Pins interface {
	// Load returns the pin of a pointer; false: it was never seen.
	Load(crypto.PointerID) (Pin, bool, error)
	// Save replaces the pin of a pointer.
	Save(crypto.PointerID, Pin) error
}

// tries bounds how often Load retries because the pin moved during the request. Each further try needs another pointer
// that overtook it, so a handful is plenty; a remote that needs more misbehaves.
const tries = 8

// store is the wrapper.
type store struct {
	inner remote.Store
	mu    sync.Mutex // held from reading a pin to saving it
	pins  Pins
}

// New returns inner, verified as far as possible.
func New(inner remote.Store, pins Pins) remote.Store {
	return &store{inner: inner, pins: pins}
}

// Put passes the body on so that its bytes are hashed as the driver reads them; bytes of another name make the driver
// fail before it has all of them, and so leave nothing.
func (s *store) Put(ctx context.Context, name crypto.BlobName, b remote.Body) error {
	err := s.inner.Put(ctx, name, wrap(name, b))
	if errors.Is(err, errName) && remote.KindOf(err) != remote.ErrCorrupt {
		// The driver can't know why reading the body failed.
		return remote.Fail(remote.OpPut, name, remote.ErrCorrupt, errName)
	}
	return err
}

// Get returns bytes of that name, or none.
func (s *store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	data, err := s.inner.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(data) > crypto.MaxBlobSize {
		return nil, remote.Fail(remote.OpGet, name, remote.ErrCorrupt,
			fmt.Errorf("it has %d bytes, more than any blob", len(data)))
	}
	if crypto.NameOf(data) != name {
		return nil, remote.Fail(remote.OpGet, name, remote.ErrCorrupt, errName)
	}
	return data, nil
}

// GetRange passes: see the package comment.
func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	return s.inner.GetRange(ctx, name, off, p)
}

// Stat rejects sizes that no blob has.
func (s *store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	size, err := s.inner.Stat(ctx, name)
	if err != nil {
		return 0, err
	}
	return size, possible(remote.OpStat, name, size)
}

// List rejects sizes that no blob has.
func (s *store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		for info, err := range s.inner.List(ctx) {
			if err == nil {
				err = possible("list blob", info.Name, info.Size)
			}
			if err != nil {
				yield(remote.BlobInfo{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// possible returns an error if no blob may have that size.
func possible(op string, name crypto.BlobName, size int64) error {
	if size < 0 || size > crypto.MaxBlobSize {
		return remote.Fail(op, name, remote.ErrCorrupt, fmt.Errorf("no blob has %d bytes", size))
	}
	return nil
}

// Delete passes.
func (s *store) Delete(ctx context.Context, name crypto.BlobName) error {
	return s.inner.Delete(ctx, name)
}

// ID rejects the zero id.
func (s *store) ID(ctx context.Context) (crypto.StoreID, error) {
	id, err := s.inner.ID(ctx)
	if err == nil && id.IsZero() {
		err = remote.Fail(remote.OpID, remote.Place{}, remote.ErrCorrupt, errors.New("it says that it has none"))
	}
	return id, err
}

// Space passes.
func (s *store) Space(ctx context.Context) (remote.Space, error) { return s.inner.Space(ctx) }

// Close closes the remote.
func (s *store) Close() error { return s.inner.Close() }
