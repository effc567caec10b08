package space

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/vfs"
)

// recover takes up where the last run ended: the commit that the journal's records were made to, and those records on top.
func (s *Space) recover(ctx context.Context, begin beginning) (*replay, error) {
	was := begin.local
	r, err := s.replay(ctx, was)
	again := begin.trouble == nil && s.collected(err, was.shown)
	if again {
		r, err = s.replayOnto(ctx, begin)
	}
	if err != nil {
		return nil, err
	}
	s.pending = r.pending
	s.committed.Store(&r.on.whole)
	found := &head{tree: r.batch.Tree(), seq: r.seq}
	s.head.Store(found)
	s.shown.Store(found)
	if err := s.reviseStaging(); err != nil {
		return nil, err
	}
	if len(r.pending) == 0 {
		if err := s.journal.Skip(was.commit.Latest(s.device.ID).Seq); err != nil {
			return nil, err
		}
	}
	if again {
		if err := s.reapply(ctx, r.on, s.held(&r.on.commit, r.done)); err != nil {
			return nil, err
		}
	}
	return r, s.journal.Trim(r.done)
}

// reviseStaging sees that what the journal needs is there, and lets go of the rest.
func (s *Space) reviseStaging() error {
	needed := map[crypto.BlobName]struct{}{}
	for _, p := range s.pending {
		for _, name := range p.blobs {
			if !s.area.Has(name) {
				return &vfs.Error{Op: "recover", Path: "/", Kind: vfs.ErrCorrupt, Err: fmt.Errorf("the staging area has lost blob %v, which the journal needs; restore the folder staging", name)}
			}
			needed[name] = struct{}{}
		}
	}
	if n := s.area.Keep(needed); n > 0 {
		s.log.Info("removed staged blobs that no change needs", "blobs", n)
	}
	return nil
}
