package space

import "context"

// tell calls Options.Committed: a commit, which holds the changes up to seq, is the newest known. No change is recorded meanwhile, so
// that what is told of whether it holds all is not overtaken by what tellMoved says.
func (s *Space) tell(b base, seq uint64) {
	if s.told == nil {
		return
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	n := len(s.pending)
	s.told(b.files, n == 0 || s.pending[n-1].seq <= seq)
}

// tellMoved calls Options.Moved if what was moved is a folder.
func (s *Space) tellMoved(ctx context.Context, from, to string) {
	if s.moved == nil {
		return
	}
	if e, err := s.shown.Load().tree.Lookup(ctx, to); err == nil && e.IsFolder() {
		s.moved(from, to)
	}
}

// Retry makes the committer look at the remote now, rather than when its pause is over: for who knows that the remote is back.
func (s *Space) Retry() { nudge(s.committer.hurried) }
