package account

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
)

func login(p *command.Program) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "login --user NAME --remote URL",
		Short: "Use an account on this machine too",
		Args:  command.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return logIn(cmd.Context(), p, f) },
	}
	f.add(cmd)
	return cmd
}

func logIn(ctx context.Context, p *command.Program, f flags) error {
	at, err := f.place(p, true)
	if err != nil {
		return err
	}
	if err := at.CheckVacant(); err != nil { // before anybody is asked for a passphrase
		return err
	}
	passphrase, err := p.ReadSecret(ctx, command.Passphrase(f.passphraseFile))
	if err != nil {
		return err
	}
	if err := account.LogIn(ctx, at, passphrase, p.Rand); err != nil {
		return err
	}
	brought(p, at)
	return nil
}

// brought says that an account is in the home.
func brought(p *command.Program, at account.Place) {
	p.Printf("This machine now opens the drive of %s at %s.\nStart it with: postern serve\n", at.User, at.To)
}
