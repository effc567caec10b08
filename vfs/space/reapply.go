package space

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/remote"
	"postern/vfs/journal"
	"postern/vfs/tree"
)

// A gateway that was away for longer than the grace period may find that the pages of its base are gone: then its changes can neither be
// replayed nor merged. They are made again, one after the other, on top of the newest commit (tree.Reapply), and no others are taken
// before that has landed, so that a crash meanwhile leads here again and loses nothing.

// errReapplying is why no changes are taken meanwhile.
var errReapplying = errors.New("changes made here are being brought together with those of other devices, after a long time apart: try again in a minute")

// collected reports whether an error came of a page that was collected while this gateway was away, since a time.
func (s *Space) collected(err error, sure time.Time) bool {
	return errors.Is(err, remote.ErrNotFound) && s.doubtful(sure)
}

// replayOnto is a replay that makes nothing of the journal's records yet, on top of the newest commit.
func (s *Space) replayOnto(ctx context.Context, begin beginning) (*replay, error) {
	r := s.newReplay(begin.local)
	r.on, r.batch, r.blind = begin.newest, tree.NewBatch(begin.newest.files), true
	return r, r.run(ctx)
}

// reapply makes the pending changes beyond known again, on top of a commit.
func (s *Space) reapply(ctx context.Context, onto base, known uint64) error {
	s.log.Warn("the state that changes were made to was collected while this device was away; they are made again on what is there now")
	s.blocked.Store(&errReapplying)
	for {
		from, err := s.durableHead()
		if err != nil {
			return err
		}
		r := tree.NewReapply(onto.files, s.device.Name)
		err = s.journal.Replay(func(rec journal.Record) error {
			if rec.Seq <= known || rec.Seq > from.seq {
				return nil
			}
			if err := s.redo(ctx, r, rec); err != nil {
				return fmt.Errorf("make change %d again: %w", rec.Seq, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.changing.Lock()
		done := s.replaceHead(from, &head{tree: r.Tree(), seq: from.seq})
		if done {
			s.unrecorded = nil
			s.committed.Store(&onto.whole)
		}
		s.changing.Unlock()
		if done {
			return nil
		}
	}
}

// redo makes the change of one record again.
func (s *Space) redo(ctx context.Context, r *tree.Reapply, rec journal.Record) error {
	entry, err := decodeRecord(rec.Op)
	if err != nil || len(entry.Op) == 0 { // the newest commit holds what was merged in
		return err
	}
	op, err := tree.DecodeOp(entry.Op)
	if err != nil {
		return err
	}
	passed, err := r.Do(ctx, op)
	if passed != nil {
		s.log.Warn("a change was passed over: what it was to be made to may be another's, or is gone", "error", passed)
	}
	return err
}
