package account

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
)

// restore is the command recover.
func restore(p *command.Program) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "recover --user NAME --remote URL",
		Short: "Use an account on this machine by its 24 recovery words",
		Long: `Reads the 24 recovery words, asked for on a terminal, else from stdin, and sets a new passphrase if one
is given. A passphrase that was forgotten can't be retired: its record can be found only with the passphrase itself.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return recoverAccount(cmd.Context(), p, f) },
	}
	f.add(cmd)
	return cmd
}

func recoverAccount(ctx context.Context, p *command.Program, f flags) error {
	at, err := f.place(p, true)
	if err != nil {
		return err
	}
	if err := at.CheckVacant(); err != nil { // before anybody is asked for the words
		return err
	}
	words, err := p.ReadWords(ctx)
	if err != nil {
		return err
	}
	secret, err := account.FromWords(words)
	if err != nil {
		return err
	}
	passphrase := ""
	if s := f.newPassphrase("New passphrase (empty for none): "); p.HasSecret(s) || p.Interactive() {
		if passphrase, err = p.ReadSecret(ctx, s); err != nil {
			return err
		}
	}
	if err := account.Recover(ctx, at, secret, passphrase, p.Rand); err != nil {
		return err
	}
	brought(p, at)
	if passphrase == "" {
		p.Printf("The account has no new passphrase; postern passwd sets one.\n")
	}
	return nil
}
