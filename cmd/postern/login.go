package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

func (p *program) login() *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use:   "login --user NAME --remote URL",
		Short: "Use an account on this machine too",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := p.place(f, true)
			if err != nil {
				return err
			}
			return p.logIn(cmd.Context(), at, f)
		},
	}
	f.add(cmd)
	return cmd
}

func (p *program) logIn(ctx context.Context, at place, f accountFlags) (err error) {
	if begun, err := vacant(at.home, at.user); err != nil {
		return err
	} else if begun != nil {
		return errHalfMade(at)
	}
	passphrase, err := p.read(ctx, f.passphrase())
	if err != nil {
		return err
	}
	login, err := crypto.NewLogin(at.user, passphrase)
	if err != nil {
		return errNoRecord(at)
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.home, To: at.to})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	now, err := loadRecord(ctx, s.Store, login)
	switch {
	case err != nil:
		return err
	case now.retired:
		return say.Advisef("this passphrase of %s was changed for another: use the newer one", at.user)
	case !now.found:
		return errNoRecord(at)
	}
	return p.settle(ctx, s, at, now.secret, true)
}

// settle brings a known account into the home, if its drive is at the remote.
func (p *program) settle(ctx context.Context, s *gateway.Session, at place, secret crypto.AccountSecret, passphrase bool) error {
	found, err := gateway.HasDrive(ctx, s.Store, secret)
	if err != nil {
		return err
	}
	if !found {
		return say.Advisef("the account is right, but its drive is not at %s: see that this is the remote it was made at, and that nothing was lost there", at.to)
	}
	account, err := home.AccountWith(at.user, s.URL(), secret, p.rand)
	if err != nil {
		return err
	}
	account.Unfinished, account.Passphrase = false, passphrase
	if err := at.home.WriteAccount(account); err != nil {
		return err
	}
	p.printf("This machine now opens the drive of %s at %s.\nStart it with: postern serve\n", at.user, at.to)
	return nil
}

// errNoRecord can't say more: the place of a record follows from name and passphrase together, so that a remote can't
// tell who has an account.
func errNoRecord(at place) error {
	return say.Advisef("nothing at %s opens with this name and passphrase: the name, the passphrase or the remote is wrong (which of them can't be told); try again", at.to)
}

func errHalfMade(at place) error {
	return say.Advisef("the account of %s in %s is half made: run postern init again to finish it, or name another home with --home", at.user, at.home)
}
