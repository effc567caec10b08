package commit

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// Uploads brings blobs of a space to its remote. It remembers which staged blobs are there, and the blobs of commits
// that are not known to have landed.
type Uploads struct {
	Store remote.Store
	Home  *local.Home
	Lane  *local.Lane // to the store

	unsettled
	arrivals *arrivals
	left     *leftovers // nil in a space of this account
}

// NewUploads returns the uploads of a space of a home.
func NewUploads(store remote.Store, home *local.Home) *Uploads {
	return &Uploads{Store: store, Home: home, Lane: home.Lane(store), arrivals: newArrivals(home.Area.Names())}
}

// Held returns the blobs that may be needed although no commit is known to refer to them: staged blobs, and the packs
// of commits that may still land.
func (u *Uploads) Held() []crypto.BlobName { return append(u.Home.Area.Names(), u.held()...) }

// Lost is a file or folder that a pending change refers to, and whose blobs were collected while this gateway was away.
type Lost struct {
	Path string
	Blob crypto.BlobName
}

// Restore makes sure that blobs are at the remote. It puts missing ones again, from staging, caches or pins, and
// returns those that it can't restore. paths holds the blobs, with their paths.
func (u *Uploads) Restore(ctx context.Context, paths map[crypto.BlobName]string) ([]Lost, error) {
	var mu sync.Mutex
	var lost []Lost
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for name, path := range paths {
		g.Go(func() error {
			_, err := u.Store.Stat(ctx, name)
			if err == nil || !errors.Is(err, remote.ErrNotFound) {
				return err
			}
			body, err := u.atHand(ctx, name)
			if errors.Is(err, remote.ErrNotFound) {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, Lost{path, name})
				return nil
			}
			if err != nil {
				return err
			}
			u.Home.Log.Info("put again what was collected while this device was away", "path", path, "blob", name.String())
			return u.Store.Put(ctx, name, body)
		})
	}
	return lost, g.Wait()
}

// atHand returns a blob that is missing at the remote, from staging, a cache or a pin. The error is remote.ErrNotFound
// when none of them has it.
func (u *Uploads) atHand(ctx context.Context, name crypto.BlobName) (remote.Body, error) {
	if body, err := u.Home.Area.Body(name); err == nil {
		return body, nil
	}
	b, err := u.Store.Get(ctx, name)
	return remote.BytesBody(b), err
}

// Needs returns the blobs that a state refers to and a commit does not, with their paths, including staged blobs. It
// walks through both trees, so it is called only when there is doubt. on is the commit's whole tree.
func Needs(ctx context.Context, on, files tree.Tree, staged []crypto.BlobName) (map[crypto.BlobName]string, error) {
	walker := tree.NewWalker(0)
	passing := func(err error) error {
		if err != nil && !errors.Is(err, vfs.ErrCorrupt) {
			return err
		}
		return nil
	}
	err := walker.Walk(ctx, on, func(_ context.Context, v tree.Visit) error { return passing(v.Err) })
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	paths := map[crypto.BlobName]string{}
	for _, name := range staged {
		paths[name] = ""
	}
	err = walker.Walk(ctx, files, func(_ context.Context, v tree.Visit) error {
		mu.Lock()
		defer mu.Unlock()
		if name, _, ok := v.Place(); ok && !v.Again && paths[name] == "" {
			paths[name] = v.Path()
		}
		return passing(v.Err)
	})
	return paths, err
}

// Source reads blobs from staging until they are committed, and from the remote afterwards.
type Source struct {
	Store remote.Blobs
	Home  *local.Home
}

// GetRange implements tree.Source and content.Source.
func (s Source) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if s.Home.Area.Has(name) {
		err := s.Home.Area.GetRange(ctx, name, off, p)
		if !errors.Is(err, remote.ErrNotFound) { // released in the meantime: it has landed
			return err
		}
	}
	return s.Store.GetRange(ctx, name, off, p)
}
