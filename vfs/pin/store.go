// Package pin keeps folders readable while the remote is unreachable: all blobs that the pinned paths need are also in
// a local store, sealed as they are, and are read from there first.
//
// Store is a remote.Store in front of the remote that reads from the local store before it asks the remote. Pinner
// fills it: after each commit it walks the pinned paths of the newest tree, fetches missing blobs and, now and then,
// drops blobs that are no longer needed. Fetched blobs survive interruptions, so the next run continues where the last
// one stopped.
//
// A pinned path may hold other spaces, mounted at or below it, and their files are kept as well. Each remote has its
// own Store, filled by a goroutine of its own, so a failing or slow one delays no other. The blobs of a space that is
// unmounted stay for a while, since its mount may come back. As long as a space has not been read since the start,
// nothing is dropped from its Store.
//
// A pin belongs to a path, not to the file at it: a file that replaces another is kept, and a path where nothing exists
// yet is kept once something does. But when a folder is renamed or moved here, also to another space, the pins at and
// below it move along. A renamed file leaves its pin behind, because programs save that way: they rename the old
// version away and the new one into its place. The history is not kept.
package pin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
)

// StoreOptions are the choices of NewStore. The zero value works.
type StoreOptions struct {
	// From is the source of missing blobs: the remote below the caches, since a folder of films would flush them. It must
	// verify names. Nil: the remote that the Store wraps.
	From remote.Blobs
	// Spare is the number of uploaded bytes kept before they are known to be needed. 0: DefaultSpare.
	Spare int64
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: quiet
}

// DefaultSpare is room for two hundred full blobs. A larger upload in one go is fetched again if it is pinned.
const DefaultSpare = 1 << 30

// Store is a remote with some of its blobs in a local store.
type Store struct {
	inner remote.Store
	local remote.Store
	o     StoreOptions

	keeps atomic.Bool // uploaded blobs are kept until they are known not to be needed

	mu     sync.Mutex
	held   map[crypto.BlobName]holding
	bytes  int64
	spare  int64                        // uploaded bytes not known to be needed
	coming int                          // blobs being added
	gone   map[crypto.BlobName]struct{} // names dropped while blobs are being added
}

// holding describes a blob in the local store.
type holding struct {
	size int64
	at   time.Time // time of arrival, or of the start
}

var _ remote.Store = (*Store)(nil)

// NewStore wraps a remote with a local store, which need not verify anything. It lists the local store, and its Close
// closes both.
func NewStore(ctx context.Context, inner, local remote.Store, o StoreOptions) (*Store, error) {
	if o.From == nil {
		o.From = inner
	}
	if o.Spare <= 0 {
		o.Spare = DefaultSpare
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{inner: inner, local: local, o: o, held: map[crypto.BlobName]holding{},
		gone: map[crypto.BlobName]struct{}{}}
	for info, err := range local.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the pinned blobs: %w", err)
		}
		s.held[info.Name] = holding{info.Size, o.Now()} // judged later, since its space may not be mounted yet
		s.bytes += info.Size
	}
	return s, nil
}

// has returns the size of a blob in the local store.
func (s *Store) has(name crypto.BlobName) (size int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[name]
	return h.size, ok
}

// Held returns the number of blobs in the local store, and their bytes.
func (s *Store) Held() (blobs int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held), s.bytes
}

// expect announces that a blob may be stored. The returned function ends the expectation.
func (s *Store) expect() (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.coming--; s.coming == 0 {
			clear(s.gone)
		}
	}
}

// add puts an expected blob into the local store, unless the blob was dropped since.
func (s *Store) add(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := s.local.Put(ctx, name, body); err != nil {
		return err
	}
	s.mu.Lock()
	if _, ok := s.held[name]; !ok {
		s.held[name] = holding{body.Size(), s.o.Now()}
		s.bytes += body.Size()
	}
	_, late := s.gone[name]
	s.mu.Unlock()
	if late {
		s.drop(name)
	}
	return nil
}

// drop removes a blob from the local store. A file that cannot be removed is found and judged again after the next
// start.
func (s *Store) drop(name crypto.BlobName) {
	s.mu.Lock()
	if s.coming > 0 {
		s.gone[name] = struct{}{}
	}
	h, ok := s.held[name]
	delete(s.held, name)
	s.bytes -= h.size
	s.mu.Unlock()
	if !ok {
		return
	}
	if err := s.local.Delete(context.Background(), name); err != nil {
		s.o.Log.Warn("a blob that is no longer pinned could not be removed", "error", err)
	}
}

