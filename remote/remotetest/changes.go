package remotetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/crypto"
	"postern/remote"
)

var changeChecks = []Check{
	{Name: "changes/moved", Promise: "a listed pointer that moved is reported from every cursor before it, in its " +
		"newest state", Do: changesMoved},
	{Name: "changes/unlisted", Promise: "an unlisted pointer is never reported, and stays unlisted", Do: changesUnlisted},
	{Name: "changes/strange cursor", Promise: "a cursor that the store does not recognise starts from the beginning",
		Do: changesStrange},
	{Name: "changes/concurrent", Promise: "a caller that continues from a cursor misses no concurrent move",
		Do: changesConcurrent},
}

// mostPages bounds the pages that a check reads.
const mostPages = 10_000

// changed reads all pages from a cursor on, and returns the newest reported state of each pointer and the next cursor.
func changed(
	ctx context.Context, s remote.Store, since remote.Cursor,
) (map[crypto.PointerID]crypto.Pointer, remote.Cursor, error) {
	got := map[crypto.PointerID]crypto.Pointer{}
	for range mostPages {
		page, err := s.Changed(ctx, since)
		if err != nil {
			return nil, "", err
		}
		if err := proper(page); err != nil {
			return nil, "", err
		}
		for _, p := range page.Pointers {
			if before, there := got[p.ID]; !there || before.Seq < p.Seq {
				got[p.ID] = p
			}
		}
		if since = page.Next; !page.More {
			return got, since, nil
		}
	}
	return nil, "", errors.New("the pages of changes don't end")
}

