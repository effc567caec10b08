package verify

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// Changed returns states that are signed, listed, and no older than those returned before; the others are Suspect. It
// raises existing pins and makes no new ones: a caller that begins to follow a pointer loads it first, so a store full
// of foreign pointers can't fill the pins.
func (s *store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	page, err := s.inner.Changed(ctx, since)
	if err != nil {
		return remote.Changes{}, err
	}
	if n := len(page.Pointers); n > remote.MaxChanges {
		return remote.Changes{}, corruptPage(fmt.Errorf("a page has %d pointers, more than %d", n, remote.MaxChanges))
	}
	if n := len(page.Next); n > remote.MaxCursor {
		return remote.Changes{}, corruptPage(fmt.Errorf("a cursor has %d bytes, more than %d", n, remote.MaxCursor))
	}
	if page.More && page.Next == since {
		return remote.Changes{}, corruptPage(fmt.Errorf("the pages don't end"))
	}
	checked := remote.Changes{Next: page.Next, More: page.More}
	for _, p := range page.Pointers {
		p, sound, err := s.moved(ctx, p)
		if err != nil {
			return remote.Changes{}, err
		}
		if sound {
			checked.Pointers = append(checked.Pointers, p)
		} else {
			checked.Suspect = append(checked.Suspect, p.ID)
		}
	}
	return checked, nil
}

// moved checks one state of a page. If it contradicts the pin, another call may have overtaken it, so moved loads the
// pointer to find out. An error means that it can't be checked now.
func (s *store) moved(ctx context.Context, p crypto.Pointer) (_ crypto.Pointer, sound bool, err error) {
	if forged(p) || !p.Listed {
		return p, false, nil
	}
	_, known, err := s.pin(p.ID)
	if err != nil || !known {
		return p, err == nil, err
	}
	err = s.raise(remote.OpChanged, p)
	if err == nil {
		return p, true, nil
	}
	if !contradicts(err) {
		return p, false, err
	}
	newer, err := s.Load(ctx, p.ID)
	switch {
	case err == nil:
		return newer, newer.Listed, nil
	case remote.OfKind(err, remote.ErrUnavailable, remote.ErrClosed):
		return p, false, err
	}
	return p, false, nil
}

// forged reports whether a state is not signed by its pointer.
func forged(p crypto.Pointer) bool { return p.Verify() != nil }

// contradicts reports whether err means that a state does not fit what was seen before.
func contradicts(err error) bool { return remote.OfKind(err, remote.ErrRollback, remote.ErrFork) }

// corruptPage returns the error of a page that violates the contract.
func corruptPage(cause error) error {
	return remote.Fail(remote.OpChanged, remote.Place{}, remote.ErrCorrupt, cause)
}
