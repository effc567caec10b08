package account

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/say"
)

type passwdFlags struct {
	dav              bool
	oldFile, newFile string
}

func passwd(p *command.Program) *cobra.Command {
	var f passwdFlags
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Set or change the account's passphrase",
		Long: `Sets the passphrase that logs in on other machines, or changes it for another. The drive itself is not touched:
machines that are logged in stay so. It may be run while a gateway serves the home.

With --dav it replaces the password in HOME/dav-password, which WebDAV clients of this machine use, by a new one at
random. A running gateway accepts it at once, and rejects the old one.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dav {
				return changePassword(cmd.Context(), p, f)
			}
			return changePassphrase(cmd.Context(), p, f)
		},
	}
	cmd.Flags().StringVar(&f.oldFile, "passphrase-file", "",
		"file whose first line is the passphrase until now (default $POSTERN_PASSPHRASE, else asked for)")
	cmd.Flags().StringVar(&f.newFile, "new-passphrase-file", "",
		"file whose first line is the new passphrase (default $POSTERN_NEW_PASSPHRASE, else asked for)")
	cmd.Flags().BoolVar(&f.dav, "dav", false, "replace the password of WebDAV clients instead")
	return cmd
}

// changePassword replaces the password of WebDAV clients.
func changePassword(ctx context.Context, p *command.Program, f passwdFlags) error {
	if f.oldFile != "" || f.newFile != "" {
		return say.Usagef("--dav draws a new password at random: leave out --passphrase-file and --new-passphrase-file")
	}
	h, err := p.Home()
	if err != nil {
		return err
	}
	if _, _, err := p.Account(h); err != nil {
		return err
	}
	if err := account.RotatePassword(ctx, h, p.Rand); err != nil {
		return err
	}
	p.Printf("The drive has a new password, in %s: give it to the programs that use the drive.\n", h.Password())
	return nil
}

func changePassphrase(ctx context.Context, p *command.Program, f passwdFlags) (err error) {
	h, err := p.Home()
	if err != nil {
		return err
	}
	known, to, err := p.Account(h)
	if err != nil {
		return err
	}
	change, err := account.BeginChange(ctx, h, known, to, p.Rand)
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, change.Close) }()
	if known.Passphrase {
		s := command.Passphrase(f.oldFile)
		s.What, s.Prompt = "old passphrase", "Old passphrase: "
		old, err := p.ReadSecret(ctx, s)
		if err != nil {
			return err
		}
		if err := change.Unlock(ctx, old); err != nil {
			return err
		}
	}
	passphrase, err := p.ReadSecret(ctx, command.Secret{
		What: "new passphrase", Variable: "POSTERN_NEW_PASSPHRASE", Flag: "new-passphrase-file", File: f.newFile,
		Prompt: "New passphrase: ", Fresh: true, User: known.User,
	})
	if err != nil {
		return err
	}
	if err := change.Set(ctx, passphrase); err != nil {
		return err
	}
	p.Printf("%s now logs in at %s with the new passphrase.\n", known.User, to)
	return nil
}
