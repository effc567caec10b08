package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
)

// session is a home held by this process with its remote open: what account commands work on.
type session struct {
	home  home.Home
	lock  *home.Lock
	state *home.State
	to    target
	store remote.Store // checked and retried
}

// holdOptions say what hold opens.
type holdOptions struct {
	home     home.Home
	to       target
	founding bool             // an empty folder may become a remote
	line     *line            // knows whether the remote is away; nil: nobody does
	metrics  *metrics.Metrics // nil: nobody measures
	log      *slog.Logger     // nil: quiet
}

// hold makes and locks the home and opens its remote. Nothing is written to the remote beyond what makes an empty folder
// one.
func hold(ctx context.Context, o holdOptions) (_ *session, err error) {
	if err := o.home.Make(); err != nil {
		return nil, err
	}
	s := &session{home: o.home, to: o.to}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.lock, err = o.home.Lock(); err != nil {
		return nil, err
	}
	if s.state, err = o.home.OpenState(); err != nil {
		return nil, err
	}
	if s.store, err = openChecked(ctx, o, s.state.Pins()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *session) close() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	return errors.Join(errs...)
}

// url is what the account keeps of its remote: nothing for the folder in the home, so that the home can be moved.
func (s *session) url() string {
	if s.to.driver.scheme == "disk" && s.to.rest == s.home.Remote() {
		return ""
	}
	return s.to.String()
}

// hasDrive tells whether the account's drive is at the remote. A drive whose pointer does not open is an error.
func hasDrive(ctx context.Context, store remote.Store, secret crypto.AccountSecret) (bool, error) {
	pointer, err := store.Load(ctx, secret.Writer().ID())
	if errors.Is(err, remote.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := crypto.OpenValue(secret.Reader(), pointer); err != nil {
		return false, fmt.Errorf("the drive's pointer does not open: %w", err)
	}
	return true, nil
}

// vacant refuses a home that has a finished account, and returns an unfinished one of the same user to go on with.
func vacant(h home.Home, user string) (*home.Account, error) {
	account, err := h.ReadAccount()
	switch {
	case errors.Is(err, home.ErrNoAccount):
		return nil, nil
	case err != nil:
		return nil, err
	case account.Unfinished && account.User == user:
		return &account, nil
	}
	return nil, advisef("the home %s has the account of %s already: name another home with --home", h, account.User)
}
