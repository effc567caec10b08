package remote

import (
	"errors"
	"fmt"
)

// The kinds of failure. Callers ask with errors.Is.
var (
	ErrNotFound    = errors.New("not found")                          // no such blob or pointer
	ErrConflict    = errors.New("another state is there")             // a lost compare-and-swap
	ErrRefused     = errors.New("refused")                            // the remote won't, and won't later
	ErrFull        = errors.New("no space left")                      // quota or disk
	ErrUnavailable = errors.New("not reachable")                      // passing; retry later
	ErrCorrupt     = errors.New("damaged or not what was stored")     // bytes that do not fit their name or signature
	ErrRollback    = errors.New("older than what was seen before")    // an old pointer
	ErrFork        = errors.New("differs from what was seen before")  // another pointer of a sequence number seen before
	ErrForeign     = errors.New("does not belong to a Postern store") // a folder or bucket of something else
)

// Error says which operation failed, on what, how (Kind, one of the Err values) and why (Err, may be nil).
type Error struct {
	Op   string // "put blob", "load pointer"
	On   string // the blob's or pointer's name, or the remote's URL without secrets
	Kind error
	Err  error
}

// Error returns one sentence without a full stop.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.On, e.Kind)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
