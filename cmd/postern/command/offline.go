package command

import (
	"context"
	"errors"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// WithGateway calls do with the gateway that serves the home. If none runs, it opens the drive for the time of the
// call.
func (p *Program) WithGateway(ctx context.Context, do func(control.Gateway) error) error {
	h, err := p.Home()
	if err != nil {
		return err
	}
	err = do(control.NewClient(h.Socket()))
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	return p.offline(ctx, h, do)
}

// offline opens the drive without serving it.
func (p *Program) offline(ctx context.Context, h home.Home, do func(control.Gateway) error) error {
	account, to, err := p.Account(h)
	if err != nil {
		return err
	}
	settings, err := p.Settings(h, home.Settings{})
	if err != nil {
		return err
	}
	if to.Volatile() {
		return say.Advisef("no gateway is running on %s, and its remote %s ended with the last one: "+
			"start it with postern serve", h, to)
	}
	return gateway.Offline(ctx, gateway.Options{
		Home: h, To: to, Settings: settings, Version: Version(), Rand: p.Rand,
		Account: func(context.Context, *gateway.Session) (home.Account, error) { return account, nil },
	}, do)
}
