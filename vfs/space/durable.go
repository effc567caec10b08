package space

import (
	"context"
	"errors"
	"fmt"

	"postern/vfs"
	"postern/vfs/journal"
)

// A change is recorded first and durable later, by a sync that many changes share. Until then only the next change sees it: Space.head
// is the newest recorded state, which changes are made to, Space.shown the newest durable one, which everybody else is shown and the
// committer commits. So a sync that fails takes back what nobody has seen.

// durable returns when the change seq is durable, and shows it. When the journal can't be synced, that change and all that were made to
// it never happened; the error is vfs.ErrBroken.
func (s *Space) durable(seq uint64) error {
	err := s.journal.Sync(context.Background(), seq)
	s.changing.Lock()
	defer s.changing.Unlock()
	s.show()
	if err != nil && s.shown.Load().seq < seq {
		s.takeBack()
		return broken(err)
	}
	return nil
}

// show makes the recorded states visible that are durable. It holds changing.
func (s *Space) show() {
	durable, n := s.journal.Durable(), 0
	for ; n < len(s.recorded) && s.recorded[n].seq <= durable; n++ {
		s.shown.Store(s.recorded[n])
	}
	clear(s.recorded[:n])
	s.recorded = s.recorded[n:]
}

// takeBack forgets the changes that are not durable and never will be. It holds changing.
func (s *Space) takeBack() {
	shown := s.shown.Load()
	s.head.Store(shown)
	s.recorded = nil
	n := len(s.pending)
	for ; n > 0 && s.pending[n-1].seq > shown.seq; n-- {
		if give := s.pending[n-1].give; give != nil {
			give()
		}
	}
	s.pending = s.pending[:n]
}

// durableHead returns the newest state, once all of it is durable.
func (s *Space) durableHead() (*head, error) {
	for {
		from := s.head.Load()
		if from == s.shown.Load() {
			return from, nil
		}
		if err := s.durable(from.seq); err != nil {
			return nil, err
		}
	}
}

// replaceHead puts h in the place of from, which durableHead returned, unless a change was made meanwhile. It holds changing.
func (s *Space) replaceHead(from, h *head) bool {
	if s.head.Load() != from || s.shown.Load() != from {
		return false
	}
	s.head.Store(h)
	s.shown.Store(h)
	return true
}

// broken is the error of a change that could not be made durable.
func broken(err error) error {
	kind := vfs.ErrUnavailable
	if errors.Is(err, journal.ErrBroken) {
		kind = vfs.ErrBroken
	}
	return &vfs.Error{Op: "record a change of", Path: "/", Kind: kind, Err: err}
}

// notRecorded is the error of a change that could not be appended to the journal.
func notRecorded(err error) error {
	if errors.Is(err, journal.ErrBroken) {
		return broken(err)
	}
	return failed("record a change of", "/", err)
}

// landing waits until the change seq is committed. The error is vfs.ErrPending when ctx ends before: the change is durable here.
func (s *Space) landing(ctx context.Context, seq uint64) error {
	if err := s.committer.wait(ctx, seq); err != nil {
		return &vfs.Error{Op: "commit a change of", Path: "/", Kind: vfs.ErrPending, Err: err}
	}
	return nil
}

// trouble says why the journal takes no changes; empty while it does.
func (s *Space) trouble() string {
	if err := s.journal.Broken(); err != nil {
		return fmt.Sprint(err)
	}
	return ""
}
