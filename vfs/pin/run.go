package pin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// once fetches everything that the pinned paths of the newest commit need, and then drops blobs that they do not need.
func (p *Pinner) once(ctx context.Context) (err error) {
	p.mu.Lock()
	newest, asked, sweep := p.newest, p.asked, p.sweep && p.whole
	pins := maps.Clone(p.pins)
	if newest == nil || p.done >= asked && !sweep {
		p.mu.Unlock()
		return nil
	}
	p.busy = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy, p.failed = false, err
		if err == nil {
			p.done = asked
		}
		close(p.changed)
		p.changed = make(chan struct{})
	}()
	root, _ := newest.Root().Object()
	if newest.Dirty() {
		return errors.New("the newest commit is still only in memory")
	}
	s := &scan{p: p, root: root}
	s.nodes = tree.NewNodes(s, tree.Options{})
	for at, pin := range pins {
		if sweep && pin.walked {
			pin = newPinned()
		}
		if err := s.walk(ctx, at, pin); err != nil {
			return fmt.Errorf("walk %s: %w", at, err)
		}
		if err := s.fetchAll(ctx, pin); err != nil {
			return fmt.Errorf("fetch %s: %w", at, err)
		}
		if sweep {
			p.replace(at, pins[at], pin)
		}
	}
	p.tidy(sweep)
	return nil
}

// replace replaces the needs of a path with those that a sweep found, unless the path is no longer pinned.
func (p *Pinner) replace(at string, was, pin *pinned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pins[at] == was {
		p.pins[at] = pin
	}
}

// tidy drops blobs that no path needs. A path pinned meanwhile may need any blob, and so may a change that is not
// committed: tidy then waits for the next run.
func (p *Pinner) tidy(swept bool) {
	p.mu.Lock()
	if !p.whole {
		p.mu.Unlock()
		return
	}
	needed := map[crypto.BlobName]struct{}{}
	for _, pin := range p.pins {
		if !pin.walked {
			p.mu.Unlock()
			return
		}
		for name := range pin.needs {
			needed[name] = struct{}{}
		}
	}
	if swept {
		p.sweep = false
	}
	since := p.o.Now().Add(-p.o.Grace)
	if len(p.pins) == 0 {
		since = p.o.Now().Add(time.Hour) // no later blob will be needed either
	}
	p.mu.Unlock()
	p.o.Store.dropIdle(needed, since)
}

// scan is one run over one commit. As a tree.Source it fetches each blob whole before the blob is read: all pages are
// needed.
type scan struct {
	p      *Pinner
	root   object.Entry
	nodes  *tree.Nodes
	flight singleflight.Group
}

// GetRange implements tree.Source.
func (s *scan) GetRange(ctx context.Context, name crypto.BlobName, off int64, b []byte) error {
	if err := s.bring(ctx, name); err != nil {
		return err
	}
	return s.p.o.Store.GetRange(ctx, name, off, b)
}

// bring fetches a blob unless it is in the Store, once for all concurrent callers.
func (s *scan) bring(ctx context.Context, name crypto.BlobName) error {
	if _, ok := s.p.o.Store.has(name); ok {
		return nil
	}
	_, err, _ := s.flight.Do(string(name[:]), func() (any, error) {
		if _, ok := s.p.o.Store.has(name); ok {
			return nil, nil
		}
		return nil, s.p.o.Store.fetch(ctx, name)
	})
	return err
}

// walk finds the blobs that a path needs, and fetches the folder pages.
func (s *scan) walk(ctx context.Context, at string, pin *pinned) (err error) {
	defer func() {
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		if pin.walked = err == nil; err != nil {
			pin.walker = nil // not everything that it has visited was fetched
		}
	}()
	there, err := s.lead(ctx, at, pin)
	s.p.mu.Lock()
	// A local move that is not committed yet does not make a path absent.
	pin.absent = there.IsZero() && (s.p.whole || len(pin.needs) == 0)
	s.p.mu.Unlock()
	if err != nil || there.IsZero() {
		return err
	}
	o, _ := there.Object()
	if there.IsFolder() {
		if pin.walker == nil {
			pin.walker = tree.NewWalker(s.p.o.Parallel)
		}
		return s.visit(ctx, tree.New(s.nodes, o), pin.walker, pin)
	}
	// A file is walked as the only child of a made-up folder.
	t, _, err := tree.Apply(ctx, tree.New(s.nodes, object.Entry{}), tree.Put{Path: "/" + path.Base(at), Entry: o})
	if err != nil {
		return err
	}
	return s.visit(ctx, t, tree.NewWalker(s.p.o.Parallel), pin)
}

// lead finds the entry at a path and fetches the pages on the way. The entry is zero if nothing exists at the path.
func (s *scan) lead(ctx context.Context, at string, pin *pinned) (tree.Entry, error) {
	way := &way{scan: s, pin: pin}
	e, err := tree.New(tree.NewNodes(way, tree.Options{}), s.root).Lookup(ctx, at)
	if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
		return tree.Entry{}, nil
	}
	return e, err
}

// way is a tree.Source that records its reads: the bytes needed to reach a path.
type way struct {
	*scan
	pin *pinned
}

// GetRange implements tree.Source.
func (w *way) GetRange(ctx context.Context, name crypto.BlobName, off int64, b []byte) error {
	w.need(w.pin, name, int64(len(b)))
	return w.scan.GetRange(ctx, name, off, b)
}

// need records that a path needs n bytes of a blob.
func (s *scan) need(pin *pinned, name crypto.BlobName, n int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	pin.needs[name] += n
}

// visit records everything that a tree refers to. Damaged files are skipped, and the rest is kept.
func (s *scan) visit(ctx context.Context, t tree.Tree, w *tree.Walker, pin *pinned) error {
	return w.Walk(ctx, t, func(_ context.Context, v tree.Visit) error {
		if v.Err != nil {
			if !errors.Is(v.Err, vfs.ErrCorrupt) && !errors.Is(v.Err, crypto.ErrFormat) {
				return v.Err
			}
			s.p.o.Log.Warn("something pinned is damaged", "path", v.Path(), "error", v.Err)
			return nil
		}
		if name, _, ok := v.Place(); ok {
			n := int64(v.Sealed)
			if v.Again {
				n = 0
			}
			s.need(pin, name, n)
		}
		return nil
	})
}

// fetchAll fetches the missing blobs of a path. It skips blobs that the remote has lost. After any other failure it
// starts no further fetch; fetches in progress may still succeed.
func (s *scan) fetchAll(ctx context.Context, pin *pinned) error {
	s.p.mu.Lock()
	names := slices.Collect(maps.Keys(pin.needs))
	s.p.mu.Unlock()
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(s.p.o.Parallel)
	for _, name := range names {
		if failed.Load() || ctx.Err() != nil {
			break
		}
		if _, ok := s.p.o.Store.has(name); ok {
			continue
		}
		g.Go(func() error {
			err := s.bring(ctx, name)
			if errors.Is(remote.KindOf(err), remote.ErrNotFound) || errors.Is(remote.KindOf(err), remote.ErrCorrupt) {
				s.p.o.Log.Warn("the remote has lost something pinned", "error", err)
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
