package pin

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// scan is one run over the newest commit of one space. As a tree.Source it fetches each blob whole before the blob is
// read: all pages are needed.
type scan struct {
	k      *keeper
	root   object.Entry
	whole  bool  // the commit holds all changes made here
	err    error // why the commit can't be read
	nodes  *tree.Nodes
	flight singleflight.Group
}

// GetRange implements tree.Source.
func (s *scan) GetRange(ctx context.Context, name crypto.BlobName, off int64, b []byte) error {
	if err := s.bring(ctx, name); err != nil {
		return err
	}
	return s.k.store.GetRange(ctx, name, off, b)
}

// bring fetches a blob unless it is in the Store, once for all concurrent callers.
func (s *scan) bring(ctx context.Context, name crypto.BlobName) error {
	if _, ok := s.k.store.has(name); ok {
		return nil
	}
	_, err, _ := s.flight.Do(string(name[:]), func() (any, error) {
		if _, ok := s.k.store.has(name); ok {
			return nil, nil
		}
		return nil, s.k.store.fetch(ctx, name)
	})
	return err
}

// walk finds the blobs that a path within the space needs, and fetches the folder pages.
func (s *scan) walk(ctx context.Context, at string, part *part) (err error) {
	defer func() {
		s.k.mu.Lock()
		defer s.k.mu.Unlock()
		if part.known = err == nil; part.known {
			part.walked = true
		} else {
			part.walker = nil // not everything that it has visited was fetched
		}
	}()
	there, err := s.lead(ctx, at, part)
	s.k.mu.Lock()
	// A local move that is not committed yet does not make a path absent.
	part.absent = there.IsZero() && (s.whole || len(part.needs) == 0)
	s.k.mu.Unlock()
	if err != nil || there.IsZero() {
		return err
	}
	o, _ := there.Object()
	if there.IsFolder() {
		if part.walker == nil {
			part.walker = tree.NewWalker(s.k.o.Parallel)
		}
		return s.visit(ctx, tree.New(s.nodes, o), part.walker, part)
	}
	// A file is walked as the only child of a made-up folder.
	t, _, err := tree.Apply(ctx, tree.New(s.nodes, object.Entry{}), tree.Put{Path: "/" + path.Base(at), Entry: o})
	if err != nil {
		return err
	}
	return s.visit(ctx, t, tree.NewWalker(s.k.o.Parallel), part)
}

// lead finds the entry at a path and fetches the pages on the way. The entry is zero if nothing exists at the path.
func (s *scan) lead(ctx context.Context, at string, part *part) (tree.Entry, error) {
	way := &way{scan: s, part: part}
	e, err := tree.New(tree.NewNodes(way, tree.Options{}), s.root).Lookup(ctx, at)
	if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
		return tree.Entry{}, nil
	}
	return e, err
}

// way is a tree.Source that records its reads: the bytes needed to reach a path.
type way struct {
	*scan
	part *part
}

// GetRange implements tree.Source.
func (w *way) GetRange(ctx context.Context, name crypto.BlobName, off int64, b []byte) error {
	w.need(w.part, name, int64(len(b)))
	return w.scan.GetRange(ctx, name, off, b)
}

// need records that a path needs n bytes of a blob.
func (s *scan) need(part *part, name crypto.BlobName, n int64) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	part.needs[name] += n
}

// visit records everything that a tree refers to. Damaged files are skipped, and the rest is kept.
func (s *scan) visit(ctx context.Context, t tree.Tree, w *tree.Walker, part *part) error {
	return w.Walk(ctx, t, func(_ context.Context, v tree.Visit) error {
		if v.Err != nil {
			if !errors.Is(v.Err, vfs.ErrCorrupt) && !errors.Is(v.Err, crypto.ErrFormat) {
				return v.Err
			}
			s.k.o.Log.Warn("something pinned is damaged", "path", v.Path(), "error", v.Err)
			return nil
		}
		if name, _, ok := v.Place(); ok {
			n := int64(v.Sealed)
			if v.Again {
				n = 0
			}
			s.need(part, name, n)
		}
		return nil
	})
}

// fetchAll fetches the missing blobs of a path. It skips blobs that the remote has lost. After any other failure it
// starts no further fetch; fetches in progress may still succeed.
func (s *scan) fetchAll(ctx context.Context, part *part) error {
	s.k.mu.Lock()
	names := slices.Collect(maps.Keys(part.needs))
	s.k.mu.Unlock()
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(s.k.o.Parallel)
	for _, name := range names {
		if failed.Load() || ctx.Err() != nil {
			break
		}
		if _, ok := s.k.store.has(name); ok {
			continue
		}
		g.Go(func() error {
			err := s.bring(ctx, name)
			if errors.Is(remote.KindOf(err), remote.ErrNotFound) || errors.Is(remote.KindOf(err), remote.ErrCorrupt) {
				s.k.o.Log.Warn("the remote has lost something pinned", "error", err)
				return nil
			}
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
