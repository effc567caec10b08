package people

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"postern/crypto"
	"postern/vfs/meet"
	"postern/vfs/registry"
)

// Me is an account as others see it.
type Me struct {
	Name        string `json:"name,omitempty"` // claimed at the store
	Fingerprint string `json:"fingerprint"`
	Card        string `json:"card"` // for people who can't find the account by its name
}

// Me returns this account as others see it. It makes no request.
func (p *People) Me() (Me, error) {
	card, err := p.o.Account.SignCard(p.self())
	return Me{Name: Name(p.o.Own.Private()), Fingerprint: fingerprint(p.author()), Card: card}, err
}

// fingerprint returns the words by which people compare an account's key.
func fingerprint(id crypto.AuthorID) string {
	words := id.Fingerprint()
	return strings.Join(words[:], " ")
}

// Claim claims a name at the store, and returns it as it is written.
func (p *People) Claim(ctx context.Context, name string) (string, error) {
	p.making.Lock()
	defer p.making.Unlock()
	clean, err := crypto.NormalizeUser(name)
	if err != nil {
		return "", refuse("%q can't be a name: %v", name, err)
	}
	switch err := p.desk.Claim(ctx, clean, p.self().Stores); {
	case errors.Is(err, meet.ErrTaken):
		return "", refuse("the name %s belongs to somebody else at this storage: choose another", clean)
	case errors.Is(err, meet.ErrReserved):
		return "", refuse("the name %s is reserved: choose another", clean)
	case err != nil:
		return "", offline("claim the name "+clean, err)
	}
	return clean, p.o.Own.Note(ctx, registry.Note{Kind: kindAccount, ID: self,
		Set: map[string][]byte{fieldName: []byte(clean)}})
}

// called is the name that this account goes by.
func (p *People) called() string { return cmp.Or(Name(p.o.Own.Private()), p.o.User) }
