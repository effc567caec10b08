package gateway

import (
	"context"
	"fmt"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/dav/lock"
	"postern/metrics"
)

// Offline opens a drive without serving it, and calls do with its control interface, which is valid until do returns.
func Offline(ctx context.Context, o Options, do func(control.Gateway) error) (err error) {
	o = o.withDefaults()
	s, err := Hold(ctx, HoldOptions{Home: o.Home, To: o.To, Limits: limits(o.Settings), waits: o.Waits, now: o.Now})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	account, err := o.Account(ctx, s)
	if err != nil {
		return err
	}
	opened, err := openDrive(ctx, driveOptions{home: o.Home, to: o.To, store: s.Store, line: s.line, usage: s.usage,
		account: account, settings: o.Settings, metrics: metrics.New(o.Version), waits: o.Waits, now: o.Now,
		log: o.Log, rand: o.Rand})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, opened.close) }()
	locks, err := lock.New(lock.Options{Store: s.state.Locks()})
	if err != nil {
		return fmt.Errorf("can't read the drive's locks: %w", err)
	}
	return do(&gateway{home: o.Home, account: account, to: o.To, settings: o.Settings, version: o.Version, drive: opened,
		waits: o.Waits, pins: s.state.Pins(), locks: locks,
		log: o.Log})
}
