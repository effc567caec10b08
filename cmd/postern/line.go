package main

import (
	"log/slog"
	"sync/atomic"
	"time"

	"postern/remote"
	"postern/remote/breaker"
)

// line is the way to the remote of a gateway that lasts: it knows whether the remote is away, so that nobody waits for it, and tells when it
// is back. Nil: a command that is soon over, and rather waits.
type line struct {
	breaker *breaker.Store
	back    atomic.Pointer[func()]
}

// through puts a breaker in front of a remote.
func (l *line) through(inner remote.Store, log *slog.Logger) remote.Store {
	if l == nil {
		return inner
	}
	l.breaker = breaker.New(inner, breaker.Options{Log: log, Changed: func(s breaker.State) {
		if do := l.back.Load(); do != nil && !s.Away {
			(*do)()
		}
	}})
	return l.breaker
}

// whenBack is called whenever the remote is back; it must return soon.
func (l *line) whenBack(do func()) {
	if l != nil {
		l.back.Store(&do)
	}
}

// awaySince is since when the remote is away, as far as that is known: zero when it isn't. noticed is since when the drive has failed to
// bring something there.
func (l *line) awaySince(noticed time.Time) time.Time {
	if l == nil {
		return noticed
	}
	since := l.breaker.State().Since
	if since.IsZero() || !noticed.IsZero() && noticed.Before(since) {
		return noticed
	}
	return since
}
