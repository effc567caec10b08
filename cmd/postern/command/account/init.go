package account

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/crypto"
)

// create is the command init.
func create(p *command.Program) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "init --user NAME --remote URL",
		Short: "Make a new account",
		Long: `Makes a new account at a remote and shows its 24 recovery words, once: on a terminal, else in a file
of the home.

The user name is claimed at the remote, first come first served, so that friends there find you by it.

User name, passphrase and remote are enough to log in on another machine. The login record
can be found only with both name and passphrase.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return makeAccount(cmd.Context(), p, f) },
	}
	f.add(cmd)
	return cmd
}

func makeAccount(ctx context.Context, p *command.Program, f flags) error {
	at, err := f.place(p, false)
	if err != nil {
		return err
	}
	if err := at.CheckMakeable(); err != nil { // before anybody is asked for a passphrase
		return err
	}
	passphrase, err := p.ReadSecret(ctx, f.newPassphrase("New passphrase: "))
	if err != nil {
		return err
	}
	show := func(secret crypto.AccountSecret) error {
		p.Printf("The account of %s is made, at %s.\n\n", at.User, at.To)
		return p.GiveWords(at.Home, secret)
	}
	named, err := account.Make(ctx, at, passphrase, show, p.Rand)
	if err != nil {
		return err
	}
	if !named {
		p.Printf("This remote keeps no names: friends can't find you by %s, but by your contact card (postern friend card).\n",
			at.User)
	}
	p.Printf("Start the drive with: postern serve\n")
	return nil
}
