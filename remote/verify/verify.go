// Package verify makes an untrusted remote safe to believe: it checks that blobs are what their names say, that
// pointers are signed by whom their ids say, and that no pointer ever goes back to a state older than one seen before.
//
// What it can't check it leaves to others: a range of a blob has no name of its own, and is authenticated segment by
// segment by who opens it; a listing or a size may be a lie, so nobody may draw conclusions from them but what to
// collect; and a remote that shows two devices two histories is found out only when the two compare, which the commits,
// each naming its parent, do.
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

// Pin is the newest state of a pointer that was ever handed out.
type Pin struct {
	Seq  uint64
	Hash crypto.PointerHash
}

// Pins remembers pins durably: what Save returned for must be there after a power cut, because the pointer is handed
// out right after it. One Pins serves one wrapper at a time; the wrapper never lowers a pin.
type Pins interface {
	// Load returns the pin of a pointer; false: it was never seen.
	Load(crypto.PointerID) (Pin, bool, error)
	// Save replaces the pin of a pointer.
	Save(crypto.PointerID, Pin) error
}

// tries bounds how often Load asks again because the pin moved while the answer was under way. Each further try needs
// another pointer that overtook it, so a handful is plenty; beyond that the remote is playing games.
const tries = 8

// store is the wrapper.
type store struct {
	inner remote.Store
	mu    sync.Mutex // held from reading a pin to saving it
	pins  Pins
}

// New returns inner with everything verified that can be.
func New(inner remote.Store, pins Pins) remote.Store {
	return &store{inner: inner, pins: pins}
}

// Put passes the body on so that its bytes are hashed as the driver reads them; bytes of another name make the driver
// fail before it has all of them, and so leave nothing.
func (s *store) Put(ctx context.Context, name crypto.BlobName, b remote.Body) error {
	err := s.inner.Put(ctx, name, wrap(name, b))
	if errors.Is(err, errName) && remote.KindOf(err) != remote.ErrCorrupt {
		// The driver saw a body that can't be read and can't know why.
		return remote.Fail(remote.OpPut, name, remote.ErrCorrupt, errName)
	}
	return err
}

// Get hands out bytes of that name, or none.
func (s *store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	data, err := s.inner.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(data) > crypto.MaxBlobSize {
		return nil, remote.Fail(remote.OpGet, name, remote.ErrCorrupt, fmt.Errorf("it has %d bytes, more than any blob", len(data)))
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

// Stat refuses sizes that no blob has.
func (s *store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	size, err := s.inner.Stat(ctx, name)
	if err != nil {
		return 0, err
	}
	return size, possible(remote.OpStat, name, size)
}

// List refuses sizes that no blob has.
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

// possible reports whether a blob may have that size.
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

// ID refuses the id that no store has.
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
