package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Apply makes one change of the files: it implements fsck.Editor.
func (s *Space) Apply(ctx context.Context, op tree.Op) error {
	_, err := s.make(ctx, change{op: op})
	if happened(err) {
		return nil
	}
	return err
}

// Fsck checks what the newest commit leads to; see package fsck. Store, At, Older, Lost, Editor, Version, Now and Log
// of the options are the space's, and what is staged is a source. Store may be given, to get at the remote past what
// stands before it. What is not committed yet is not checked: call Flush before. A repair that finds the newest commit
// lost goes back to the one before.
func (s *Space) Fsck(ctx context.Context, o fsck.Options) (fsck.Report, error) {
	given := o
	if o.Store == nil {
		o.Store = s.store
	}
	p, err := s.store.Load(ctx, s.keys.ID)
	if err != nil && o.Repair {
		p, err = s.putBack(ctx, err)
	}
	if err != nil {
		return fsck.Report{}, fmt.Errorf("load the drive's newest state: %w", err)
	}
	head, err := openHead("open the drive's newest state", s.keys.Capability, p)
	if err != nil {
		return fsck.Report{}, err
	}
	o.At = head.Commit
	if known, err := s.saved(); err == nil {
		o.Older = append(o.Older, known.ref, known.commit.Parent.Commit)
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the commit that was noted here can't be read", "error", err)
	}
	o.Sources = append([]fsck.Source{s.area}, o.Sources...)
	o.Editor, o.Version = s, func() (vfs.Version, error) { return newVersion(s.rand) }
	o.Now, o.Log, o.Lost = s.now, s.log, s.lost()
	r, err := fsck.Run(ctx, o)
	switch {
	case err != nil || !o.Repair:
		return r, err
	case r.Fallback == (object.Ref{}):
		if err := s.rewrite(ctx, &r); err != nil {
			return r, err
		}
		return r, s.giveUp(r.Lost)
	}
	if err := s.goBack(ctx, r.Fallback); err != nil {
		return r, fmt.Errorf("go back to an older commit: %w", err)
	}
	lost := r.Damage[:1:1]
	lost[0].WentBack = r.Commit
	again, err := s.Fsck(ctx, given) // and what else there is
	again.Damage = append(lost, again.Damage...)
	return again, err
}

// putBack points to the commit that this device knows where the remote has lost the pointer, and else returns why it
// could not be loaded.
func (s *Space) putBack(ctx context.Context, lost error) (crypto.Pointer, error) {
	known, err := s.saved()
	switch {
	case err != nil || known.pointer.ID != s.keys.ID:
		return crypto.Pointer{}, lost
	case errors.Is(lost, remote.ErrCorrupt):
		return crypto.Pointer{}, fmt.Errorf("%w; remove it there and run this again: then it is put back as this device knows it", lost)
	case !errors.Is(lost, remote.ErrNotFound) && !errors.Is(lost, remote.ErrRollback):
		return crypto.Pointer{}, lost
	}
	next, err := s.pointTo(known.head(), known.pointer.Seq+1) // what was seen is not swapped in again
	if err != nil {
		return crypto.Pointer{}, err
	}
	if err := s.store.Swap(ctx, crypto.PointerHash{}, next); err != nil { // there is an older one: a rollback
		return crypto.Pointer{}, lost
	}
	s.log.Warn("the remote had lost the drive's pointer; it leads again where this device knows it to", "seq", next.Seq)
	return s.store.Load(ctx, next.ID)
}

// doubtful reports whether part of what the pending changes refer to may have been collected. What they were made to
// was needed when the remote last showed it as the newest state, at a time by the clock here that is given. No
// collection deletes what it has not seen unneeded for a grace period, so before that has passed all is there. Half of
// it is left for a clock that was set meanwhile. A machine that is suspended counts as away, and so does one whose
// clock shows less than it did.
func (s *Space) doubtful(sure time.Time) bool {
	now := s.now()
	return now.Round(0).Before(sure.Round(0)) || gc.Apart(now, sure) > s.grace/2
}

