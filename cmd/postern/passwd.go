package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/verify"
)

type passwdFlags struct {
	dav              bool
	oldFile, newFile string
}

func (p *program) passwd() *cobra.Command {
	var f passwdFlags
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Set or change the account's passphrase",
		Long: `Sets the passphrase that logs in on other machines, or changes it for another. The drive itself is not touched:
machines that are logged in stay so. It may be run while a gateway serves the home.

With --dav it replaces the password in HOME/dav-password, which WebDAV clients of this machine use, by a new one at random. A running
gateway takes it at once and lets nobody in with the old one.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dav {
				return p.changePassword(cmd.Context(), f)
			}
			return p.changePassphrase(cmd.Context(), f)
		},
	}
	cmd.Flags().StringVar(&f.oldFile, "passphrase-file", "", "file whose first line is the passphrase until now (default $POSTERN_PASSPHRASE, else asked for)")
	cmd.Flags().StringVar(&f.newFile, "new-passphrase-file", "", "file whose first line is the new passphrase (default $POSTERN_NEW_PASSPHRASE, else asked for)")
	cmd.Flags().BoolVar(&f.dav, "dav", false, "replace the password of WebDAV clients instead")
	return cmd
}

// changePassword replaces the drive's password, also in a running gateway.
func (p *program) changePassword(ctx context.Context, f passwdFlags) error {
	if f.oldFile != "" || f.newFile != "" {
		return say.Usagef("--dav draws a new password at random: leave out --passphrase-file and --new-passphrase-file")
	}
	h, err := p.home()
	if err != nil {
		return err
	}
	if _, _, err := p.accountOf(h); err != nil {
		return err
	}
	client := control.NewClient(h.Socket())
	if s, err := client.Status(ctx); err == nil && strings.HasPrefix(s.PasswordIn, "$") {
		return say.Advisef("the gateway takes the password from %s: change it there and start the gateway again", s.PasswordIn)
	}
	if err := h.RotatePassword(p.rand); err != nil {
		return err
	}
	if err := client.Rekey(ctx); err != nil && !errors.Is(err, control.ErrNotRunning) {
		return say.Advisef("the new password is in %s, but the running gateway did not take it (%w): start it again", h.Password(), err)
	}
	p.printf("The drive has a new password, in %s: give it to the programs that use the drive.\n", h.Password())
	return nil
}

// changePassphrase makes the new record before it retires the old one: a crash between leaves both working, and
// running it again finishes the work.
func (p *program) changePassphrase(ctx context.Context, f passwdFlags) (err error) {
	h, err := p.home()
	if err != nil {
		return err
	}
	account, to, err := p.accountOf(h)
	if err != nil {
		return err
	}
	// A running gateway holds the home and its pins, so this looks at the remote with fresh eyes.
	store, err := gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to}, &verify.MemoryPins{})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, store.Close) }()

	var old crypto.Login
	var before record
	if account.Passphrase {
		if old, before, err = p.oldRecord(ctx, store, account, to, f); err != nil {
			return err
		}
	}
	passphrase, err := p.read(ctx, secretSource{what: "new passphrase", variable: "POSTERN_NEW_PASSPHRASE", flag: "new-passphrase-file", file: f.newFile,
		prompt: "New passphrase: ", fresh: true, user: account.User})
	if err != nil {
		return err
	}
	login, err := crypto.NewLogin(account.User, passphrase)
	if err != nil {
		return say.Advisef("can't make a login of this passphrase: %w", err)
	}
	if before.found && login.Writer().ID() == before.pointer.ID {
		return say.Advisef("the new passphrase is the old one: nothing was changed")
	}
	if err := putRecord(ctx, store, login, account.User, to, account.Secret, p.rand); err != nil {
		return err
	}
	if !account.Passphrase {
		account.Passphrase = true
		if err := h.WriteAccount(account); err != nil {
			return err
		}
	}
	if err := retireRecord(ctx, store, old, before, p.rand); err != nil {
		return say.Advisef("the new passphrase works, but the old one still does too (%w): run postern passwd again", err)
	}
	p.printf("%s now logs in at %s with the new passphrase.\n", account.User, to)
	return nil
}

// oldRecord asks for the passphrase until now and finds its record.
func (p *program) oldRecord(ctx context.Context, store remote.Store, account home.Account, to gateway.Target, f passwdFlags) (crypto.Login, record, error) {
	passphrase, err := p.read(ctx, secretSource{what: "old passphrase", variable: "POSTERN_PASSPHRASE", flag: "passphrase-file", file: f.oldFile,
		prompt: "Old passphrase: "})
	if err != nil {
		return crypto.Login{}, record{}, err
	}
	wrong := say.Advisef("this is not the passphrase of %s at %s: try again, or set a new one by postern recover with the recovery words and another home", account.User, to)
	login, err := crypto.NewLogin(account.User, passphrase)
	if err != nil {
		return crypto.Login{}, record{}, wrong
	}
	now, err := loadRecord(ctx, store, login)
	if err != nil {
		return crypto.Login{}, record{}, err
	}
	if !now.found || !now.retired && now.secret != account.Secret {
		return crypto.Login{}, record{}, wrong
	}
	if now.retired {
		return crypto.Login{}, record{}, say.Advisef("this passphrase of %s was changed for another: use the newer one", account.User)
	}
	return login, now, nil
}

// accountOf reads the finished account of a home and where its remote is.
func (p *program) accountOf(h home.Home) (home.Account, gateway.Target, error) {
	account, err := h.ReadAccount()
	if errors.Is(err, home.ErrNoAccount) {
		return home.Account{}, gateway.Target{}, say.Advisef("the home %s has no account: make one with postern serve or postern init, or name the right home with --home", h)
	}
	if err != nil {
		return home.Account{}, gateway.Target{}, err
	}
	if account.Unfinished {
		return home.Account{}, gateway.Target{}, say.Advisef("the account in %s is half made: run postern serve once to finish it", h)
	}
	settings, err := p.settings(h, home.Settings{})
	if err != nil {
		return home.Account{}, gateway.Target{}, err
	}
	to, err := p.remoteOf(settings, account, h)
	return account, to, err
}

// remoteOf is the remote that the settings name, else the account's own.
func (p *program) remoteOf(settings home.Settings, account home.Account, h home.Home) (gateway.Target, error) {
	url := settings.Remote
	if url == "" {
		url = account.Remote
	}
	return p.drivers.Parse(url, h)
}
