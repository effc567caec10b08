package working

import (
	"errors"

	"postern/vfs"
	"postern/vfs/journal"
	"postern/vfs/space/view"
)

// A change is recorded first and becomes durable later, by a sync that many changes share. Until then only the next
// change sees it: states.head is the newest recorded state, which changes apply to; states.shown is the newest durable
// one, which readers see and the committer commits. So a failed sync only takes back states that no reader has seen.

// Durable returns when the change seq is durable, and makes it visible. If the journal can't be synced, the change and
// all changes on top of it never happened; the error is vfs.ErrBroken.
func (s *states) Durable(seq uint64) error {
	err := s.home.Sync(seq)
	for {
		s.changing.Lock()
		next := s.show()
		if next == nil || s.shown.Load().Seq >= seq {
			defer s.changing.Unlock()
			if err != nil && s.shown.Load().Seq < seq {
				s.takeBack()
				return broken(err)
			}
			return nil
		}
		to := *next.after
		s.changing.Unlock()
		// A move to another space: the other space shows it first, so that it is never missing from both.
		if err := s.home.Show(to, next.Seq); err != nil {
			return err
		}
		s.changing.Lock()
		next.after = nil
		s.changing.Unlock()
	}
}

// show makes the durable states among the recorded ones visible. It stops at a state that waits for another space, and
// returns it. The caller holds changing.
func (s *states) show() *Head {
	durable := s.home.Durable()
	for len(s.recorded) > 0 && s.recorded[0].Seq <= durable {
		if s.recorded[0].after != nil {
			return s.recorded[0]
		}
		s.setShown(s.recorded[0])
		s.recorded[0] = nil
		s.recorded = s.recorded[1:]
	}
	return nil
}

// takeBack drops the changes that will never be durable. The caller holds changing.
func (s *states) takeBack() {
	shown := s.shown.Load()
	s.head.Store(shown)
	s.recorded = nil
	n := len(s.pending)
	for ; n > 0 && s.pending[n-1].seq > shown.Seq; n-- {
		if give := s.pending[n-1].give; give != nil {
			give()
		}
	}
	s.pending = s.pending[:n]
	s.home.Uncross(s.space.ID, 0, shown.Seq)
}

// DurableHead returns the newest state, once all of it is durable.
func (s *states) DurableHead() (*Head, error) {
	for {
		from := s.head.Load()
		if from == s.shown.Load() {
			return from, nil
		}
		if err := s.Durable(from.Seq); err != nil {
			return nil, err
		}
	}
}

// Replace puts h in the place of from, which DurableHead returned, unless a change was made in the meantime.
func (s *states) Replace(from, h *Head) bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	return s.replaceHead(from, h)
}

// replaceHead puts h in the place of from, which DurableHead returned, unless a change was made in the meantime. The
// caller holds changing.
func (s *states) replaceHead(from, h *Head) bool {
	if s.head.Load() != from || s.shown.Load() != from {
		return false
	}
	s.head.Store(h)
	s.setShown(h)
	return true
}

// broken returns the error of a change that could not be made durable.
func broken(err error) error {
	kind := vfs.ErrUnavailable
	if errors.Is(err, journal.ErrBroken) {
		kind = vfs.ErrBroken
	}
	return &vfs.Error{Op: "record a change of", Path: "/", Kind: kind, Err: err}
}

// notRecorded returns the error of a change that could not be appended to the journal.
func notRecorded(err error) error {
	if errors.Is(err, journal.ErrBroken) {
		return broken(err)
	}
	return view.Failed("record a change of", "/", err)
}
