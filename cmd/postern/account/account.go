// Package account makes accounts, brings them to further machines, and changes the passphrases and passwords that open
// them. It reads no flags and no terminal: commands do, and pass on the values.
//
// An account is found at a remote in one of two ways: by its 24 recovery words, or by a login record, which the user's
// name and passphrase lead to.
package account

import (
	"context"
	"errors"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// Place is where an account is made or brought to.
type Place struct {
	Home home.Home
	User string // normalised
	To   gateway.Target
}

// CheckVacant returns an error unless a known account can be brought into the home.
func (p Place) CheckVacant() error {
	begun, err := p.unfinished()
	if err != nil {
		return err
	}
	if begun != nil {
		return say.Advisef("the account of %s in %s is half made: run postern init again to finish it, "+
			"or name another home with --home", p.User, p.Home)
	}
	return nil
}

// CheckMakeable returns an error unless Make can make the account in the home, or finish one that it began there.
func (p Place) CheckMakeable() error {
	_, err := p.unfinished()
	return err
}

// unfinished returns the unfinished account of the user in the home; nil if the home has no account. Any other account
// there is an error.
func (p Place) unfinished() (*home.Account, error) {
	now, err := p.Home.ReadAccount()
	switch {
	case errors.Is(err, home.ErrNoAccount):
		return nil, nil
	case err != nil:
		return nil, err
	case now.Unfinished && now.User == p.User:
		return &now, nil
	}
	return nil, say.Advisef("the home %s has the account of %s already: name another home with --home", p.Home, now.User)
}

// bring writes a known account into the home that s holds, if its drive is at the remote.
func (p Place) bring(
	ctx context.Context, s *gateway.Session, secret crypto.AccountSecret, passphrase bool, rand io.Reader,
) error {
	found, err := gateway.HasDrive(ctx, s.Store, secret)
	if err != nil {
		return err
	}
	if !found {
		return say.Advisef("the account is right, but its drive is not at %s: see that this is the remote it was made at, "+
			"and that nothing was lost there", p.To)
	}
	if err := p.CheckVacant(); err != nil { // again, now that no other process can change the home
		return err
	}
	known, err := home.AccountWith(p.User, s.URL(), secret, rand)
	if err != nil {
		return err
	}
	known.Unfinished, known.Passphrase = false, passphrase
	return p.Home.WriteAccount(known)
}
