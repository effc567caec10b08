package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/pace"
)

// Session is a home that this process has locked, with its remote open. Account commands work on it.
type Session struct {
	Home  home.Home
	To    Target
	Store remote.Store // checked and retried

	line  *line.Line
	usage *home.Usage
	lock  *home.Lock
	state *home.State
}

// HoldOptions are the choices of Hold.
type HoldOptions struct {
	Home     home.Home
	To       Target
	Founding bool             // an empty folder may become a remote
	First    bool             // the drive is made now, so its remote must be there
	Metrics  *metrics.Metrics // nil: no measurements
	Log      *slog.Logger     // nil: quiet
	Limits   *pace.Limits     // of the bandwidth; nil: none

	waits remote.Deadlines
	now   func() time.Time // nil: time.Now
	usage *home.Usage      // where requests are counted; nil: nowhere
	lasts bool             // the session is a gateway's: the remote may come late, and be away meanwhile
}

// Hold makes and locks the home and opens its remote. It writes to the remote only to make an empty folder one.
func Hold(ctx context.Context, o HoldOptions) (_ *Session, err error) {
	if err := o.Home.Make(); err != nil {
		return nil, err
	}
	s := &Session{Home: o.Home, To: o.To}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.lock, err = o.Home.Lock(); err != nil {
		return nil, err
	}
	if s.state, err = o.Home.OpenState(); err != nil {
		return nil, err
	}
	s.usage = o.Home.OpenUsage(o.now)
	o.usage = s.usage
	if s.Store, s.line, err = openRemote(ctx, o, s.state.Pins()); err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the remote and unlocks the home.
func (s *Session) Close() error {
	var errs []error
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	if s.usage != nil {
		s.usage.Close()
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	return errors.Join(errs...)
}

// URL returns the remote's URL as the account stores it: empty for the folder in the home, so that the home can be
// moved.
func (s *Session) URL() string {
	if s.To.Default(s.Home) {
		return ""
	}
	return s.To.String()
}

// HasDrive reports whether the account's drive is at the remote. A drive whose pointer does not open is an error.
func HasDrive(ctx context.Context, store remote.Store, secret crypto.AccountSecret) (bool, error) {
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
