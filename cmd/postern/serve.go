package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/metrics"
)

// defaultUser is the name of an account that the first run makes by itself.
const defaultUser = "postern"

// flushTimeout bounds how long a stopping gateway waits for the remote. What is not there by then lies in the journal.
const flushTimeout = 20 * time.Second

func (p *program) serve() *cobra.Command {
	var flags home.Settings
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the drive",
		Long: `Serves the drive over WebDAV until it is interrupted. The first run on an empty home makes an account
by itself and shows its recovery words, once.

Settings: flags, then $POSTERN_ADDR, $POSTERN_REMOTE, $POSTERN_SYNC and so on, then config.toml in the home, then defaults.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serveDrive(cmd.Context(), flags) },
	}
	cmd.Flags().StringVar(&flags.Addr, "addr", "", "HOST:PORT to serve at (default "+home.Defaults().Addr+")")
	cmd.Flags().StringVar(&flags.Remote, "remote", "", "URL of the remote (default: where the account lives; at first a folder in the home)")
	cmd.Flags().StringVar(&flags.TLS.Mode, "tls", "", "serve HTTPS: with the certificate of tls.cert and tls.key, else with one of the drive's own authority (see postern trust); --tls=off for not")
	cmd.Flags().Lookup("tls").NoOptDefVal = home.SwitchOn
	cmd.Flags().StringVar(&flags.MDNS, "mdns", "", "announce the drive on the local network: everybody there learns this machine's name, address and port and that it has a drive, nothing else")
	cmd.Flags().Lookup("mdns").NoOptDefVal = home.SwitchOn
	cmd.Flags().StringVar(&flags.Sync, "sync", "", `"back": answer when a change is durable here; "through": when the remote has it (default back)`)
	cmd.Flags().StringVar(&flags.Log, "log", "", "least severe messages to log: error, warn, info, debug (default info)")
	return cmd
}

// serveDrive opens from the outside in, so that what is in the way (another gateway, the port, the remote) is found
// before anything is made, and closes in reverse.
func (p *program) serveDrive(ctx context.Context, flags home.Settings) (err error) {
	h, err := p.home()
	if err != nil {
		return err
	}
	settings, err := p.settings(h, flags)
	if err != nil {
		return err
	}
	known, err := h.ReadAccount()
	first := errors.Is(err, home.ErrNoAccount)
	if err != nil && !first {
		return err
	}
	to, err := remoteOf(settings, known, h)
	if err != nil {
		return err
	}
	defer p.tuneCollector(ctx, settings)()
	log := newLog(p.err, settings.Log)
	measured := metrics.New(buildVersion())

	way := &line{}
	s, err := hold(ctx, holdOptions{home: h, to: to, line: way, founding: first || known.Unfinished, metrics: measured, log: log})
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	listener, err := listen(ctx, settings.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed already after a good end
	if settings.MDNS == home.SwitchOn {
		host, err := localHost()
		if err != nil {
			return err
		}
		settings.Hosts = append(slices.Clone(settings.Hosts), host+".local") // by which those who find it come
	}
	help, listener, err := p.secure(h, settings, listener, log)
	if err != nil {
		return err
	}

	account, fresh, err := p.finishAccount(ctx, s)
	if err != nil {
		return err
	}
	password, where, err := p.davPassword(h)
	if err != nil {
		return err
	}
	opened, err := openDrive(ctx, driveOptions{home: h, to: to, store: s.store, line: way, account: account, settings: settings,
		metrics: measured, log: log, rand: p.rand})
	if err != nil {
		return err
	}
	defer func() { err = closing(err, opened.close) }()
	uploads, err := h.OpenUploads()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, uploads.Close) }()
	handler, webdav, err := newHandler(handlerOptions{fs: opened.fs, status: opened.shown, locks: s.state.Locks(), uploads: uploads, user: account.User, password: password, hosts: settings.Hosts,
		metrics: measured, ready: opened.ready, log: log, rand: p.rand})
	if err != nil {
		return err
	}
	help.user, help.where = account.User, where
	running := &gateway{home: h, account: account, to: to, settings: settings, address: listener.Addr().String(), help: help, since: time.Now(),
		drive: opened, pins: s.state.Pins(), locks: webdav.Locks(), log: log}
	socket, err := control.Listen(h.Socket())
	if err != nil {
		return err
	}
	if fresh && !p.logged() && where == h.Password() {
		help.password = password
	}
	p.welcome(help, fresh)
	commands, idle := untilIdle(control.Handler(running, measured.Handler(), sentence))
	defer idle() // before what they work on is closed
	if settings.GC.Auto == home.SwitchOn {
		defer inBackground(ctx, func(ctx context.Context) { running.collectNowAndThen(ctx, firstCollection, eachCollection) })()
	}
	if settings.MDNS == home.SwitchOn {
		host, err := localHost()
		if err != nil {
			return err
		}
		withdraw, err := announce(announcement{instance: "Postern on " + account.DeviceName, secure: settings.TLS.Mode == home.SwitchOn, host: host}, listener.Addr(), log)
		if err != nil {
			return err
		}
		defer withdraw()
	}
	return p.attend(ctx, log, listener, handler, webdav.Stop, socket, commands, opened)
}

// inBackground runs something until it is told to end; the function that it returns does so, and waits for that.
func inBackground(ctx context.Context, do func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); do(ctx) }()
	return func() { cancel(); <-done }
}

// untilIdle is a handler, and a function that waits until no request is under way any more and has those that come later refused.
func untilIdle(next http.Handler) (handler http.Handler, idle func()) {
	var open sync.RWMutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open.TryRLock() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		defer open.RUnlock()
		next.ServeHTTP(w, r)
	}), open.Lock
}

// attend serves until ctx ends, then stops in good order: no new connections, requests under way, journal to the remote.
func (p *program) attend(ctx context.Context, log *slog.Logger, listener net.Listener, handler http.Handler, stop func(), socket net.Listener, commands http.Handler, opened *drive) error {
	server, commandServer := newServer(handler, log), newServer(commands, log)
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(listener) }()
	go func() { ended <- commandServer.Serve(socket) }()
	log.Info("serving", "addr", listener.Addr().String(), "version", buildVersion())
	var failed error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case failed = <-ended: // before it was told to: the listener broke
		failed = fmt.Errorf("the gateway can't serve any longer: %w", failed)
	}
	drain(server, stop, log)
	// The remote gets a bounded time, and none while it is away; commands such as status may watch meanwhile.
	flush, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	opened.line.whenAway(cancel)
	if err := opened.space.Flush(flush); err != nil {
		log.Warn("not everything is at the remote yet; it is safe in the journal and goes there when the drive is served again", "err", err)
	}
	_ = commandServer.Close() // nobody needs the answer any more
	return failed
}

// finishAccount returns the home's account, and makes one, or finishes what an earlier run began. fresh tells that words
// were shown.
func (p *program) finishAccount(ctx context.Context, s *session) (account home.Account, fresh bool, err error) {
	if s.to.driver.volatile {
		// Nothing of this drive outlives the process, so its account is not written down either.
		account, err = home.NewAccount(defaultUser, s.to.String(), p.rand)
		if err == nil {
			err = beginDrive(ctx, s, account, p.rand)
		}
		return account, false, err
	}
	account, err = s.home.ReadAccount() // again, now that nobody else can change it
	if errors.Is(err, home.ErrNoAccount) {
		if account, err = home.NewAccount(defaultUser, s.url(), p.rand); err == nil {
			err = s.home.WriteAccount(account)
		}
	}
	if err != nil || !account.Unfinished {
		return account, false, err
	}
	if err := beginDrive(ctx, s, account, p.rand); err != nil {
		return home.Account{}, false, err
	}
	if err := p.giveWords(s.home, account.Secret); err != nil {
		return home.Account{}, false, err
	}
	account.Unfinished = false
	return account, true, s.home.WriteAccount(account)
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
func (p *program) welcome(help howTo, fresh bool) {
	if fresh || p.onScreen() {
		p.printf("%s", help.long())
		return
	}
	p.printf("%s", help.short())
}
