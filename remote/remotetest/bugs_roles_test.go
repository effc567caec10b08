package remotetest_test

import (
	"context"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// brokenInbox is an inbox with some methods replaced.
type brokenInbox struct {
	remote.Inbox
	drop    func(context.Context, crypto.InboxID, crypto.Letter) error
	letters func(context.Context, crypto.InboxID) ([]crypto.LetterName, error)
}

func (b brokenInbox) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	if b.drop != nil {
		return b.drop(ctx, to, letter)
	}
	return b.Inbox.Drop(ctx, to, letter)
}

func (b brokenInbox) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	if b.letters != nil {
		return b.letters(ctx, of)
	}
	return b.Inbox.Letters(ctx, of)
}

// oneInbox keeps all letters in one inbox.
type oneInbox struct{ remote.Inbox }

func (o oneInbox) Drop(ctx context.Context, _ crypto.InboxID, letter crypto.Letter) error {
	return o.Inbox.Drop(ctx, crypto.InboxID{}, letter)
}

func (o oneInbox) Letters(ctx context.Context, _ crypto.InboxID) ([]crypto.LetterName, error) {
	return o.Inbox.Letters(ctx, crypto.InboxID{})
}

func (o oneInbox) Fetch(ctx context.Context, _ crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	return o.Inbox.Fetch(ctx, crypto.InboxID{}, name)
}

func (o oneInbox) Forget(ctx context.Context, _ crypto.InboxID, name crypto.LetterName) error {
	return o.Inbox.Forget(ctx, crypto.InboxID{}, name)
}

// brokenNames is a Names with some methods replaced.
type brokenNames struct {
	remote.Names
	claim, replace func(context.Context, crypto.NameID, crypto.NameRecord) error
}

func (b brokenNames) Claim(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
	if b.claim != nil {
		return b.claim(ctx, id, r)
	}
	return b.Names.Claim(ctx, id, r)
}

func (b brokenNames) Replace(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
	if b.replace != nil {
		return b.replace(ctx, id, r)
	}
	return b.Names.Replace(ctx, id, r)
}

// brokenWatch is a Watch with a replaced method.
type brokenWatch func(context.Context, []crypto.PointerID) (<-chan struct{}, error)

func (b brokenWatch) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	return b(ctx, ids)
}

// bugsOfRoles are further bugs.
var bugsOfRoles = []bug{
	{"a letter is dropped once", "inbox/letters", func(b *broken) {
		dropped := map[crypto.LetterName]bool{}
		b.roles.Inbox = brokenInbox{Inbox: b.Store.Roles().Inbox,
			drop: func(ctx context.Context, to crypto.InboxID, l crypto.Letter) error {
				if dropped[l.Name()] {
					return nil
				}
				dropped[l.Name()] = true
				return b.Store.Roles().Inbox.Drop(ctx, to, l)
			}}
	}},
	{"there is one inbox for all", "inbox/apart", func(b *broken) { b.roles.Inbox = oneInbox{b.Store.Roles().Inbox} }},
	{"letters need no stamp", "inbox/refused", func(b *broken) {
		b.roles.Inbox = brokenInbox{Inbox: b.Store.Roles().Inbox,
			drop: func(ctx context.Context, to crypto.InboxID, l crypto.Letter) error {
				err := b.Store.Roles().Inbox.Drop(ctx, to, l)
				if remote.KindOf(err) == remote.ErrRefused {
					return nil
				}
				return err
			}}
	}},
	{"a full inbox lets the oldest letter go", "inbox/full", func(b *broken) {
		b.Store = mem.New().LimitLetters(3)
		inner := b.Store.Roles().Inbox
		b.roles.Inbox = brokenInbox{Inbox: inner, drop: func(ctx context.Context, to crypto.InboxID, l crypto.Letter) error {
			err := inner.Drop(ctx, to, l)
			if all, listErr := inner.Letters(ctx, to); remote.KindOf(err) == remote.ErrFull && listErr == nil {
				_ = inner.Forget(ctx, to, all[0])
			}
			return err
		}}
	}},
	{"the last claim wins", "names/claim", func(b *broken) {
		b.roles.Names = brokenNames{Names: b.Store.Roles().Names,
			claim: func(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
				err := b.Store.Roles().Names.Claim(ctx, id, r)
				if remote.KindOf(err) == remote.ErrConflict {
					return nil
				}
				return err
			}}
	}},
	{"anybody may replace a record", "names/replace", func(b *broken) {
		b.roles.Names = brokenNames{Names: b.Store.Roles().Names,
			replace: func(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
				err := b.Store.Roles().Names.Replace(ctx, id, r)
				if remote.KindOf(err) == remote.ErrRefused {
					return nil
				}
				return err
			}}
	}},
	{"nobody looks at signatures", "names/refused", func(b *broken) {
		b.roles.Names = brokenNames{Names: b.Store.Roles().Names,
			claim: func(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
				err := b.Store.Roles().Names.Claim(ctx, id, r)
				if remote.KindOf(err) == remote.ErrRefused {
					return nil
				}
				return err
			}}
	}},
	{"all claims succeed", "names/one winner", func(b *broken) {
		b.roles.Names = brokenNames{Names: b.Store.Roles().Names,
			claim: func(ctx context.Context, id crypto.NameID, r crypto.NameRecord) error {
				_ = b.Store.Roles().Names.Claim(ctx, id, r)
				return nil
			}}
	}},
	{"a watch ends at once", "watch/hints", func(b *broken) {
		b.roles.Watch = brokenWatch(func(context.Context, []crypto.PointerID) (<-chan struct{}, error) {
			ended := make(chan struct{})
			close(ended)
			return ended, nil
		})
	}},
	{"any number is watched", "watch/ends", func(b *broken) {
		b.roles.Watch = brokenWatch(func(ctx context.Context, _ []crypto.PointerID) (<-chan struct{}, error) {
			return b.Store.Roles().Watch.Watch(ctx, nil)
		})
	}},
}
