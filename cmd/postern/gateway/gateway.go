// Package gateway is the served drive: it opens the remote that a URL names, puts the drive on top of it, serves it
// over WebDAV, and answers commands over the control socket. Programs in cmd share it, so that benchmarks and torture
// tests run the shipped code.
package gateway

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/reach"
	"postern/dav/lock"
	"postern/remote"
	"postern/remote/verify"
	"postern/vfs/gc"
	"postern/vfs/layout"
	"postern/vfs/versions"
)

// gateway answers what commands ask. It implements control.Gateway.
type gateway struct {
	home     home.Home
	account  home.Account
	to       Target
	settings home.Settings
	address  string      // as listened on, host:port
	help     reach.HowTo // how clients reach it
	version  string      // of the program
	since    time.Time
	drive    *drive
	waits    remote.Deadlines
	pins     verify.Pins
	locks    lock.System
	log      *slog.Logger
	rekey    func() error // reads the drive's password again; nil for a drive that is not served

	keeping sync.Mutex              // held during a collection, check, export or import
	garbage atomic.Pointer[gc.Last] // the result of the newest collection; nil: not read yet
}

// Status implements control.Gateway.
func (g *gateway) Status(ctx context.Context) (control.Status, error) {
	status := g.drive.status()
	status.Running = g.address != ""
	status.Home, status.User, status.Device = g.home.String(), g.account.User, DeviceOf(g.account, g.settings).Name
	status.Remote, status.Address, status.Sync = g.to.String(), g.address, g.settings.Sync
	status.URL, status.CA, status.PasswordIn = g.help.URL.String(), g.help.CA, g.help.Where
	status.Version, status.PID, status.Since = g.version, os.Getpid(), g.since
	status.Passphrase = g.account.Passphrase
	if now, err := g.home.ReadAccount(); err == nil { // passwd may have set one since the gateway started
		status.Passphrase = now.Passphrase
	}
	status.Garbage, status.History = g.collected(), g.past(ctx)
	return status, nil
}

// collected returns the result of the newest collection on this device.
func (g *gateway) collected() control.Garbage {
	last := g.garbage.Load()
	if last == nil {
		read, err := g.drive.space.Keeper().LastCollected()
		if err != nil {
			return control.Garbage{}
		}
		last = &read
		g.garbage.Store(last)
	}
	if last.At == 0 {
		return control.Garbage{}
	}
	return control.Garbage{Last: time.Unix(0, last.At).UTC(), Needed: last.Needed, Waiting: last.Candidates, Due: last.Due}
}

// past returns how far the history goes back; zero when it can't be read soon.
func (g *gateway) past(ctx context.Context) (h control.History) {
	ctx, cancel := context.WithTimeout(ctx, g.waits.Status)
	defer cancel()
	for state, err := range versions.States(ctx, g.drive.fs) {
		if err != nil {
			return control.History{}
		}
		if when, ok := layout.StateTime(state.Name); ok {
			if h.States++; h.Oldest.IsZero() {
				h.Oldest = when
			}
		}
	}
	return h
}

// Rekey implements control.Gateway.
func (g *gateway) Rekey(context.Context) error {
	if g.rekey == nil {
		return nil
	}
	return g.rekey()
}

// Flush implements control.Gateway.
func (g *gateway) Flush(ctx context.Context) error { return g.drive.space.Home().Flush(ctx) }
