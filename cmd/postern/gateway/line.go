package gateway

import (
	"errors"
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
	gone    atomic.Pointer[func()]
}

// through puts a breaker in front of a remote.
func (l *line) through(inner remote.Store, o breaker.Options, log *slog.Logger) remote.Store {
	if l == nil {
		return inner
	}
	o.Log, o.Changed = log, func(s breaker.State) {
		do := &l.back
		if s.Away {
			do = &l.gone
		}
		if do := do.Load(); do != nil {
			(*do)()
		}
	}
	l.breaker = breaker.New(inner, o)
	return l.breaker
}

// whenBack is called whenever the remote is back; it must return soon.
func (l *line) whenBack(do func()) {
	if l != nil {
		l.back.Store(&do)
	}
}

// why is what keeps the remote away, in a few words; empty while it is there, as far as is known.
func (l *line) why() string {
	if l == nil {
		return ""
	}
	why := l.breaker.State().Why
	if why == nil {
		return ""
	}
	for {
		e, ok := errors.AsType[*remote.Error](why)
		if !ok {
			return why.Error()
		}
		if e.Err == nil {
			return e.Kind.Error()
		}
		why = e.Err
	}
}

// whenAway is called when the remote is away, and at once if it is; it must return soon.
func (l *line) whenAway(do func()) {
	l.gone.Store(&do)
	if l.breaker.State().Away {
		do()
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
