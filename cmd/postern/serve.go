package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/reach"
)

// defaultUser is the name of an account that the first run makes by itself.
const defaultUser = "postern"

func (p *program) serve() *cobra.Command {
	var flags home.Settings
	create := false
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the drive",
		Long: `Serves the drive over WebDAV until it is interrupted. The first run on an empty home makes an account
by itself and shows its recovery words, once. A remote other than the folder in the home must be there then, or is made
with --create. Started by a systemd socket unit it serves at that socket instead of --addr.

Settings: flags, then $POSTERN_ADDR, $POSTERN_REMOTE, $POSTERN_SYNC and so on, then config.toml in the home, then defaults.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serveDrive(cmd.Context(), flags, create) },
	}
	cmd.Flags().StringVar(&flags.Addr, "addr", "", "HOST:PORT to serve at (default "+home.Defaults().Addr+")")
	cmd.Flags().StringVar(&flags.Remote, "remote", "", "URL of the remote (default: where the account lives; at first a folder in the home)")
	cmd.Flags().BoolVar(&create, "create", false, "at the first run, make the remote of --remote in an empty or missing folder")
	cmd.Flags().StringVar(&flags.TLS.Mode, "tls", "", "serve HTTPS: with the certificate of tls.cert and tls.key, else with one of the drive's own authority (see postern trust); --tls=off for not")
	cmd.Flags().Lookup("tls").NoOptDefVal = home.SwitchOn
	cmd.Flags().StringVar(&flags.MDNS, "mdns", "", "announce the drive on the local network: everybody there learns this machine's name, address and port and that it has a drive, nothing else")
	cmd.Flags().Lookup("mdns").NoOptDefVal = home.SwitchOn
	cmd.Flags().StringVar(&flags.Sync, "sync", "", `"back": answer when a change is durable here; "through": when the remote has it (default back)`)
	cmd.Flags().StringVar(&flags.Log, "log", "", "least severe messages to log: error, warn, info, debug (default info)")
	return cmd
}

// serveDrive serves the drive of the home until ctx ends. With create, the first run makes the remote if there is none.
func (p *program) serveDrive(ctx context.Context, flags home.Settings, create bool) error {
	h, err := p.home()
	if err != nil {
		return err
	}
	settings, err := p.settings(h, flags)
	if err != nil {
		return err
	}
	known, err := h.ReadAccount()
	if err != nil && !errors.Is(err, home.ErrNoAccount) {
		return err
	}
	first := err != nil || known.Unfinished
	to, err := p.remoteOf(settings, known, h)
	if err != nil {
		return err
	}
	var fresh bool
	var password string
	err = gateway.Serve(ctx, gateway.Options{
		Home: h, To: to, First: first, Founding: first && (create || to.Default(h)), Settings: settings,
		Version: buildVersion(), Getenv: p.getenv, Log: newLog(p.err, settings.Log), Rand: p.rand,
		Account: func(ctx context.Context, s *gateway.Session) (account home.Account, err error) {
			account, fresh, err = p.finishAccount(ctx, s)
			return account, err
		},
		Password: func() (_, where string, err error) {
			password, where, err = p.davPassword(h)
			return password, where, err
		},
		Welcome: func(help reach.HowTo) {
			if fresh && p.onScreen() && help.Where == h.Password() {
				help.Password = password
			}
			p.welcome(help, fresh)
		},
	})
	if first {
		return gateway.OrCreate(err)
	}
	return err
}

// finishAccount returns the home's account, and makes one, or finishes what an earlier run began. fresh tells that words
// were shown.
func (p *program) finishAccount(ctx context.Context, s *gateway.Session) (account home.Account, fresh bool, err error) {
	if s.To.Volatile() {
		// Nothing of this drive outlives the process, so its account is not written down either.
		account, err = home.NewAccount(defaultUser, s.To.String(), p.rand)
		if err == nil {
			err = gateway.BeginDrive(ctx, s, account, p.rand)
		}
		return account, false, err
	}
	account, err = s.Home.ReadAccount() // again, now that nobody else can change it
	if errors.Is(err, home.ErrNoAccount) {
		if account, err = home.NewAccount(defaultUser, s.URL(), p.rand); err == nil {
			err = s.Home.WriteAccount(account)
		}
	}
	if err != nil || !account.Unfinished {
		return account, false, err
	}
	if err := gateway.BeginDrive(ctx, s, account, p.rand); err != nil {
		return home.Account{}, false, err
	}
	if err := p.giveWords(s.Home, account.Secret); err != nil {
		return home.Account{}, false, err
	}
	account.Unfinished = false
	return account, true, s.Home.WriteAccount(account)
}

// davPassword is what clients log in with, and where the user finds it.
func (p *program) davPassword(h home.Home) (password, where string, err error) {
	const variable = "POSTERN_DAV_PASSWORD"
	if password := p.getenv(variable); password != "" {
		return password, "$" + variable, nil
	}
	password, err = h.ReadPassword(p.rand)
	return password, h.Password(), err
}

// welcome says how to reach the drive: at length to people, in a line to logs.
func (p *program) welcome(help reach.HowTo, fresh bool) {
	if fresh || p.onScreen() {
		p.print(help.Long())
		return
	}
	p.print(help.Short())
}

// newLog writes to stderr what is at least of the level.
func newLog(w io.Writer, level string) *slog.Logger {
	levels := map[string]slog.Level{"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: levels[level]}))
}
