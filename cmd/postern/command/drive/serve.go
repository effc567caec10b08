package drive

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/reach"
	"postern/crypto"
)

func serve(p *command.Program) *cobra.Command {
	var flags home.Settings
	create := false
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the drive",
		Long: `Serves the drive over WebDAV until it is interrupted. The first run on an empty home makes an account
by itself and shows its recovery words, once. A remote other than the folder in the home must be there then, or is made
with --create. Started by a systemd socket unit it serves at that socket instead of --addr.

Settings: flags, then $POSTERN_ADDR, $POSTERN_REMOTE, $POSTERN_SYNC and so on, then config.toml in the home, then
defaults.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveDrive(cmd.Context(), p, flags, create) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.Addr, "addr", "", "HOST:PORT to serve at (default "+home.Defaults().Addr+")")
	f.StringVar(&flags.Remote.URL, "remote", "", "URL of the remote (default: where the account lives; at first a folder "+
		"in the home)")
	f.BoolVar(&create, "create", false, "at the first run, make the remote of --remote in an empty or missing folder")
	f.StringVar(&flags.TLS.Mode, "tls", "", "serve HTTPS: with the certificate of tls.cert and tls.key, "+
		"else with one of the drive's own authority (see postern trust); --tls=off for not")
	f.Lookup("tls").NoOptDefVal = home.SwitchOn
	f.StringVar(&flags.MDNS, "mdns", "", "announce the drive on the local network: everybody there learns "+
		"this machine's name, address and port and that it has a drive, nothing else")
	f.Lookup("mdns").NoOptDefVal = home.SwitchOn
	f.StringVar(&flags.Privacy.Cover, "cover", "", "fetch the small blobs of all accounts at the remote, so that it sees "+
		"less of who reads whom; costs traffic and cache")
	f.Lookup("cover").NoOptDefVal = home.SwitchOn
	f.StringVar(&flags.Sync, "sync", "",
		`"back": answer when a change is durable here; "through": when the remote has it (default back)`)
	f.StringVar(&flags.Links.Addr, "link-page", "", "HOST:PORT to serve the page at that opens secret links in a browser, "+
		"such as 127.0.0.1:8099; others reach it at links.url of config.toml (default: none)")
	f.StringVar(&flags.Log, "log", "", "least severe messages to log: error, warn, info, debug (default info)")
	return cmd
}

// serveDrive serves the drive of the home until ctx ends. With create, the first run makes the remote if there is none.
func serveDrive(ctx context.Context, p *command.Program, flags home.Settings, create bool) error {
	h, err := p.Home()
	if err != nil {
		return err
	}
	settings, err := p.Settings(h, flags)
	if err != nil {
		return err
	}
	known, err := h.ReadAccount()
	if err != nil && !errors.Is(err, home.ErrNoAccount) {
		return err
	}
	first := err != nil || known.Unfinished
	to, err := p.Remote(h, settings, known)
	if err != nil {
		return err
	}
	made, password := false, ""
	err = gateway.Serve(ctx, gateway.Options{
		Home: h, To: to, First: first, Founding: first && (create || to.Default(h)), Settings: settings,
		Version: command.Version(), Getenv: p.Getenv, Log: newLog(p.Err, settings.Log), Rand: p.Rand,
		Account: func(ctx context.Context, s *gateway.Session) (known home.Account, err error) {
			show := func(secret crypto.AccountSecret) error { return p.GiveWords(h, secret) }
			known, made, err = account.FirstRun(ctx, s, show, p.Rand)
			return known, err
		},
		Password: func() (_, where string, err error) {
			password, where, err = account.Password(h, p.Getenv, p.Rand)
			return password, where, err
		},
		Welcome: func(help reach.HowTo) {
			if made && p.OnScreen() && help.Where == h.Password() {
				help.Password = password
			}
			welcome(p, help, made)
		},
	})
	if first {
		return gateway.OrCreate(err)
	}
	return err
}

// welcome says how to reach the drive: at length on a terminal and after the first run, else in one line.
func welcome(p *command.Program, help reach.HowTo, made bool) {
	if made || p.OnScreen() {
		p.Print(help.Long())
		return
	}
	p.Print(help.Short())
}

// newLog returns a log to w of all messages that are at least as severe as the level.
func newLog(w io.Writer, level string) *slog.Logger {
	levels := map[string]slog.Level{
		"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug,
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: levels[level]}))
}