// Lost is something that a pending change refers to and that was collected while this gateway was away.
type Lost struct {
	Path string
	Blob crypto.BlobName
}

// needs tells, by the blobs they lie in, the paths of what a state refers to beyond what a commit does, the staged
// blobs among it. It walks through both, so it is only called when there is doubt.
func (s *Space) needs(ctx context.Context, on base, files tree.Tree, staged []crypto.BlobName) (map[crypto.BlobName]string, error) {
	walker := tree.NewWalker(0)
	passing := func(err error) error {
		if err != nil && !errors.Is(err, vfs.ErrCorrupt) {
			return err
		}
		return nil
	}
	if err := walker.Walk(ctx, on.whole, func(_ context.Context, v tree.Visit) error { return passing(v.Err) }); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	paths := map[crypto.BlobName]string{}
	for _, name := range staged {
		paths[name] = ""
	}
	err := walker.Walk(ctx, files, func(_ context.Context, v tree.Visit) error {
		mu.Lock()
		defer mu.Unlock()
		if name, _, ok := v.Place(); ok && !v.Again && paths[name] == "" {
			paths[name] = v.Path()
		}
		return passing(v.Err)
	})
	return paths, err
}

// restore sees that blobs are at the remote. What is not is put again, from staging or from what caches and pins hold
// of it; it tells what can't be.
func (s *Space) restore(ctx context.Context, paths map[crypto.BlobName]string) ([]Lost, error) {
	var mu sync.Mutex
	var lost []Lost
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * uploads)
	for name, path := range paths {
		g.Go(func() error {
			_, err := s.store.Stat(ctx, name)
			if err == nil || !errors.Is(err, remote.ErrNotFound) {
				return err
			}
			body, err := s.atHand(ctx, name)
			if errors.Is(err, remote.ErrNotFound) {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, Lost{path, name})
				return nil
			}
			if err != nil {
				return err
			}
			s.log.Info("put again what was collected while this device was away", "path", path, "blob", name.String())
			return s.store.Put(ctx, name, body)
		})
	}
	return lost, g.Wait()
}

// atHand is a blob that is not at the remote, from staging or as caches and pins have it. The error is
// remote.ErrNotFound when nobody does.
func (s *Space) atHand(ctx context.Context, name crypto.BlobName) (remote.Body, error) {
	if body, err := s.area.Body(name); err == nil {
		return body, nil
	}
	b, err := s.store.Get(ctx, name)
	return remote.BytesBody(b), err
}

// assure makes sure, before the pointer swings to a state, that all it refers to is at the remote. Usually there is
// nothing to do.
func (c *committer) assure(ctx context.Context, h *head) (err error) {
	if !c.s.doubtful(c.sure) {
		return nil
	}
	staged := c.s.stagedUpTo(h.seq)
	if c.doubts, err = c.s.needs(ctx, c.base, h.tree, staged); err == nil {
		err = c.settleDoubts(ctx)
	}
	if err != nil {
		return fmt.Errorf("look whether all that was uploaded is still there: %w", err)
	}
	for _, name := range staged {
		delete(c.doubts, name) // nobody else knows them, and they won't be staged for long
	}
	return nil
}

// settleDoubts looks whether all is there of which there is doubt. It is called again some time after the pointer has
// swung: a collection that looked for the newest state just before is through by then with what it deletes.
func (c *committer) settleDoubts(ctx context.Context) error {
	lost, err := c.s.restore(ctx, c.doubts)
	if err != nil {
		return err
	}
	for _, l := range lost {
		c.s.log.Error("a file or folder was deleted on another device and collected while this device was away, and is not here either", "path", l.Path, "blob", l.Blob.String())
		delete(c.doubts, l.Blob)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Lost += len(lost)
	return nil
}
