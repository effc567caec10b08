package mirror

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// Scrubbing are the choices of Scrub.
type Scrubbing struct {
	Read bool // read every byte, not only the listings
	Heal bool // copy missing and damaged blobs from the others
	// Progress is called after every blob that was read; nil: no calls.
	Progress func(blobs, bytes int64)
}

// Scrubbed is the result for one member.
type Scrubbed struct {
	Name    string
	Blobs   int64 // that were read
	Bytes   int64
	Missing int64 // blobs that the authority has and this one lacks
	Damaged int64 // blobs with other bytes than their names say
	Healed  int64 // of those
	Err     error // why some of it could not be checked; nil: all was
}

// Scrub checks each member separately: a read through the mirror stops at the first member with the right bytes. It
// returns one result for each member, the authority first, and the context's error.
func (s *Store) Scrub(ctx context.Context, o Scrubbing) ([]Scrubbed, error) {
	var mu sync.Mutex // of the results
	var blobs, bytes int64
	results := make([]Scrubbed, len(s.members))
	for i, m := range s.members {
		r := &results[i]
		r.Name = m.name
		mend := func(ctx context.Context, name crypto.BlobName, count *int64, damaged bool) error {
			healed := false
			if o.Heal {
				var err error
				if healed, err = s.mend(ctx, m, name, damaged); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			*count++
			if healed {
				r.Healed++
			}
			return nil
		}
		if o.Read {
			r.Err = s.readAll(ctx, m, func(ctx context.Context, name crypto.BlobName, size int64, good bool) error {
				mu.Lock()
				r.Blobs, r.Bytes = r.Blobs+1, r.Bytes+size
				blobs, bytes = blobs+1, bytes+size
				if o.Progress != nil {
					o.Progress(blobs, bytes)
				}
				mu.Unlock()
				if good {
					return nil
				}
				return mend(ctx, name, &r.Damaged, true)
			})
		}
		if !m.authority && r.Err == nil {
			_, r.Err = s.compare(ctx, m, func(ctx context.Context, name crypto.BlobName, there bool) error {
				if there && o.Read {
					return nil // that was seen above
				}
				return mend(ctx, name, &r.Missing, there)
			})
		}
		if err := remote.Alive(ctx, "scrub", s); err != nil {
			return results, err
		}
	}
	return results, nil
}

// readAll reads all blobs of a member and reports for each whether its bytes fit its name.
func (s *Store) readAll(
	ctx context.Context, m *member, tell func(ctx context.Context, name crypto.BlobName, size int64, good bool) error,
) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(s.o.Workers)
	var failed error
	for info, err := range patient(inner, m.store, s.o.limit()) {
		if failed = err; err != nil || inner.Err() != nil {
			break
		}
		group.Go(func() error {
			call, cancel := context.WithTimeout(inner, s.o.limit())
			defer cancel()
			_, err := transfer.Fetch(call, m.store, info.Name)
			switch {
			case remote.OfKind(err, remote.ErrNotFound): // deleted meanwhile
				return nil
			case err != nil && !remote.OfKind(err, remote.ErrCorrupt):
				return err
			}
			return tell(inner, info.Name, max(info.Size, 0), err == nil)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return failed
}

// mend copies one blob to a member from the others, unless another goroutine writes it, and reports whether the blob is
// intact then.
func (s *Store) mend(ctx context.Context, m *member, name crypto.BlobName, damaged bool) (bool, error) {
	w, ok := m.claim(name, func() bool { _, gone := m.gone[name]; return !gone })
	if !ok {
		return false, nil
	}
	err := s.copy(ctx, m, name, damaged)
	good := false
	if err == nil {
		good, err = transfer.Intact(ctx, m.store, name)
	}
	m.update(func() {
		m.leave(name)
		if good {
			m.supplied(name, w)
		}
	})
	return good, err
}
