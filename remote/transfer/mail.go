package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"postern/crypto"
	"postern/remote"
)

// Mail names what a remote keeps for other accounts to reach this one: the letters in inboxes, and records of names.
type Mail struct {
	Inboxes []crypto.InboxID
	Names   []crypto.NameID
}

// Item is one letter in an inbox, or one record of a name.
type Item struct {
	Inbox  crypto.InboxID
	Letter *crypto.Letter // nil: a record of a name
	Name   crypto.NameID
	Record *crypto.NameRecord // nil: a letter
}

// Verify rejects a letter without a stamp, and a record that is not signed or of another name.
func (i Item) Verify() error {
	if i.Letter == nil {
		return i.Record.Verify(i.Name)
	}
	if !i.Letter.Name().Stamped() {
		return errors.New("a letter has no stamp")
	}
	return nil
}

// Fetch yields the letters, and then the records. It leaves out what was deleted meanwhile and what is damaged, since
// no reader could use it, and continues after errors. A remote without the role has nothing.
func (m Mail) Fetch(ctx context.Context, from remote.Store, log *slog.Logger) iter.Seq2[Item, error] {
	inbox, names := from.Roles().Inbox, from.Roles().Names
	return func(yield func(Item, error) bool) {
		for _, id := range m.Inboxes {
			for item, err := range letters(ctx, inbox, id, log) {
				if err != nil {
					err = fmt.Errorf("letters: %w", err)
				}
				if !yield(item, err) {
					return
				}
			}
		}
		for _, id := range m.Names {
			if names == nil {
				return
			}
			record, err := names.LookUp(ctx, id)
			switch {
			case remote.OfKind(err, remote.ErrNotFound):
				continue
			case err != nil:
				err = fmt.Errorf("the record of a name: %w", err)
			}
			if !yield(Item{Name: id, Record: &record}, err) {
				return
			}
		}
	}
}

// letters yields the letters of one inbox. An error ends it.
func letters(ctx context.Context, from remote.Inbox, id crypto.InboxID, log *slog.Logger) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if from == nil {
			return
		}
		names, err := from.Letters(ctx, id)
		if err != nil {
			yield(Item{}, err)
			return
		}
		for _, name := range names {
			letter, err := from.Fetch(ctx, id, name)
			if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) ||
				err == nil && (letter.Name() != name || !name.Stamped()) {
				log.Warn("a letter is left out", "letter", name.String(), "err", err)
				continue
			}
			if !yield(Item{Inbox: id, Letter: &letter}, err) || err != nil {
				return
			}
		}
	}
}

// Put drops the letter into its inbox at a remote, or claims or replaces the record. put is false for a record whose
// name has that record or a newer one there. Errors: those of the roles; ErrRefused with ErrNoRole without the role.
func (i Item) Put(ctx context.Context, to remote.Store) (put bool, err error) {
	if i.Letter != nil {
		inbox := to.Roles().Inbox
		if inbox == nil {
			return false, remote.Fail(remote.OpDrop, i.Inbox, remote.ErrRefused, remote.ErrNoRole)
		}
		err := inbox.Drop(ctx, i.Inbox, *i.Letter)
		return err == nil, err
	}
	names := to.Roles().Names
	if names == nil {
		return false, remote.Fail(remote.OpClaim, i.Name, remote.ErrRefused, remote.ErrNoRole)
	}
	have, err := names.LookUp(ctx, i.Name)
	switch {
	case remote.OfKind(err, remote.ErrNotFound):
		err = names.Claim(ctx, i.Name, *i.Record)
	case err == nil && have.Holder() == i.Record.Holder() && have.Seq() >= i.Record.Seq():
		return false, nil
	case err == nil:
		err = names.Replace(ctx, i.Name, *i.Record)
	}
	return err == nil, err
}

// Count adds the item to the progress.
func (i Item) Count(at *Progress) {
	if i.Letter != nil {
		at.Letters++
	} else {
		at.Names++
	}
}

// Deliver puts items at a remote and adds them to the progress through report. After an error it leaves out the other
// letters of that inbox, and continues. Errors: those of the items and of Put.
func Deliver(
	ctx context.Context, items iter.Seq2[Item, error], to remote.Store, report func(func(at *Progress)),
) error {
	var errs []error
	failed := map[crypto.InboxID]bool{}
	for item, err := range items {
		if item.Letter != nil && failed[item.Inbox] {
			continue
		}
		put := false
		if err == nil {
			put, err = item.Put(ctx, to)
		}
		switch {
		case err != nil:
			errs = append(errs, err)
			failed[item.Inbox] = true
		case put:
			report(item.Count)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}
