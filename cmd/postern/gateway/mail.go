package gateway

import (
	"cmp"
	"context"
	"fmt"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
	"postern/vfs/people"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// registryAt returns the registry of an account's further spaces, as its private state has it; see roots.Options.
func registryAt(a home.Account) roots.Registry {
	return func(ctx context.Context, own roots.State) ([]roots.Space, error) {
		state, err := registry.FromTree(ctx, own.Tree)
		if err != nil {
			return nil, err
		}
		return people.Roots(a.Secret, state), nil
	}
}

// Belongings is what a copy or a backup of an account takes along beside its spaces.
type Belongings struct {
	Links []crypto.Pointer // of secret links, also of those that have ended
	Mail  transfer.Mail    // the letters in its inbox, and the record of its name if it holds that name at the remote
}

// BelongingsAt returns what an account has at a remote beside its spaces.
func BelongingsAt(ctx context.Context, at remote.Store, a home.Account) (all Belongings, err error) {
	own, err := base.Load(ctx, at, tree.NewNodes(at, tree.Options{}), a.Secret.Own())
	if err != nil {
		return all, fmt.Errorf("open the drive: %w", err)
	}
	private, err := registry.FromTree(ctx, own.Whole)
	if err != nil {
		return all, err
	}
	for _, id := range people.LinkPointers(private) {
		p, err := at.Load(ctx, id)
		switch {
		case remote.OfKind(err, remote.ErrNotFound): // the link is not there yet
		case err != nil:
			return all, fmt.Errorf("load a secret link: %w", err)
		default:
			all.Links = append(all.Links, p)
		}
	}
	all.Mail, err = ownMail(ctx, at, a, cmp.Or(people.Name(private), a.User))
	return all, err
}

// ownMail returns the letters in an account's inbox, and the record of a name if the account holds it.
func ownMail(ctx context.Context, at remote.Store, a home.Account, name string) (transfer.Mail, error) {
	mail := transfer.Mail{Inboxes: []crypto.InboxID{a.Secret.InboxID()}}
	names, id := at.Roles().Names, crypto.NameIDOf(name)
	if names == nil {
		return mail, nil
	}
	record, err := names.LookUp(ctx, id)
	switch {
	case remote.OfKind(err, remote.ErrNotFound):
		return mail, nil
	case err != nil:
		return mail, fmt.Errorf("look up the name %s: %w", name, err)
	}
	if card, err := record.Open(name); err != nil || card.Author != a.Secret.Author().ID() {
		return mail, nil //nolint:nilerr // somebody else's record, or one that nobody can read, is not ours to carry
	}
	mail.Names = []crypto.NameID{id}
	return mail, nil
}
