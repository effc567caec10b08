package evil

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"postern/crypto"
	"postern/remote"
)

// Changed implements remote.Pointers.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	page, err := s.changed(ctx, since)
	if err != nil {
		return page, err
	}
	for _, p := range page.Pointers {
		s.memory.sawPointer(p)
	}
	lie := s.tempted(HideChanges, OldChanges, ForgedChanges, SecretChanges, EndlessChanges, AbsurdChanges, AbsurdCursor)
	if s.distort(lie, &page, since) {
		s.tell(lie)
	}
	return page, nil
}

// distort applies a lie to a page; false: the page offers nothing to lie about.
func (s *Store) distort(lie Lie, page *remote.Changes, since remote.Cursor) bool {
	told := false
	switch lie {
	case HideChanges:
		told = len(page.Pointers) > 0
		page.Pointers = nil
	case OldChanges:
		for i, p := range page.Pointers {
			if old, ok := s.memory.before(p, true); ok {
				page.Pointers[i], told = old, true
			}
		}
	case ForgedChanges:
		for i := range page.Pointers {
			s.flip(page.Pointers[i].Value[:])
			told = true
		}
	case SecretChanges:
		if p, ok := s.memory.unlisted(); ok {
			page.Pointers, told = append(page.Pointers, p), true
		}
	case EndlessChanges:
		page.Next, page.More, told = since, true, true
	case AbsurdChanges:
		if len(page.Pointers) > 0 {
			page.Pointers, told = slices.Repeat(page.Pointers[:1], remote.MaxChanges+1), true
		}
	case AbsurdCursor:
		page.Next, told = remote.Cursor(strings.Repeat("x", remote.MaxCursor+1)), true
	}
	return told
}

// unlisted returns the newest state of some unlisted pointer.
func (m *memory) unlisted() (crypto.Pointer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, states := range m.pointers {
		if p := states[len(states)-1]; !p.Listed {
			return p, true
		}
	}
	return crypto.Pointer{}, false
}

// changed returns a page of this view. A forked view keeps no order: it goes through all listed pointers by their ids,
// again and again, and its cursor is the last id.
func (s *Store) changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	if s.branch == nil {
		return s.inner.Changed(ctx, since)
	}
	all := map[crypto.PointerID]bool{}
	for at, more := remote.Cursor(""), true; more; {
		page, err := s.inner.Changed(ctx, at)
		if err != nil {
			return page, err
		}
		for _, p := range page.Pointers {
			all[p.ID] = true
		}
		at, more = page.Next, page.More
	}
	s.branch.mu.Lock()
	for id, p := range s.branch.pointers {
		if p.Listed {
			all[id] = true
		}
	}
	s.branch.mu.Unlock()
	return s.ownPage(ctx, since, slices.SortedFunc(maps.Keys(all),
		func(a, b crypto.PointerID) int { return bytes.Compare(a[:], b[:]) }))
}

// ownPage returns those of the ids that come after a cursor, in the states of this view.
func (s *Store) ownPage(ctx context.Context, since remote.Cursor, ids []crypto.PointerID) (remote.Changes, error) {
	if last, err := crypto.ParsePointerID(string(since)); err == nil {
		ids = slices.DeleteFunc(ids, func(id crypto.PointerID) bool { return bytes.Compare(id[:], last[:]) <= 0 })
	}
	page := remote.Changes{More: len(ids) > remote.MaxChanges}
	for _, id := range ids[:min(len(ids), remote.MaxChanges)] {
		p, err := s.load(ctx, id)
		if err != nil {
			return remote.Changes{}, err
		}
		page.Pointers = append(page.Pointers, p)
		if page.More {
			page.Next = remote.Cursor(id.String())
		}
	}
	return page, nil
}
