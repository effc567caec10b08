package s3

import "runtime"

// AwaitDeletions returns once n deletions wait for the request under way.
func (s *Store) AwaitDeletions(n int) {
	for {
		s.deletes.mu.Lock()
		waiting := len(s.deletes.waiting)
		s.deletes.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

// HoldDeletions makes all deletions wait until resume is called.
func (s *Store) HoldDeletions() (resume func()) {
	s.deletes.mu.Lock()
	defer s.deletes.mu.Unlock()
	s.deletes.running = true
	return func() { s.deletes.runs.Go(s.deleteAll) }
}
