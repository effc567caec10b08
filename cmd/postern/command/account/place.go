package account

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// flags are common to the commands that bring an account into a home.
type flags struct {
	user, remote   string
	passphraseFile string
}

func (f *flags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.user, "user", "", "user name: a to z, 0 to 9, dots, hyphens, underscores (needed)")
	cmd.Flags().StringVar(&f.remote, "remote", "", "URL of the remote, such as disk:/mnt/backup/postern")
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "",
		"file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else asked for)")
}

// newPassphrase is the command.Secret of a passphrase that is being set.
func (f *flags) newPassphrase(prompt string) command.Secret {
	s := command.Passphrase(f.passphraseFile)
	s.Prompt, s.Fresh, s.User = prompt, true, f.user
	return s
}

// place resolves flags and settings. With needRemote the default remote, the folder in the home, is an error.
func (f *flags) place(p *command.Program, needRemote bool) (account.Place, error) {
	h, err := p.Home()
	if err != nil {
		return account.Place{}, err
	}
	settings, err := p.Settings(h, home.Settings{Remote: home.RemoteSettings{URL: f.remote}})
	if err != nil {
		return account.Place{}, err
	}
	if f.user == "" {
		return account.Place{}, say.Usagef("a user name is needed: give it with --user")
	}
	user, err := crypto.NormalizeUser(f.user)
	if err != nil {
		return account.Place{}, say.Usagef("--user %q: %w", f.user, err)
	}
	if settings.Remote.URL == "" && needRemote {
		return account.Place{}, say.Usagef("a remote is needed: " +
			"give the URL of the one that the account lives at with --remote")
	}
	to, err := p.Drivers.Parse(settings.Remote.URL, h)
	if err != nil {
		return account.Place{}, err
	}
	if to.Volatile() {
		return account.Place{}, say.Usagef("the remote %s ends with the process and can't hold an account: "+
			"use it with postern serve only", to)
	}
	return account.Place{Home: h, User: user, To: to}, nil
}