// take reserves room for a blob that may not be needed.
func (s *Store) take(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare+n > s.o.Spare {
		return false
	}
	s.spare += n
	return true
}

// dropIdle drops unneeded blobs that arrived before a time.
func (s *Store) dropIdle(needed map[crypto.BlobName]struct{}, before time.Time) {
	var idle []crypto.BlobName
	s.mu.Lock()
	s.spare = 0
	for name, h := range s.held {
		if _, ok := needed[name]; ok {
			continue
		}
		if h.at.Before(before) {
			idle = append(idle, name)
		} else {
			s.spare += h.size
		}
	}
	s.mu.Unlock()
	for _, name := range idle {
		s.drop(name)
	}
}

// fetch copies a blob from the remote to the local store.
func (s *Store) fetch(ctx context.Context, name crypto.BlobName) error {
	defer s.expect()()
	data, err := s.o.From.Get(ctx, name)
	if err != nil {
		return err
	}
	if crypto.NameOf(data) != name {
		return remote.Fail(remote.OpGet, name, remote.ErrCorrupt, nil)
	}
	return s.add(ctx, name, remote.BytesBody(data))
}

// read reads a whole blob from the local store, and drops it if it is damaged.
func (s *Store) read(ctx context.Context, name crypto.BlobName) ([]byte, bool) {
	if _, ok := s.has(name); !ok {
		return nil, false
	}
	data, err := s.local.Get(ctx, name)
	switch {
	case ctx.Err() != nil:
		return nil, false
	case err == nil && crypto.NameOf(data) == name:
		return data, true
	}
	s.o.Log.Warn("a pinned blob is damaged and is fetched again from the remote", "error", err)
	s.drop(name)
	return nil, false
}

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	if data, ok := s.read(ctx, name); ok {
		return data, nil
	}
	return s.inner.Get(ctx, name)
}

// GetRange implements remote.Blobs. A caller that asks past caches has met wrong bytes. A local blob whose bytes fit
// its name is what the remote has too, and is returned without a request.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	size, ok := s.has(name)
	if ok && remote.IsPastCaches(ctx) {
		_, ok = s.read(ctx, name)
	}
	if !ok || ctx.Err() != nil {
		return s.inner.GetRange(ctx, name, off, p)
	}
	if _, err := remote.Clip(ctx, name, size, off, p); err != nil {
		return err
	}
	err := s.local.GetRange(ctx, name, off, p)
	if err == nil {
		return nil
	}
	if kind := remote.KindOf(err); errors.Is(kind, remote.ErrNotFound) || errors.Is(kind, remote.ErrCorrupt) {
		s.drop(name)
	}
	return s.inner.GetRange(ctx, name, off, p)
}

// Put implements remote.Blobs. While anything is pinned the blob stays in the local store as well: the commit that it
// belongs to may need it, and it would have to be fetched again. For a staged blob that costs only a hard link.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	defer s.expect()()
	if err := s.inner.Put(ctx, name, body); err != nil || !s.keeps.Load() || !s.take(body.Size()) {
		return err
	}
	if err := s.add(ctx, name, body); err != nil {
		s.o.Log.Info("an uploaded blob could not be kept for pinned paths; it is fetched when it is needed", "error", err)
	}
	return nil
}

// Delete implements remote.Blobs. It drops the local blob even if the remote fails, since the remote may have deleted
// the blob nevertheless.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	err := s.inner.Delete(ctx, name)
	s.drop(name)
	return err
}

// Stat calls the remote.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	return s.inner.Stat(ctx, name)
}

// List calls the remote.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] { return s.inner.List(ctx) }

// Load calls the remote.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	return s.inner.Load(ctx, id)
}

// Swap calls the remote.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	return s.inner.Swap(ctx, old, next)
}

// Changed calls the remote.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	return s.inner.Changed(ctx, since)
}

// ID calls the remote.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) { return s.inner.ID(ctx) }

// Roles returns the remote's roles.
func (s *Store) Roles() remote.Roles { return s.inner.Roles() }

// Space calls the remote.
func (s *Store) Space(ctx context.Context) (remote.Space, error) { return s.inner.Space(ctx) }

// Close closes the remote and the local store.
func (s *Store) Close() error { return errors.Join(s.inner.Close(), s.local.Close()) }
