package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// accountFlags are common to the commands that bring an account into a home.
type accountFlags struct {
	user, remote   string
	passphraseFile string
}

func (f *accountFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.user, "user", "", "user name: a to z, 0 to 9, dots, hyphens, underscores (needed)")
	cmd.Flags().StringVar(&f.remote, "remote", "", "URL of the remote, such as disk:/mnt/backup/postern")
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else asked for)")
}

func (f *accountFlags) passphrase() secretSource {
	return secretSource{what: "passphrase", variable: "POSTERN_PASSPHRASE", flag: "passphrase-file", file: f.passphraseFile,
		prompt: "Passphrase: "}
}

// newPassphrase is passphrase for one that is being set.
func (f *accountFlags) newPassphrase(prompt string) secretSource {
	s := f.passphrase()
	s.prompt, s.fresh, s.user = prompt, true, f.user
	return s
}

// place is where an account command works.
type place struct {
	home home.Home
	user string
	to   gateway.Target
}

// place resolves flags and settings. needRemote: the folder in the home is no answer.
func (p *program) place(f accountFlags, needRemote bool) (place, error) {
	h, err := p.home()
	if err != nil {
		return place{}, err
	}
	settings, err := p.settings(h, home.Settings{Remote: f.remote})
	if err != nil {
		return place{}, err
	}
	if f.user == "" {
		return place{}, say.Usagef("a user name is needed: give it with --user")
	}
	user, err := crypto.NormalizeUser(f.user)
	if err != nil {
		return place{}, say.Usagef("--user %q: %w", f.user, err)
	}
	if settings.Remote == "" && needRemote {
		return place{}, say.Usagef("a remote is needed: give the URL of the one that the account lives at with --remote")
	}
	to, err := p.drivers.Parse(settings.Remote, h)
	if err != nil {
		return place{}, err
	}
	if to.Volatile() {
		return place{}, say.Usagef("the remote %s ends with the process and can't hold an account: use it with postern serve only", to)
	}
	return place{home: h, user: user, to: to}, nil
}

func (p *program) init() *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use:   "init --user NAME --remote URL",
		Short: "Make a new account",
		Long: `Makes a new account at a remote and shows its 24 recovery words, once: on a terminal, else in a file of the home.

User name, passphrase and remote are enough to log in on another machine. The record that makes it so can
be found only by who knows both name and passphrase; the same name with another passphrase is another place.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := p.place(f, false)
			if err != nil {
				return err
			}
			return p.makeAccount(cmd.Context(), at, f)
		},
	}
	f.add(cmd)
	return cmd
}

// makeAccount can be repeated after any failure: it goes on with the secret of the try before. The order is: account file
// (marked unfinished), drive, login record, words, account file (finished).
func (p *program) makeAccount(ctx context.Context, at place, f accountFlags) (err error) {
	if _, err := vacant(at.home, at.user); err != nil {
		return err
	}
	passphrase, err := p.read(ctx, f.newPassphrase("New passphrase: "))
	if err != nil {
		return err
	}
	login, err := crypto.NewLogin(at.user, passphrase)
	if err != nil {
		return say.Advisef("can't make a login of this name and passphrase: %w", err)
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.home, To: at.to, Founding: true})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	begun, err := vacant(at.home, at.user) // again, now that nobody else can change it
	if err != nil {
		return err
	}
	if begun == nil {
		if now, err := loadRecord(ctx, s.Store, login); err != nil {
			return err
		} else if now.found && !now.retired {
			return errTaken(at.user, at.to)
		}
		account, err := home.NewAccount(at.user, s.URL(), p.rand)
		if err != nil {
			return err
		}
		if err := at.home.WriteAccount(account); err != nil {
			return err
		}
		begun = &account
	}
	if err := gateway.BeginDrive(ctx, s, *begun, p.rand); err != nil {
		return err
	}
	if err := putRecord(ctx, s.Store, login, at.user, at.to, begun.Secret, p.rand); err != nil {
		return err
	}
	p.printf("The account of %s is made, at %s.\n\n", at.user, at.to)
	if err := p.giveWords(at.home, begun.Secret); err != nil {
		return err
	}
	begun.Unfinished, begun.Passphrase = false, true
	if err := at.home.WriteAccount(*begun); err != nil {
		return err
	}
	p.printf("Start the drive with: postern serve\n")
	return nil
}

// vacant refuses a home that has a finished account, and returns an unfinished one of the same user to go on with.
func vacant(h home.Home, user string) (*home.Account, error) {
	account, err := h.ReadAccount()
	switch {
	case errors.Is(err, home.ErrNoAccount):
		return nil, nil
	case err != nil:
		return nil, err
	case account.Unfinished && account.User == user:
		return &account, nil
	}
	return nil, say.Advisef("the home %s has the account of %s already: name another home with --home", h, account.User)
}
