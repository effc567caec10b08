package evil

import (
	"context"
	"slices"

	"postern/crypto"
	"postern/remote"
)

// Roles implements remote.Store: the remote's, with lies. All views share them.
func (s *Store) Roles() remote.Roles {
	r := s.inner.Roles()
	if r.Inbox != nil {
		r.Inbox = inbox{r.Inbox, s}
	}
	if r.Names != nil {
		r.Names = records{r.Names, s}
	}
	if r.Watch != nil {
		r.Watch = watch{s}
	}
	return r
}

// inbox lies about letters.
type inbox struct {
	remote.Inbox
	s *Store
}

// Drop implements remote.Inbox.
func (i inbox) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	if _, err := remote.CheckLetter(&letter); err == nil && i.s.tempted(DropLetters) == DropLetters {
		i.s.tell(DropLetters)
		return nil
	}
	return i.Inbox.Drop(ctx, to, letter)
}

// Letters implements remote.Inbox.
func (i inbox) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	all, err := i.Inbox.Letters(ctx, of)
	if err != nil {
		return all, err
	}
	lie := i.s.tempted(HideLetters, InventLetters, AbsurdLetters)
	switch lie {
	case HideLetters:
		all = nil
	case InventLetters:
		var name crypto.LetterName
		i.s.scribble(name[:])
		name[0] |= 1 // no stamp
		all = append(all, name)
	case AbsurdLetters:
		all = slices.Repeat([]crypto.LetterName{{}}, remote.MaxLetters+1)
	}
	if lie != Honest {
		i.s.tell(lie)
	}
	return all, nil
}

// Fetch implements remote.Inbox.
func (i inbox) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	letter, err := i.Inbox.Fetch(ctx, of, name)
	if err == nil && i.s.tempted(ForgedLetter) == ForgedLetter {
		i.s.tell(ForgedLetter)
		i.s.flip(letter[:])
	}
	return letter, err
}

// Forget implements remote.Inbox.
func (i inbox) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	if i.s.tempted(KeepLetters) == KeepLetters {
		i.s.tell(KeepLetters)
		return nil
	}
	return i.Inbox.Forget(ctx, of, name)
}

// records lies about names.
type records struct {
	remote.Names
	s *Store
}

// LookUp implements remote.Names.
func (n records) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	record, err := n.Names.LookUp(ctx, id)
	if err != nil {
		return record, err
	}
	lie := n.s.tempted(ForgedName, StolenName, LoseName)
	if lie == Honest {
		return record, nil
	}
	n.s.tell(lie)
	switch lie {
	case ForgedName:
		n.s.flip(record[:])
	case LoseName:
		return crypto.NameRecord{}, remote.Fail(remote.OpLookUp, id, remote.ErrNotFound, nil)
	case StolenName: // validly signed, for another name
		var secret crypto.AccountSecret
		n.s.scribble(secret[:])
		return secret.SealName("mallory", 1<<62, nil, n.s.source())
	}
	return record, nil
}

// Claim implements remote.Names.
func (n records) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	if record.Verify(id) == nil && n.s.tempted(FalseClaim) == FalseClaim {
		n.s.tell(FalseClaim)
		return nil
	}
	return n.Names.Claim(ctx, id, record)
}

// watch sends false hints.
type watch struct{ s *Store }

// Watch implements remote.Watch.
func (w watch) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	hints, err := w.s.inner.Roles().Watch.Watch(ctx, ids)
	if err != nil {
		return nil, err
	}
	silent := make(chan struct{}, 1)
	switch {
	case w.s.tempted(NoHints) == NoHints:
		w.s.tell(NoHints)
	case w.s.branch == nil:
		return hints, nil
	default:
		w.s.branch.watch(silent)
	}
	go func() { // the channel is closed when that of the remote is
		for range hints {
		}
		w.s.branch.unwatch(silent)
		close(silent)
	}()
	return silent, nil
}
