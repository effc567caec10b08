package gateway

import (
	"cmp"
	"log/slog"
	"time"

	"postern/remote/breaker"
	"postern/remote/retry"
)

// Waits are the times that a gateway waits. Each that is zero is the shipped one; tests shorten them, so that minutes show what
// else takes days.
type Waits struct {
	Retry   retry.Options   // of each call of the remote; without Sleep and Log
	Breaker breaker.Options // when the remote counts as away; only its times
	Look    time.Duration   // for the remote, at the start
	Commit  time.Duration   // for further changes, before a commit
	Poll    time.Duration   // between two looks for commits of other devices
	Answer  time.Duration   // for storage, before a request is answered
	Flush   time.Duration   // for the remote, at the end
}

func (w Waits) look() time.Duration  { return cmp.Or(w.Look, lateLook) }
func (w Waits) flush() time.Duration { return cmp.Or(w.Flush, flushTimeout) }

// retry returns the options for further tries.
func (w Waits) retry(log *slog.Logger) retry.Options {
	o := w.Retry
	o.Log = log
	return o
}
