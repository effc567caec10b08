package faulty

// held is a swap whose caller was told that its outcome is unknown.
type held struct {
	calls int // that begin before it happens
	swap  func() error
}

// hold keeps a swap for later.
func (s *Store) hold(swap func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, held{s.o.Held, swap})
}

// due counts a call, and returns the swaps that happen before it. The caller holds mu.
func (s *Store) due() (swaps []func() error) {
	for i := range s.held {
		s.held[i].calls--
	}
	for len(s.held) > 0 && s.held[0].calls == 0 {
		swaps = append(swaps, s.held[0].swap)
		s.held = s.held[1:]
	}
	return swaps
}

// Land makes all Late swaps happen now that have not happened yet, in the order of their calls. It returns their
// outcomes.
func (s *Store) Land() (outcomes []error) {
	s.mu.Lock()
	all := s.held
	s.held = nil
	s.mu.Unlock()
	for _, h := range all {
		outcomes = append(outcomes, h.swap())
	}
	return outcomes
}
