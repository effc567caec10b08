package commit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

// atOnce is how many staged blobs one caller looks for, sends or checks at once. How many of them are on their way, the
// lane decides.
const atOnce = 16

// sending brings the blobs of one attempt to the remote, while the attempt goes on. It checks that the remote has each:
// staging drops its blobs once the commit has landed, so they could not be put again later. When one fails, those on
// their way still arrive, so that the next attempt need not send them again.
type sending struct {
	u      *Uploads
	ctx    context.Context
	g      errgroup.Group
	failed atomic.Bool
}

// begin starts to bring the blobs of an attempt to the remote. It abandons the attempt before, unless that was sent.
func (u *Uploads) begin(ctx context.Context) *sending {
	u.abandon()
	u.left.begin()
	return &sending{u: u, ctx: ctx}
}

// run runs a part of the sending.
func (s *sending) run(part func() error) {
	s.g.Go(func() error {
		err := part()
		if err != nil {
			s.failed.Store(true)
		}
		return err
	})
}

// staged sends staged blobs.
func (s *sending) staged(names []crypto.BlobName) {
	s.run(func() error { return s.u.bring(s.ctx, names) })
}

// pack sends a pack, which it owns from now on. It returns as soon as the pack is on its way. Packs are as large as
// blobs may be, on a thin line, too: smaller ones would save nothing, since an attempt that fails packs all anew.
func (s *sending) pack(_ context.Context, blob []byte) (crypto.BlobName, error) {
	name := crypto.NameOf(blob)
	s.u.put(name)
	if s.failed.Load() {
		return name, s.wait()
	}
	if err := s.u.left.add(name); err != nil {
		return name, fmt.Errorf("note what is put: %w", err)
	}
	if err := s.u.Lane.Enter(s.ctx); err != nil {
		return name, err
	}
	s.run(func() error { return s.u.transfer(s.ctx, name, remote.BytesBody(blob)) })
	return name, nil
}

// wait returns when the remote has all blobs.
func (s *sending) wait() error { return s.g.Wait() }

// bring brings staged blobs to the remote that it does not have yet.
func (u *Uploads) bring(ctx context.Context, names []crypto.BlobName) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	var failed atomic.Bool
	for _, name := range names {
		g.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := u.arrivals.bring(ctx, name, func(ctx context.Context, doubtful bool) error {
				return u.upload(ctx, name, doubtful)
			})
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return g.Wait()
}

// upload puts a staged blob. doubtful: the remote may have it, so that it is asked first.
func (u *Uploads) upload(ctx context.Context, name crypto.BlobName, doubtful bool) error {
	body, err := u.Home.Area.Body(name)
	if err != nil {
		return fmt.Errorf("a staged blob is missing: %w", err)
	}
	if doubtful {
		if there, err := u.has(ctx, name, body.Size()); there || err != nil {
			return err
		}
	}
	for again := false; ; again = true {
		if err := u.Lane.Enter(ctx); err != nil {
			return err
		}
		if err = u.transfer(ctx, name, body); again || !errors.Is(err, errNotKept) {
			return err
		}
		u.Home.Log.Warn("the remote did not keep a blob that it had accepted; it is put again", "blob", name.String())
	}
}

// transfer puts a blob that has entered the lane, and checks that the remote has it.
func (u *Uploads) transfer(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	began := time.Now()
	err := u.Store.Put(ctx, name, body)
	switch {
	case err == nil && body.Size() >= crypto.ChunkSize:
		u.Lane.Leave(time.Since(began))
	case ctx.Err() == nil && errors.Is(err, remote.ErrUnavailable):
		u.Lane.Failed()
	default:
		u.Lane.Leave(0)
	}
	if err != nil {
		return err
	}
	began = time.Now()
	there, err := u.has(ctx, name, body.Size())
	if err != nil {
		return err
	}
	u.Lane.Answered(time.Since(began))
	if !there {
		return remote.Fail("look for blob", name, remote.ErrUnavailable, errNotKept)
	}
	return nil
}

var errNotKept = errors.New("the remote accepted it and does not keep it")

// has reports whether the remote has a blob of this size.
func (u *Uploads) has(ctx context.Context, name crypto.BlobName, size int64) (bool, error) {
	have, err := u.Store.Stat(ctx, name)
	if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) {
		return false, nil
	}
	return have == size, err
}

// present makes sure, before a pointer is sent again, that the remote still has every blob of the attempt, whole. Packs
// are not kept locally, so a missing pack fails the attempt, and the next one packs anew.
func (u *Uploads) present(ctx context.Context, put map[crypto.BlobName]int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for name, size := range put {
		g.Go(func() error {
			there, err := u.has(ctx, name, size)
			if there || err != nil {
				return err
			}
			if u.Home.Area.Has(name) {
				return u.upload(ctx, name, false)
			}
			return remote.Fail("look for blob", name, remote.ErrUnavailable, errNotKept)
		})
	}
	return g.Wait()
}
