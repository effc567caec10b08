package remote

import (
	"errors"
	"time"
)

// Throttled is the cause of an ErrUnavailable when the remote was reached, did nothing, and asks for fewer requests.
// The line waits and tries again; it does not count the remote as away.
type Throttled struct {
	After time.Duration // how long to wait at least; 0: the remote does not say
	Err   error         // what the remote said
}

// Error returns what the remote said.
func (t *Throttled) Error() string { return t.Err.Error() }

// Unwrap gives errors.Is the cause.
func (t *Throttled) Unwrap() error { return t.Err }

// Answered reports whether the remote was reached in a call that ended with err: it did the call, refused it, or asks
// for fewer requests.
func Answered(err error) bool {
	if !errors.Is(KindOf(err), ErrUnavailable) {
		return true
	}
	_, throttled := errors.AsType[*Throttled](err)
	return throttled
}
