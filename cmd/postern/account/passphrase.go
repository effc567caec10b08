package account

import (
	"context"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/verify"
)

// Change is a change of an account's passphrase. It may be made while a gateway serves the home.
type Change struct {
	home    home.Home
	account home.Account
	logins  logins

	old    crypto.Login
	before record // what the old passphrase opens; not found: there is no old passphrase
}

// BeginChange opens the account's remote for a change of passphrase.
func BeginChange(
	ctx context.Context, h home.Home, known home.Account, to gateway.Target, rand io.Reader,
) (*Change, error) {
	store, err := openUnpinned(ctx, h, to)
	if err != nil {
		return nil, err
	}
	return &Change{home: h, account: known, logins: logins{store, to, rand}}, nil
}

// Unlock checks the old passphrase. It must be called before Set for an account that has one.
func (c *Change) Unlock(ctx context.Context, old string) (err error) {
	c.old, c.before, err = c.logins.current(ctx, c.account.User, c.account.Secret, old)
	return err
}

// Set makes a new passphrase open the account, then the old one open nothing. After a crash between the two both work,
// and a repetition finishes the change.
func (c *Change) Set(ctx context.Context, passphrase string) error {
	login, err := crypto.NewLogin(c.account.User, passphrase)
	if err != nil {
		return say.Advisef("can't make a login of this passphrase: %w", err)
	}
	if c.before.found && login.Writer().ID() == c.before.pointer.ID {
		return say.Advisef("the new passphrase is the old one: nothing was changed")
	}
	if err := c.logins.put(ctx, login, c.account.User, c.account.Secret); err != nil {
		return err
	}
	if !c.account.Passphrase {
		c.account.Passphrase = true
		if err := c.home.WriteAccount(c.account); err != nil {
			return err
		}
	}
	if err := c.logins.retire(ctx, c.old, c.before); err != nil {
		return say.Advisef("the new passphrase works, but the old one still does too (%w): run postern passwd again", err)
	}
	return nil
}

// Close closes the remote.
func (c *Change) Close() error { return c.logins.store.Close() }

// LoginRecord returns the login record that the account's passphrase leads to at a remote, for a copy of the account.
func LoginRecord(
	ctx context.Context, h home.Home, known home.Account, at gateway.Target, passphrase string,
) (_ crypto.Pointer, err error) {
	store, err := openUnpinned(ctx, h, at)
	if err != nil {
		return crypto.Pointer{}, err
	}
	defer func() { err = say.Closing(err, store.Close) }()
	_, now, err := logins{store: store, to: at}.current(ctx, known.User, known.Secret, passphrase)
	return now.pointer, err
}

// openUnpinned opens a remote without the pins of the home, which a running gateway may hold.
func openUnpinned(ctx context.Context, h home.Home, to gateway.Target) (remote.Store, error) {
	return gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to}, &verify.MemoryPins{})
}
