package faulty

import (
	"context"
	"errors"
	"iter"
	"slices"

	"postern/remote"
)

// List implements remote.Blobs. A listing that lags is that of an earlier call.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		var shown []remote.BlobInfo
		for info, err := range s.Store.List(ctx) {
			if errors.Is(err, errLag) {
				s.listEarlier(yield)
				return
			}
			if !yield(info, err) || err != nil {
				return
			}
			shown = append(shown, info)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shown = shown
	}
}

// listEarlier yields the last whole listing.
func (s *Store) listEarlier(yield func(remote.BlobInfo, error) bool) {
	s.mu.Lock()
	shown := slices.Clone(s.shown)
	s.mu.Unlock()
	for _, info := range shown {
		if !yield(info, nil) {
			return
		}
	}
}

// Changed implements remote.Pointers. A look that lags finds no news, and the next continues from the same cursor.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	changes, err := s.Store.Changed(ctx, since)
	if errors.Is(err, errLag) {
		return remote.Changes{Next: since}, nil
	}
	return changes, err
}