// proper returns an error unless a page keeps the promises of every page.
func proper(page remote.Changes) error {
	if n := len(page.Pointers); n > remote.MaxChanges {
		return fmt.Errorf("a page has %d pointers, more than %d", n, remote.MaxChanges)
	}
	if n := len(page.Next); n > remote.MaxCursor {
		return fmt.Errorf("a cursor has %d bytes, more than %d", n, remote.MaxCursor)
	}
	if len(page.Suspect) > 0 {
		return fmt.Errorf("pointer %v is suspect", page.Suspect[0])
	}
	seen := map[crypto.PointerID]bool{}
	for _, p := range page.Pointers {
		if !p.Listed {
			return fmt.Errorf("the unlisted pointer %v is reported", p.ID)
		}
		if seen[p.ID] {
			return fmt.Errorf("pointer %v stands twice on one page", p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// reports returns an error unless the changes from a cursor on hold those states. It also returns the next cursor.
func reports(
	ctx context.Context, s remote.Store, since remote.Cursor, wanted ...crypto.Pointer,
) (remote.Cursor, error) {
	got, next, err := changed(ctx, s, since)
	if err != nil {
		return "", err
	}
	for _, p := range wanted {
		if got[p.ID] != p {
			return "", fmt.Errorf("pointer %v is reported at sequence %d instead of %d", p.ID, got[p.ID].Seq, p.Seq)
		}
	}
	return next, nil
}

func changesMoved(ctx context.Context, e *Env) error {
	start, err := reports(ctx, e.Store, "")
	if err != nil {
		return err
	}
	a, b := e.writer(), e.writer()
	a1, b1 := a.SignListed(1, value(1)), b.SignListed(1, value(1))
	if err := first(e.Store.Swap(ctx, none, a1), e.Store.Swap(ctx, none, b1), points(ctx, e.Store, a1)); err != nil {
		return err
	}
	both, err := reports(ctx, e.Store, start, a1, b1)
	if err != nil {
		return err
	}
	a2, a3 := a.SignListed(2, value(2)), a.SignListed(7, value(3))
	if err := first(e.Store.Swap(ctx, a1.Hash(), a2), e.Store.Swap(ctx, a2.Hash(), a3)); err != nil {
		return err
	}
	for _, from := range []struct {
		cursor remote.Cursor
		wanted []crypto.Pointer
	}{{both, []crypto.Pointer{a3}}, {start, []crypto.Pointer{a3, b1}}, {"", []crypto.Pointer{a3, b1}}} {
		if _, err := reports(ctx, e.Store, from.cursor, from.wanted...); err != nil {
			return err
		}
	}
	return want("a lost swap", e.Store.Swap(ctx, a2.Hash(), a.SignListed(9, value(9))), remote.ErrConflict)
}

func changesUnlisted(ctx context.Context, e *Env) error {
	hidden, shown := e.writer(), e.writer()
	h1, s1 := hidden.Sign(1, value(1)), shown.SignListed(1, value(1))
	if err := first(e.Store.Swap(ctx, none, h1), e.Store.Swap(ctx, none, s1)); err != nil {
		return err
	}
	err := first(
		want("a swap to a listed state", e.Store.Swap(ctx, h1.Hash(), hidden.SignListed(2, value(2))), remote.ErrRefused),
		want("a swap to an unlisted state", e.Store.Swap(ctx, s1.Hash(), shown.Sign(2, value(2))), remote.ErrRefused),
		points(ctx, e.Store, h1),
		points(ctx, e.Store, s1),
	)
	if err != nil {
		return err
	}
	relabelled := h1
	relabelled.Listed = true
	if err := want("a swap to a state that somebody else has listed", e.Store.Swap(ctx, h1.Hash(), relabelled),
		remote.ErrRefused); err != nil {
		return err
	}
	got, _, err := changed(ctx, e.Store, "")
	if err != nil {
		return err
	}
	if _, there := got[h1.ID]; there || got[s1.ID] != s1 {
		return fmt.Errorf("reported are the unlisted pointer: %v, and the listed one at sequence %d", there, got[s1.ID].Seq)
	}
	return nil
}

func changesStrange(ctx context.Context, e *Env) error {
	p := e.writer().SignListed(1, value(1))
	if err := e.Store.Swap(ctx, none, p); err != nil {
		return err
	}
	end, err := reports(ctx, e.Store, "", p)
	if err != nil {
		return err
	}
	strange := []remote.Cursor{"x", "\x00", remote.Cursor(strings.Repeat("\xff", remote.MaxCursor)), end + "0", "0" + end}
	for i := range len(end) {
		damaged := []byte(end)
		damaged[i] ^= 0x80
		strange = append(strange, remote.Cursor(damaged))
	}
	for _, c := range strange {
		if c == "" || len(c) > remote.MaxCursor {
			continue
		}
		if _, err := reports(ctx, e.Store, c, p); err != nil {
			return fmt.Errorf("from cursor %q: %w", c, err)
		}
	}
	return nil
}

func changesConcurrent(ctx context.Context, e *Env) error {
	const writers, moves = 4, 6
	stores, err := e.handles(writers + 1)
	if err != nil {
		return err
	}
	var keys [writers]crypto.WriterKey
	var last [writers]crypto.Pointer
	for i := range keys {
		keys[i] = e.writer()
	}
	cursor, err := reports(ctx, e.Store, "")
	if err != nil {
		return err
	}
	seen := map[crypto.PointerID]crypto.Pointer{}
	look := func() error {
		got, next, err := changed(ctx, stores[writers], cursor)
		for id, p := range got {
			seen[id] = p
		}
		cursor = next
		return err
	}
	err = together(writers+1, func(i int) error {
		if i == writers {
			for range 2 * moves {
				if err := look(); err != nil {
					return err
				}
			}
			return nil
		}
		old := none
		for n := range moves {
			next := keys[i].SignListed(uint64(n+1), value(byte(n)))
			if err := stores[i].Swap(ctx, old, next); err != nil {
				return err
			}
			old, last[i] = next.Hash(), next
		}
		return nil
	})
	if err := first(err, look()); err != nil {
		return err
	}
	for _, p := range last {
		if seen[p.ID] != p {
			return fmt.Errorf("pointer %v was last reported at sequence %d instead of %d", p.ID, seen[p.ID].Seq, p.Seq)
		}
	}
	return nil
}
