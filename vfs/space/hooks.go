package space

// tell tells who wants to know that a commit is the newest known.
func (s *Space) tell(b base) {
	if s.told != nil {
		s.told(b.files)
	}
}

// Retry makes the committer look at the remote now, rather than when its pause is over: for who knows that the remote is back.
func (s *Space) Retry() { nudge(s.committer.hurried) }
