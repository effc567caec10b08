package account

import (
	"context"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// LogIn brings the account that a name and a passphrase open into a home. It writes nothing to the remote.
func LogIn(ctx context.Context, at Place, passphrase string, rand io.Reader) (err error) {
	login, err := crypto.NewLogin(at.User, passphrase)
	if err != nil {
		return errNoRecord(at.To)
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.Home, To: at.To})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	now, err := logins{s.Store, at.To, rand}.find(ctx, login)
	switch {
	case err != nil:
		return err
	case now.retired:
		return errRetired(at.User)
	case !now.found:
		return errNoRecord(at.To)
	}
	return at.bring(ctx, s, now.secret, true, rand)
}

// errNoRecord can't be more exact: the address of a record follows from name and passphrase together, so that a remote
// can't find out who has an account.
func errNoRecord(to gateway.Target) error {
	return say.Advisef("nothing at %s opens with this name and passphrase: the name, the passphrase or the remote is "+
		"wrong (there is no way to find out which); try again", to)
}

// FromWords returns the secret that recovery words stand for.
func FromWords(words []string) (crypto.AccountSecret, error) {
	secret, err := crypto.SecretFromWords(words)
	if err != nil {
		return crypto.AccountSecret{}, say.Advisef("these are not the recovery words of an account: %w; "+
			"look at them again", err)
	}
	return secret, nil
}

// Recover brings the account of a secret into a home. With a passphrase, it also makes the user's name and that
// passphrase open the account.
func Recover(
	ctx context.Context, at Place, secret crypto.AccountSecret, passphrase string, rand io.Reader,
) (err error) {
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.Home, To: at.To})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	found, err := gateway.HasDrive(ctx, s.Store, secret)
	if err != nil {
		return err
	}
	if !found {
		return say.Advisef("no drive at %s belongs to these words: see that this is the remote the account was made at",
			at.To)
	}
	if passphrase != "" {
		login, err := newLogin(at.User, passphrase)
		if err != nil {
			return err
		}
		if err := (logins{s.Store, at.To, rand}).put(ctx, login, at.User, secret); err != nil {
			return err
		}
	}
	return at.bring(ctx, s, secret, passphrase != "", rand)
}
