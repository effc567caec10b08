package gateway

import (
	"context"
	"fmt"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// OwnMail returns what a copy or a backup of an account takes along beside its spaces: the letters in its inbox, and
// the record of its name if the account holds that name at the remote.
func OwnMail(ctx context.Context, at remote.Store, a home.Account) (transfer.Mail, error) {
	mail := transfer.Mail{Inboxes: []crypto.InboxID{a.Secret.InboxID()}}
	names, id := at.Roles().Names, crypto.NameIDOf(a.User)
	if names == nil {
		return mail, nil
	}
	record, err := names.LookUp(ctx, id)
	switch {
	case remote.OfKind(err, remote.ErrNotFound):
		return mail, nil
	case err != nil:
		return mail, fmt.Errorf("look up the name %s: %w", a.User, err)
	}
	if card, err := record.Open(a.User); err != nil || card.Author != a.Secret.Author().ID() {
		return mail, nil //nolint:nilerr // somebody else's record, or one that nobody can read, is not ours to carry
	}
	mail.Names = []crypto.NameID{id}
	return mail, nil
}
