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
