package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/dav/lock"
	"postern/metrics"
)

// withGateway does something with the gateway that serves the home, or, when none does, with one opened for the purpose.
func (p *program) withGateway(ctx context.Context, do func(control.Gateway) error) error {
	h, err := p.home()
	if err != nil {
		return err
	}
	err = do(control.NewClient(h.Socket()))
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	return p.alone(ctx, h, do)
}

// alone opens the drive without serving it.
func (p *program) alone(ctx context.Context, h home.Home, do func(control.Gateway) error) (err error) {
	account, to, err := p.accountOf(h)
	if err != nil {
		return err
	}
	settings, err := p.settings(h, home.Settings{})
	if err != nil {
		return err
	}
	if to.driver.volatile {
		return advisef("no gateway is running on %s, and its remote %s ended with the last one: start it with postern serve", h, to)
	}
	s, err := hold(ctx, holdOptions{home: h, to: to})
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	opened, err := openDrive(ctx, driveOptions{home: h, to: to, store: s.store, account: account, settings: settings,
		metrics: metrics.New(buildVersion()), log: slog.New(slog.DiscardHandler), rand: p.rand})
	if err != nil {
		return err
	}
	defer func() { err = closing(err, opened.close) }()
	locks, err := lock.New(lock.Options{Store: s.state.Locks()})
	if err != nil {
		return fmt.Errorf("can't read the drive's locks: %w", err)
	}
	return do(&gateway{home: h, account: account, to: to, settings: settings, drive: opened, pins: s.state.Pins(), locks: locks,
		log: slog.New(slog.DiscardHandler)})
}
