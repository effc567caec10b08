package transfer

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// roles copies letters and name records. A source without the role has nothing to copy.
func (c *copier) roles(ctx context.Context) error {
	var errs []error
	for _, id := range c.o.Inboxes {
		if err := c.letters(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("letters: %w", err))
		}
	}
	for _, id := range c.o.Names {
		if err := c.name(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("the record of a name: %w", err))
		}
	}
	return errors.Join(errs...)
}

// letters copies the letters of an inbox. One that was deleted meanwhile is left out, and so is one that is damaged: no
// reader opens it.
func (c *copier) letters(ctx context.Context, id crypto.InboxID) error {
	from, to := c.from.Roles().Inbox, c.to.Roles().Inbox
	if from == nil {
		return nil
	}
	names, err := from.Letters(ctx, id)
	if err != nil || len(names) == 0 {
		return err
	}
	if to == nil {
		return remote.Fail(remote.OpDrop, id, remote.ErrRefused, remote.ErrNoRole)
	}
	for _, name := range names {
		letter, err := from.Fetch(ctx, id, name)
		if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) || err == nil && letter.Name() != name {
			c.o.Log.Warn("a letter is not copied", "letter", name.String(), "err", err)
			continue
		}
		if err == nil {
			err = to.Drop(ctx, id, letter)
		}
		if err != nil {
			return err
		}
		c.report(func(at *Progress) { at.Letters++ })
	}
	return nil
}

// name copies the record of a name. A newer one at the destination stays.
func (c *copier) name(ctx context.Context, id crypto.NameID) error {
	from, to := c.from.Roles().Names, c.to.Roles().Names
	if from == nil {
		return nil
	}
	record, err := from.LookUp(ctx, id)
	if remote.OfKind(err, remote.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if to == nil {
		return remote.Fail(remote.OpClaim, id, remote.ErrRefused, remote.ErrNoRole)
	}
	have, err := to.LookUp(ctx, id)
	switch {
	case remote.OfKind(err, remote.ErrNotFound):
		err = to.Claim(ctx, id, record)
	case err == nil && have.Holder() == record.Holder() && have.Seq() >= record.Seq():
		return nil
	case err == nil:
		err = to.Replace(ctx, id, record)
	}
	if err == nil {
		c.report(func(at *Progress) { at.Names++ })
	}
	return err
}
