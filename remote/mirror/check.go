package mirror

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// compareFactor is how many times MaxNames a comparison holds, at 40 bytes each: some 20 MiB, and one listing of
// either side for an account of half a million blobs.
const compareFactor = 8

// prefixes is how many parts a comparison can be cut into, by the first 16 bits of names.
const prefixes = 1 << 16

// check compares a member with the authority as a whole, if that is due, copies the blobs that it lacks, and adds the
// pointers that the authority had before. It deletes nothing: a surplus blob is garbage, and an authority that lost its
// disk must not destroy the copies.
func (s *Store) check(ctx context.Context, m *member, pointers map[crypto.PointerID]crypto.Pointer) (err error) {
	m.mu.Lock()
	due := m.check && !m.authority
	if due {
		m.trouble = nil // a trouble that remains is found again
	}
	m.check = false
	m.mu.Unlock()
	if !due {
		return nil
	}
	defer func() {
		if err != nil {
			m.update(func() { m.check = true })
		}
	}()
	for _, id := range s.known.ids() {
		inner, cancel := context.WithTimeout(ctx, s.o.limit())
		p, there, err := transfer.Current(inner, s.authority().store, id)
		cancel()
		if remote.OfKind(err, remote.ErrCorrupt) {
			continue
		}
		if err != nil {
			return err
		}
		if there && p.Seq >= pointers[id].Seq {
			s.known.saw(p)
			pointers[id] = p
		}
	}
	extra, err := s.compare(ctx, m, func(ctx context.Context, name crypto.BlobName, there bool) error {
		if there {
			return s.dispute(ctx, m, name)
		}
		return s.lend(ctx, m, name)
	})
	if err != nil {
		return err
	}
	m.update(func() {
		m.extra = extra
		for _, p := range pointers {
			m.point(p) // it stays pending if the move fails
		}
	})
	return nil
}

// differs is called, by several goroutines, for each blob that a member lacks or has in another size than the
// authority.
type differs func(ctx context.Context, name crypto.BlobName, there bool) error

// compare compares the listings of a member and the authority, and returns how many blobs the member has that the
// authority lacks.
func (s *Store) compare(ctx context.Context, m *member, tell differs) (extra int64, err error) {
	for from := 0; from < prefixes; {
		have, to, err := s.part(ctx, m, from)
		if err != nil {
			return extra, s.ill(ctx, m, err)
		}
		matched, err := s.match(ctx, have, from, to, tell)
		if err != nil {
			return extra, err
		}
		extra += max(int64(len(have))-matched, 0)
		from = to
	}
	return extra, nil
}

// patient lists a store and fails if a blob takes longer than limit.
func patient(ctx context.Context, store remote.Store, limit time.Duration) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		timer := time.AfterFunc(limit, cancel)
		defer timer.Stop()
		for info, err := range store.List(ctx) {
			timer.Stop() // the consumer may take any time
			if !yield(info, err) || err != nil {
				return
			}
			timer.Reset(limit)
		}
	}
}

// prefix returns the first 16 bits of a name.
func prefix(name crypto.BlobName) int { return int(binary.BigEndian.Uint16(name[:])) }

// part lists the member's blobs, sorted, from a prefix on, and up to another prefix if there are too many to hold.
func (s *Store) part(ctx context.Context, m *member, from int) (have []remote.BlobInfo, to int, err error) {
	to = prefixes
	for info, err := range patient(ctx, m.store, s.o.limit()) {
		if err != nil {
			return nil, 0, err
		}
		if at := prefix(info.Name); at < from || at >= to {
			continue
		}
		have = append(have, info)
		for len(have) > s.o.MaxNames*compareFactor && to-from > 1 {
			to = from + (to-from)/2
			have = slices.DeleteFunc(have, func(info remote.BlobInfo) bool { return prefix(info.Name) >= to })
		}
	}
	slices.SortFunc(have, byName)
	return have, to, nil
}

// byName orders a listing.
func byName(a, b remote.BlobInfo) int { return bytes.Compare(a.Name[:], b.Name[:]) }

// match lists the authority's blobs with prefixes between two, and returns how many blobs both have.
func (s *Store) match(
	ctx context.Context, have []remote.BlobInfo, from, to int, tell differs,
) (matched int64, err error) {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(s.o.Workers)
	var failed error
	for info, err := range patient(inner, s.authority().store, s.o.limit()) {
		if err != nil {
			failed = err
			break
		}
		if inner.Err() != nil {
			break
		}
		if at := prefix(info.Name); at < from || at >= to {
			continue
		}
		i, there := slices.BinarySearchFunc(have, info, byName)
		if there {
			matched++
			if have[i].Size == info.Size {
				continue
			}
		}
		group.Go(func() error { return tell(inner, info.Name, there) })
	}
	if err := group.Wait(); err != nil {
		return matched, err
	}
	if failed != nil {
		return matched, failed
	}
	return matched, remote.Alive(ctx, "compare", s)
}

// lend copies a missing blob, unless another goroutine writes it or it was deleted meanwhile.
func (s *Store) lend(ctx context.Context, m *member, name crypto.BlobName) error {
	w, ok := m.claim(name, func() bool { _, gone := m.gone[name]; return !gone })
	if !ok {
		return nil
	}
	err := s.copy(ctx, m, name, false)
	m.update(func() {
		m.leave(name)
		if err == nil {
			m.supplied(name, w)
		}
	})
	return err
}

// dispute finds out by the name which of two sizes is wrong, and has that copy healed.
func (s *Store) dispute(ctx context.Context, m *member, name crypto.BlobName) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.limit())
	defer cancel()
	for _, side := range []*member{m, s.authority()} {
		_, err := transfer.Fetch(ctx, side.store, name)
		switch {
		case remote.OfKind(err, remote.ErrCorrupt):
			side.update(func() { side.lack(name, true) })
		case err != nil && !remote.OfKind(err, remote.ErrNotFound): // it was deleted meanwhile
			return err
		}
	}
	return nil
}
