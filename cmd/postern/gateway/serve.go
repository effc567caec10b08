package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/reach"
	"postern/cmd/postern/say"
	"postern/metrics"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/pace"
)

// Options choose the drive and how it is opened. The zero value of an optional field means the shipped default.
type Options struct {
	Home     home.Home
	To       Target // where the account lives
	First    bool   // Account makes the drive, so the remote must be there at the start
	Founding bool   // an empty place may become the remote
	Settings home.Settings
	Version  string              // of the program
	Getenv   func(string) string // of the environment; nil: it is empty
	Log      *slog.Logger        // nil: quiet
	Rand     io.Reader
	Now      func() time.Time // the clock; nil: time.Now
	Waits    remote.Deadlines // those that are zero are the shipped ones

	// Account returns the account whose drive it is. It is called when the home is held and the remote is open.
	Account func(ctx context.Context, s *Session) (home.Account, error)
	// Password returns the clients' password, and the file that holds it or "$" and the variable that sets it.
	Password func() (password, where string, err error)
	// Welcome is called once, right before the drive is served.
	Welcome func(help reach.HowTo)
}

// Serve serves a drive until ctx ends. It opens from the outside in, so that an obstacle (another gateway, the port,
// the remote) is found before anything is made, and closes in reverse.
func Serve(ctx context.Context, o Options) (err error) {
	o = o.withDefaults()
	var memory collector
	defer memory.tune(ctx, o.Getenv)()
	measured := metrics.New(o.Version)
	s, err := Hold(ctx, HoldOptions{Home: o.Home, To: o.To, lasts: true, Founding: o.Founding, First: o.First,
		Metrics: measured, Log: o.Log, Limits: limits(o.Settings), waits: o.Waits, now: o.Now})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	listener, err := inherited(o.Getenv)
	if listener == nil && err == nil {
		listener, err = listen(ctx, o.Settings.Addr, "--addr")
	}
	if err != nil {
		return err
	}
	o.Settings.Addr = listener.Addr().String()
	listener = limitListener(listener, connections(openFiles()))
	defer func() { _ = listener.Close() }() // already closed after a normal end
	host := ""
	if o.Settings.MDNS == home.SwitchOn {
		if host, err = reach.LocalHost(); err != nil {
			return err
		}
		o.Settings.Hosts = append(slices.Clone(o.Settings.Hosts), host+".local") // clients that discover it use this name
	}
	help, listener, err := reach.Secure(o.Home, o.Settings, listener, o.Log)
	if err != nil {
		return err
	}
	account, err := o.Account(ctx, s)
	if err != nil {
		return err
	}
	password, where, err := o.Password()
	if err != nil {
		return err
	}
	opened, err := openDrive(ctx, driveOptions{home: o.Home, to: o.To, store: s.Store, line: s.line, usage: s.usage,
		account: account, settings: o.Settings, metrics: measured, waits: o.Waits, now: o.Now, log: o.Log, rand: o.Rand})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, opened.close) }()
	memory.whenIdle(opened.space.Home().Rest)
	uploads, err := o.Home.OpenUploads()
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, uploads.Close) }()
	handler, webdav, in, err := newHandler(handlerOptions{fs: opened.fs, status: opened.shown,
		sharing: opened.sharing, people: social{opened.people, o.Waits}, locks: s.state.Locks(), uploads: uploads,
		user: account.User, password: password, hosts: o.Settings.Hosts, metrics: measured, patience: o.Waits.Answer,
		now: o.Now, ready: opened.ready, log: o.Log, rand: o.Rand})
	if err != nil {
		return err
	}
	help.User, help.Where = account.User, where
	running := &gateway{home: o.Home, account: account, to: o.To, settings: o.Settings, address: listener.Addr().String(),
		help: help, version: o.Version,
		since: time.Now(), drive: opened, waits: o.Waits, pins: s.state.Pins(), locks: webdav.Locks(), log: o.Log}
	running.rekey = func() error {
		password, _, err := o.Password()
		if err != nil {
			return err
		}
		return in.lock(password)
	}
	socket, err := control.Listen(o.Home.Socket())
	if err != nil {
		return err
	}
	unlink, err := serveLinks(ctx, o, opened.checked)
	if err != nil {
		return err
	}
	defer unlink()
	opened.people.Start()
	o.Welcome(help)
	commands, idle := untilIdle(control.Handler(running, measured.Handler()))
	defer idle() // before the layers below close
	if o.Settings.GC.Auto == home.SwitchOn {
		defer inBackground(ctx, func(ctx context.Context) {
			running.collectNowAndThen(ctx, firstCollection, eachCollection)
		})()
	}
	if o.Settings.MDNS == home.SwitchOn {
		withdraw, err := reach.Announce(reach.Announcement{Instance: "Postern on " + account.DeviceName,
			Secure: o.Settings.TLS.Mode == home.SwitchOn, Host: host},
			listener.Addr(), o.Log)
		if err != nil {
			return err
		}
		defer withdraw()
	}
	return attend(ctx, o, listener, handler, webdav.Stop, socket, commands, opened)
}

// Limited returns a context whose calls to remotes keep limits of the bandwidth.
func Limited(ctx context.Context, up, down home.Rates) context.Context {
	return pace.With(ctx, pace.New(up.Plan(), down.Plan(), pace.Options{}))
}

// limitedBy is Limited for the limit in an order; empty: none.
func limitedBy(ctx context.Context, limit string) (context.Context, error) {
	var r home.Rates
	if limit == "" {
		return ctx, nil
	}
	if err := r.UnmarshalText([]byte(limit)); err != nil {
		return nil, err
	}
	return Limited(ctx, r, r), nil
}

// limits returns the limits of the bandwidth in the settings.
func limits(s home.Settings) *pace.Limits {
	return pace.New(s.Remote.Upload.Plan(), s.Remote.Download.Plan(), pace.Options{})
}

// withDefaults returns the options with defaults filled in.
func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Waits = o.Waits.OrShipped()
	if o.Welcome == nil {
		o.Welcome = func(reach.HowTo) {}
	}
	return o
}

// inBackground runs do in a goroutine; the returned function cancels its context and waits for its end.
func inBackground(ctx context.Context, do func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); do(ctx) }()
	return func() { cancel(); <-done }
}

// untilIdle returns a handler, and a function that rejects later requests and waits for those under way.
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

// attend serves until ctx ends, then stops in this order: no new connections, requests under way, journal to the
// remote.
func attend(
	ctx context.Context, o Options, listener net.Listener, handler http.Handler, stop func(),
	socket net.Listener, commands http.Handler, opened *drive,
) error {
	log := o.Log
	server, commandServer := newServer(handler, log), newServer(commands, log)
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(listener) }()
	go func() { ended <- commandServer.Serve(socket) }()
	log.Info("serving", "addr", listener.Addr().String(), "version", o.Version)
	var failed error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case failed = <-ended: // ended by itself: the listener failed
		failed = fmt.Errorf("the gateway can't serve any longer: %w", failed)
	}
	drain(server, stop, log)
	// The remote gets a bounded time, and none while it is away; commands such as status may watch meanwhile.
	flush, cancel := context.WithTimeout(context.Background(), o.Waits.Flush)
	defer cancel()
	defer opened.line.OnChange(func(s line.State) {
		if s.Away {
			cancel()
		}
	})()
	if opened.line.State().Away {
		cancel()
	}
	if err := opened.space.Home().Flush(flush); err != nil {
		log.Warn("not everything is at the remote yet; it is safe in the journal and goes there when the drive is served "+
			"again", "err", err)
	}
	_ = commandServer.Close() // no client needs the answer any more
	return failed
}
