package main

import (
	"context"
	"os"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/remote/verify"
)

// gateway answers what commands ask. It implements control.Gateway.
type gateway struct {
	home     home.Home
	account  home.Account
	to       target
	settings home.Settings
	address  string
	since    time.Time
	drive    *drive
	pins     verify.Pins
}

// Status implements control.Gateway.
func (g *gateway) Status(context.Context) (control.Status, error) {
	status := g.drive.status()
	status.Running = g.address != ""
	status.Home, status.User, status.Device = g.home.String(), g.account.User, g.account.DeviceName
	status.Remote, status.Address, status.Sync = g.to.String(), g.address, g.settings.Sync
	status.Version, status.PID, status.Since = buildVersion(), os.Getpid(), g.since
	status.Passphrase = g.account.Passphrase
	return status, nil
}

// Flush implements control.Gateway.
func (g *gateway) Flush(ctx context.Context) error { return g.drive.space.Flush(ctx) }
