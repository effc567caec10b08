package verify

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// Roles implements remote.Store: the remote's roles, verified as far as possible. Callers never trust a hint of a
// watch, so watches need no verification.
func (s *store) Roles() remote.Roles {
	r := s.inner.Roles()
	if r.Inbox != nil {
		r.Inbox = inbox{r.Inbox}
	}
	if r.Names != nil {
		r.Names = names{r.Names}
	}
	return r
}

// inbox verifies letters. It can't detect hidden ones.
type inbox struct{ remote.Inbox }

// Drop rejects a letter that no reader accepts.
func (i inbox) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	if _, err := remote.CheckLetter(&letter); err != nil {
		return err
	}
	return i.Inbox.Drop(ctx, to, letter)
}

// Letters returns names that letters may have, each once.
func (i inbox) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	all, err := i.Inbox.Letters(ctx, of)
	if err != nil {
		return nil, err
	}
	if len(all) > remote.MaxLetters {
		return nil, remote.Fail(remote.OpLetters, of, remote.ErrCorrupt,
			fmt.Errorf("it has %d letters, more than any inbox", len(all)))
	}
	seen := make(map[crypto.LetterName]bool, len(all))
	good := make([]crypto.LetterName, 0, len(all))
	for _, name := range all {
		if name.Stamped() && !seen[name] { // one bad name does not spoil the rest: anybody can put one into a folder
			seen[name] = true
			good = append(good, name)
		}
	}
	return good, nil
}

// Fetch returns the letter of that name, or none.
func (i inbox) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	letter, err := i.Inbox.Fetch(ctx, of, name)
	if err == nil && letter.Name() != name {
		return crypto.Letter{}, remote.Fail(remote.OpFetch, name, remote.ErrCorrupt,
			errors.New("its bytes are not those of its name"))
	}
	return letter, err
}

// names verifies records. Readers check whether a record is the newest and whose it is: they pin authors.
type names struct{ remote.Names }

// LookUp returns a record of that name that its holder has signed, or none.
func (n names) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	record, err := n.Names.LookUp(ctx, id)
	if err != nil {
		return crypto.NameRecord{}, err
	}
	if err := record.Verify(id); err != nil {
		return crypto.NameRecord{}, remote.Fail(remote.OpLookUp, id, remote.ErrCorrupt, err)
	}
	return record, nil
}

// Claim rejects a record that no store accepts.
func (n names) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	if err := record.Verify(id); err != nil {
		return remote.Fail(remote.OpClaim, id, remote.ErrRefused, err)
	}
	return n.Names.Claim(ctx, id, record)
}

// Replace rejects a record that no store accepts.
func (n names) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	if err := record.Verify(id); err != nil {
		return remote.Fail(remote.OpReplace, id, remote.ErrRefused, err)
	}
	return n.Names.Replace(ctx, id, record)
}
