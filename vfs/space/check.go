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
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Apply makes one change of the files: it implements fsck.Editor.
func (s *Space) Apply(ctx context.Context, op tree.Op) error {
	_, err := s.make(ctx, change{op: op})
	return err
}

// Fsck checks what the newest commit leads to; see package fsck. Store, At, Older, Editor, Version, Now and Log of the options are the
// space's, and what is staged is a source. Store may be given, to get at the remote past what stands before it. What is not committed
// yet is not checked: call Flush before.
func (s *Space) Fsck(ctx context.Context, o fsck.Options) (fsck.Report, error) {
	if o.Store == nil {
		o.Store = s.store
	}
	p, err := s.store.Load(ctx, s.account.Writer().ID())
	if err != nil {
		return fsck.Report{}, fmt.Errorf("load the drive's newest state: %w", err)
	}
	value, err := crypto.OpenValue(s.account.Reader(), p)
	if err != nil {
		return fsck.Report{}, corrupt("open the drive's newest state", err)
	}
	if o.At, err = object.DecodeHead(value); err != nil {
		return fsck.Report{}, corrupt("open the drive's newest state", err)
	}
	if known, err := s.saved(); err == nil {
		o.Older = append(o.Older, known.ref, known.commit.Parent.Commit)
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the commit that was noted here can't be read", "error", err)
	}
	o.Sources = append([]fsck.Source{s.area}, o.Sources...)
	o.Editor, o.Version = s, func() (vfs.Version, error) { return newVersion(s.rand) }
	o.Now, o.Log = s.now, s.log
	return fsck.Run(ctx, o)
}

// presence tells whether what pending changes refer to is surely at the remote. While the remote is looked at more often than a grace
// period is long, it is: nothing that this gateway has seen needed is collected within one.
type presence struct {
	sure  time.Time // when the remote last showed a state that is the base now
	doubt bool      // changes are pending that were made to a base older than a grace period
}

// seen notes that the remote has shown its newest state.
func (p *presence) seen(now time.Time, grace time.Duration, pending bool) {
	if pending && now.Sub(p.sure) > grace {
		p.doubt = true
	}
	p.sure = now
}

// landed notes that a commit with all that is pending has landed, or that nothing was.
func (p *presence) landed(now time.Time) { *p = presence{sure: now} }

// Lost is something that a pending change refers to and that was collected while this gateway was away.
type Lost struct {
	Path string
	Blob crypto.BlobName
}

// assure makes sure, before the pointer swings, that all is at the remote that a state refers to beyond what the newest commit does.
// What is staged is put again; of the rest it tells what is gone. It walks through both states, so it is only called when there is doubt.
func (s *Space) assure(ctx context.Context, on base, files tree.Tree, staged []crypto.BlobName) ([]Lost, error) {
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
	if err != nil {
		return nil, err
	}
	var lost []Lost
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * uploads)
	for name, path := range paths {
		g.Go(func() error {
			_, err := s.store.Stat(ctx, name)
			if err == nil || !errors.Is(err, remote.ErrNotFound) {
				return err
			}
			if body, err := s.area.Body(name); err == nil {
				return s.store.Put(ctx, name, body)
			}
			mu.Lock()
			defer mu.Unlock()
			lost = append(lost, Lost{path, name})
			return nil
		})
	}
	return lost, g.Wait()
}

// sureOf is called before the pointer swings to a sealed attempt, which began at a time. Usually there is nothing to do.
func (c *committer) sureOf(ctx context.Context, h *head, began time.Time) error {
	if !c.presence.doubt && c.s.now().Sub(began) <= c.s.grace/2 {
		return nil
	}
	lost, err := c.s.assure(ctx, c.base, h.tree, c.s.stagedUpTo(h.seq))
	if err != nil {
		return fmt.Errorf("look whether all that was uploaded is still there: %w", err)
	}
	for _, l := range lost {
		c.s.log.Error("a file or folder was collected at the remote while this device was away, and is not here either", "path", l.Path, "blob", l.Blob.String())
	}
	return nil
}
