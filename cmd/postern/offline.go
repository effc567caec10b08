package main

import (
	"context"
	"errors"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
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
func (p *program) alone(ctx context.Context, h home.Home, do func(control.Gateway) error) error {
	account, to, err := p.accountOf(h)
	if err != nil {
		return err
	}
	settings, err := p.settings(h, home.Settings{})
	if err != nil {
		return err
	}
	if to.Volatile() {
		return say.Advisef("no gateway is running on %s, and its remote %s ended with the last one: start it with postern serve", h, to)
	}
	return gateway.Offline(ctx, gateway.Options{Home: h, To: to, Settings: settings, Version: buildVersion(), Rand: p.rand,
		Account: func(context.Context, *gateway.Session) (home.Account, error) { return account, nil }}, do)
}
