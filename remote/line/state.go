package line

import (
	"errors"
	"fmt"
	"time"

	"postern/remote"
)

// State describes whether a line's remote is reachable.
type State struct {
	Away   bool
	Since  time.Time // when it was found away; zero while it is there
	Why    error     // the error of the first trial; nil while it is there
	Trials uint64    // since it was found away
	Times  uint64    // how often it was found away, in all
	Failed uint64    // calls that failed at once, in all
}

// Reason returns in a few words why the remote is away, empty while it is there.
func (s State) Reason() string {
	for why := s.Why; why != nil; {
		e, ok := errors.AsType[*remote.Error](why)
		switch {
		case !ok:
			return why.Error()
		case e.Err == nil:
			return e.Kind.Error()
		}
		why = e.Err
	}
	return ""
}

// Away is the cause in errors of calls that failed because the remote is known to be away.
type Away struct {
	Since time.Time
	Err   error // what the first trial met
}

// Error states since when, and why.
func (a *Away) Error() string {
	return fmt.Sprintf("the remote has been away since %s: %v", a.Since.Format(time.DateTime), a.Err)
}

// Unwrap gives errors.Is the cause.
func (a *Away) Unwrap() error { return a.Err }
