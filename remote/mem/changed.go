package mem

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"postern/crypto"
	"postern/remote"
)

// Changed implements remote.Pointers. A cursor is the remote's id and the number of a move.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	if err := s.ready(ctx, remote.OpChanged, s); err != nil {
		return remote.Changes{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	after := s.after(since)
	if after == s.moved {
		return remote.Changes{Next: s.cursor(after)}, nil
	}
	var ids []crypto.PointerID
	for id, move := range s.moves {
		if move > after {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b crypto.PointerID) int { return cmp.Compare(s.moves[a], s.moves[b]) })
	page := remote.Changes{More: len(ids) > remote.MaxChanges}
	ids = ids[:min(len(ids), remote.MaxChanges)]
	for _, id := range ids {
		page.Pointers = append(page.Pointers, s.pointers[id])
	}
	page.Next = s.cursor(s.moves[ids[len(ids)-1]])
	return page, nil
}

// cursor returns the place after a move.
func (c *contents) cursor(move uint64) remote.Cursor {
	return remote.Cursor(c.id.String() + " " + strconv.FormatUint(move, 10))
}

// after returns the move before a cursor, 0 for a cursor that the remote does not recognise; mu is held.
func (c *contents) after(since remote.Cursor) uint64 {
	number, ours := strings.CutPrefix(string(since), c.id.String()+" ")
	move, err := strconv.ParseUint(number, 10, 64)
	if !ours || err != nil || move > c.moved {
		return 0
	}
	return move
}
