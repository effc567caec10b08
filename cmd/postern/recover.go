package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/say"
	"postern/crypto"
)

func (p *program) recover() *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use:   "recover --user NAME --remote URL",
		Short: "Use an account on this machine by its 24 recovery words",
		Long: `Reads the 24 recovery words, asked for on a terminal, else from stdin, and sets a new passphrase if one is given.
A passphrase that was forgotten can't be retired: its record can be found only by who knows it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := p.place(f, true)
			if err != nil {
				return err
			}
			return p.recoverAccount(cmd.Context(), at, f)
		},
	}
	f.add(cmd)
	return cmd
}

func (p *program) recoverAccount(ctx context.Context, at place, f accountFlags) (err error) {
	if begun, err := vacant(at.home, at.user); err != nil {
		return err
	} else if begun != nil {
		return errHalfMade(at)
	}
	words, err := p.readWords(ctx)
	if err != nil {
		return err
	}
	secret, err := crypto.SecretFromWords(words)
	if err != nil {
		return say.Advisef("these are not the recovery words of an account: %w; look at them again", err)
	}
	var passphrase string
	source := f.newPassphrase("New passphrase (empty for none): ")
	if p.given(source) || p.interactive() {
		if passphrase, err = p.read(ctx, source); err != nil {
			return err
		}
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.home, To: at.to})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	found, err := gateway.HasDrive(ctx, s.Store, secret)
	if err != nil {
		return err
	}
	if !found {
		return say.Advisef("no drive at %s belongs to these words: see that this is the remote the account was made at", at.to)
	}
	if passphrase != "" {
		login, err := crypto.NewLogin(at.user, passphrase)
		if err != nil {
			return say.Advisef("can't make a login of this name and passphrase: %w", err)
		}
		if err := putRecord(ctx, s.Store, login, at.user, at.to, secret, p.rand); err != nil {
			return err
		}
	}
	if err := p.settle(ctx, s, at, secret, passphrase != ""); err != nil {
		return err
	}
	if passphrase == "" {
		p.printf("The account has no new passphrase; postern passwd sets one.\n")
	}
	return nil
}
